import { ProtocolError, topicPartitionName } from '#protocol';
import type { Logger } from '#runtime';
import type { Partition } from './partition.js';
import type { PartitionFetchState } from './partition-fetch-state.js';
import { truncationOffset } from './replica-position.js';
import type { EpochEnd, ReplicaFetchResult } from './replica-protocol.js';

export interface ReplicaFetchApplierOptions {
  readonly brokerId: number;
  readonly logger: Logger;
  /**
   * Cuts a damaged replica that the leader's batches cannot repair, once the cut is safe. Rejects
   * while it is not.
   */
  readonly cutDamage: (partition: Partition) => Promise<void>;
}

/**
 * Changes the logs of followers as their leader's answers demand: appends and repairs, truncates
 * where the logs diverge, restarts a log that the leader's log does not reach.
 *
 * Overlap: calls for different partitions may overlap. Calls for one partition must not; its
 * PartitionFetchState is `applying` meanwhile. The log refuses a change of an election that is not
 * the accepted one, so a change of the leader may come at any time.
 */
export class ReplicaFetchApplier {
  readonly #options: ReplicaFetchApplierOptions;

  constructor(options: ReplicaFetchApplierOptions) {
    this.#options = options;
  }

  /** Appends fetched batches, or repairs damage with them, and follows the leader's log start. */
  async append(
    { partition, election, fetchOffset }: PartitionFetchState,
    { records, logStartOffset }: ReplicaFetchResult,
    batches: readonly Buffer[],
  ): Promise<void> {
    const { log } = partition;
    if (records !== undefined) {
      const { compactedEndOffset, elections } = records;
      const leader = { election, compactedEndOffset, elections };
      if (fetchOffset >= log.offsets.logEnd) await log.copies.append(batches, leader);
      else if (!(await log.damage.repair(fetchOffset, batches, leader))) {
        await this.#options.cutDamage(partition);
      }
    }
    const start = Math.min(logStartOffset, partition.highWatermark);
    if (start > log.offsets.logStart) await log.trimmer.deleteRecordsBefore(start);
  }

  /** Cuts a log where it diverges from its leader's, which is asked again afterwards (KIP-279). */
  async truncate({ partition, election }: PartitionFetchState, diverging: EpochEnd): Promise<void> {
    const { log } = partition;
    const offset = truncationOffset(partition, diverging);
    const { logEnd: logEndOffset, highWatermark } = log.offsets;
    const name = topicPartitionName(partition.topicPartition);
    const fields = { partition: name, offset, logEndOffset, highWatermark, ...election };
    if (offset < highWatermark) {
      this.#options.logger.error(fields, 'a replica is truncated below its high watermark');
    } else this.#options.logger.info(fields, 'a replica is truncated where its leader diverges');
    if (offset < log.offsets.logStart) await log.trimmer.truncateFullyAndStartAt(offset, election);
    else await log.trimmer.truncateTo(offset, election);
  }

  /**
   * Restarts a log at the leader's log start offset, because the leader has no record at this log's
   * end.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE when the replica is in sync and has records: the
   *   cluster relies on them
   */
  async restart(
    { partition, election }: PartitionFetchState,
    { logStartOffset }: ReplicaFetchResult,
  ): Promise<void> {
    const { log, metadata } = partition;
    // The leader has deleted the records at the damage. This replica may delete them too, but no
    // others.
    const start = Math.min(logStartOffset, partition.highWatermark);
    if (log.damage.repairOffset !== undefined && start > log.offsets.logStart) {
      await log.trimmer.deleteRecordsBefore(start);
      return;
    }
    const isEmpty = log.offsets.logEnd - log.offsets.logStart === 0;
    const isInSync = metadata.isr.includes(this.#options.brokerId);
    if (isInSync && !isEmpty) {
      throw new ProtocolError(
        'OFFSET_OUT_OF_RANGE',
        `The leader's log ends before ${log.offsets.logEnd}, the end of this replica, which is in sync.`,
      );
    }
    await log.trimmer.truncateFullyAndStartAt(logStartOffset, election);
  }
}
