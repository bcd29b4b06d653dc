import type { Log } from '#log';
import { type LeaderEpoch, type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import type { PartitionTable, ReplicaEnd } from '#replication';

/** Log offsets of a partition at its leader. */
export interface LeaderStatus extends TopicPartition {
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  readonly logEndOffset: Offset;
  readonly sizeBytes: number;
  /** Log end of each replica, when it was requested. */
  readonly replicas?: readonly ReplicaEnd[];
  /** Start of the first leader epoch after the one asked for; absent before there is one. */
  readonly nextEpochStartOffset?: Offset;
}

/** Later than all epochs: no epoch began after it. */
export const UNKNOWN_EPOCH = 2 ** 31 - 1;

/** A partition whose status is requested. */
export interface StatusTarget extends TopicPartition {
  /**
   * Asks for the start of the first leader epoch after this one. A leader that does not know yet
   * which records are committed leaves the partition out.
   */
  readonly afterEpoch?: LeaderEpoch;
}

export interface StatusOptions {
  readonly withReplicas?: boolean;
  /** Leaders answer once they know this version of the metadata; others are left out. */
  readonly metadataVersion?: number;
}

/** Statuses of the partitions among these that this broker leads. */
export function statusesOfLedPartitions(
  replicas: { readonly table: Pick<PartitionTable, 'partition'> },
  partitions: readonly StatusTarget[],
  { withReplicas = false }: StatusOptions = {},
): LeaderStatus[] {
  const statuses: LeaderStatus[] = [];
  for (const { topic, partition, afterEpoch } of partitions) {
    const led = replicas.table.partition(topic, partition);
    if (led?.isLeader !== true) continue;
    if (afterEpoch !== undefined && !led.isCommittedEndKnown) continue;
    const { logStart: logStartOffset, logEnd: logEndOffset } = led.log.offsets;
    const { sizeBytes } = led.log;
    const { highWatermark } = led;
    const status = { topic, partition, logStartOffset, highWatermark, logEndOffset, sizeBytes };
    statuses.push({
      ...status,
      ...(withReplicas && { replicas: led.replicaEnds() }),
      ...(afterEpoch !== undefined && nextEpochStart(led.log, afterEpoch)),
    });
  }
  return statuses;
}

function nextEpochStart(
  { leadership }: Log,
  afterEpoch: LeaderEpoch,
): Pick<LeaderStatus, 'nextEpochStartOffset'> {
  const nextEpochStartOffset = leadership.epochStartAfter(afterEpoch);
  return nextEpochStartOffset === undefined ? {} : { nextEpochStartOffset };
}

export function byPartition(statuses: readonly LeaderStatus[]): Map<string, LeaderStatus> {
  return new Map(statuses.map((status) => [topicPartitionName(status), status]));
}
