import type { BrokerStatus, PartitionStatus } from '#broker';

/** Returns the status of a broker at rest, with different values for what tests distinguish. */
export function brokerStatus(
  partitions: readonly PartitionStatus[],
  changes: Partial<BrokerStatus> = {},
): BrokerStatus {
  return {
    topics: 1,
    partitions,
    disk: { isDiskFull: false, heldBytes: 4096 },
    segments: 7,
    quarantinedBytes: 0,
    clock: { aheadMs: 0, graceLeftMs: 0, jumpsTotal: 0 },
    bufferTotalBytes: 1000,
    bufferAvailableBytes: 900,
    bufferWaiters: 0,
    bufferExhaustedTotal: 4,
    delayedFetches: 0,
    delayedFetchesRefusedTotal: 0,
    committedOffsets: 0,
    offsetsExpiredTotal: 0,
    diskReads: 0,
    groups: {
      groups: 1,
      members: 2,
      stateBytes: 3,
      totals: { rebalances: 4, generations: 3, sessionsOver: 5, offsetsCommitted: 9 },
      pollsWaiting: 6,
      pollsRefusedTotal: 7,
      acknowledgedDeletedTotal: 11,
      queueGroupsRemembered: 8,
    },
    queues: {
      acquired: 1,
      waiting: 2,
      pending: 3,
      acquiredTotal: 4,
      redeliveredTotal: 5,
      acknowledgedTotal: 6,
      releasedTotal: 7,
      rejectedTotal: 8,
      locksExpiredTotal: 9,
      deadLettersTotal: 10,
    },
    delayedRecords: { indexes: 1, records: 2, memoryBytes: 3, rebuildsTotal: 4, evictedTotal: 5 },
    keptState: {
      offsetBytes: 700,
      offsetCommitsRefusedTotal: 3,
      producers: { producers: 2, usedBytes: 1300, refusedTotal: 5, evictedTotal: 6 },
    },
    diskReadsWaiting: 0,
    cluster: undefined,
    ...changes,
  };
}

/** Returns the status of a partition with one record and without faults. */
export function partitionStatus(
  topic: string,
  changes: Partial<PartitionStatus> = {},
): PartitionStatus {
  return {
    topic,
    partition: 0,
    logStartOffset: 0,
    highWatermark: 1,
    logEndOffset: 1,
    sizeBytes: 10,
    isWritable: true,
    lostRecords: [],
    damagedRanges: 0,
    offline: undefined,
    ...changes,
  };
}
