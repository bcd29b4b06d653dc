import { encodeRecordBatches } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import { NotLeaderError, type Partition, waitForCommittedEnd } from '#replication';
import type { Clock, Scheduler } from '#runtime';
import { groupRecordSet, groupRecordsOf } from '../log/group-record-codec.js';
import type { GroupRecord } from '../log/group-records.js';

const LOAD_READ_BYTES = 1024 * 1024;

/**
 * The log of one coordinator: a partition of `__consumer_offsets` in the leader epoch in which the
 * coordinator was made, as records. In a later epoch of the same broker it refuses everything,
 * because another coordinator may have written in between.
 *
 * Overlap: `append` and `load` are called one after the other by the coordinator that owns it.
 */
export class GroupLog {
  readonly partition: Partition;
  readonly #leaderEpoch: LeaderEpoch;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;

  constructor(partition: Partition, clock: Clock, scheduler: Scheduler) {
    this.partition = partition;
    this.#leaderEpoch = partition.leaderEpoch;
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** True when this broker does not lead any more, or leads in another epoch. */
  get isFenced(): boolean {
    return !this.partition.isLeader || this.partition.leaderEpoch !== this.#leaderEpoch;
  }

  /**
   * Reads all records, in order. Records that this leader appended and whose outcome is unknown are
   * waited for: they will be committed as long as it leads.
   * @throws NotLeaderError; ProtocolError LEADER_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS_AFTER_APPEND,
   *   CORRUPT_MESSAGE
   */
  async load(apply: (record: GroupRecord) => void): Promise<void> {
    const { partition } = this;
    const { log } = partition;
    // The high watermark that a new leader knows may be older than the last commit.
    await waitForCommittedEnd(partition, this.#scheduler);
    this.#assertEpoch();
    const endOffset = log.offsets.logEnd;
    await partition.whenCommitted(endOffset);
    for (let offset: Offset = log.offsets.logStart; offset < endOffset; ) {
      const batches = await log.reader.read(offset, LOAD_READ_BYTES, endOffset);
      for (const batch of batches) {
        for (const record of groupRecordsOf(batch)) apply(record);
      }
      const last = batches.at(-1);
      if (last === undefined) break;
      offset = last.nextOffset;
    }
  }

  /**
   * Encodes the records of one change, as one batch where they fit.
   * @param isAtomic refuses a change that does not fit into one batch
   * @throws ProtocolError MESSAGE_TOO_LARGE
   */
  encode(records: readonly GroupRecord[], isAtomic: boolean): readonly Buffer[] {
    if (records.length === 0) return [];
    const maxBatchBytes = this.partition.log.config['max.message.bytes'];
    const { batches } = encodeRecordBatches(
      [{ records: groupRecordSet(records), indexes: undefined }],
      {
        nowMs: this.#clock.nowMs(),
        timestampType: 'CreateTime',
        batchSizeBytes: maxBatchBytes,
        maxBatchBytes,
      },
    );
    if (batches.length > 1 && isAtomic) {
      throw new ProtocolError(
        'MESSAGE_TOO_LARGE',
        `${records.length} offsets do not fit into one record batch of ${maxBatchBytes} bytes, ` +
          'as a commit has to. Commit fewer at a time.',
      );
    }
    return batches;
  }

  /**
   * Appends batches and resolves when they are committed.
   * @throws NotLeaderError; what appending throws
   */
  async append(batches: readonly Buffer[]): Promise<void> {
    this.#assertEpoch();
    const { lastOffset } = await this.partition.append(batches);
    await this.partition.whenCommitted(lastOffset + 1);
  }

  #assertEpoch(): void {
    const { leaderEpoch } = this.partition;
    if (leaderEpoch === this.#leaderEpoch) return;
    throw new NotLeaderError('FENCED_LEADER_EPOCH', null, leaderEpoch);
  }
}
