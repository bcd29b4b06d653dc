import type { Election, RecordBatch } from '#log';
import type { Offset } from '#protocol';
import { diskReadWeight } from './fetch.js';
import type { Partition } from './partition.js';
import { comparePosition, type PositionVerdict } from './replica-position.js';
import type { ReplicaFetchPosition, ReplicaFetchResult } from './replica-protocol.js';

/** An update for a follower of a partition; its batches are not among the answer's blobs yet. */
export interface FollowerFetchUpdate {
  readonly result: ReplicaFetchResult;
  readonly records?: {
    readonly batches: readonly RecordBatch[];
    readonly compactedEndOffset: Offset;
    readonly elections: readonly Election[];
  };
}

/**
 * The leader's record of one position of a follower: the offsets sent to the follower, and the
 * update to send next. Only one update with records, a fault or a divergence is sent for a
 * position; the follower then sends its next position.
 *
 * The log of the follower is compared with this broker's when the position arrives. The result
 * stays true while the leader leads in the same epoch.
 *
 * Overlap: one read from disk at a time; every other call may come while it runs, and finds nothing
 * to send until it is done.
 */
export class FollowerFetchState {
  readonly #verdict: PositionVerdict;
  #isArmed = true;
  #isReading = false;
  #hasSentRecords = false;
  /** Batches that were read from disk and are not sent yet. */
  #read: readonly RecordBatch[] | undefined;
  #isUnreadable = false;
  #mustReadDisk = false;
  #sentHighWatermark: Offset;
  #sentLogStartOffset: Offset;

  /**
   * @param partition undefined when this broker has no such partition
   * @param sequence sequence of the request that the position came with
   */
  constructor(
    readonly replicaId: number,
    readonly partition: Partition | undefined,
    readonly position: ReplicaFetchPosition,
    readonly sequence: number,
  ) {
    this.#verdict = comparePosition(partition, replicaId, position);
    this.#sentHighWatermark = position.highWatermark;
    this.#sentLogStartOffset = position.logStartOffset;
  }

  /** True when the position is still to be answered; afterwards the follower sends another one. */
  get isArmed(): boolean {
    return this.#isArmed;
  }

  /** True when the follower's log is a beginning of this broker's log. */
  get continues(): boolean {
    return this.#verdict.kind === 'continues';
  }

  /** True when records from this position on were sent. */
  get hasSentRecords(): boolean {
    return this.#hasSentRecords;
  }

  /** True when there is something to send now. */
  get hasUpdate(): boolean {
    if (!this.#isArmed || this.#isReading) return false;
    const { partition, position } = this;
    if (partition === undefined || !this.#isAsJudged(partition)) return true;
    const { log, highWatermark } = partition;
    return (
      log.offsets.logEnd > position.fetchOffset ||
      highWatermark > this.#sentHighWatermark ||
      log.offsets.logStart > this.#sentLogStartOffset
    );
  }

  /** True when the records to send must be read from disk. */
  get mustReadDisk(): boolean {
    return this.#isArmed && !this.#isReading && this.#mustReadDisk;
  }

  /** Sends nothing any more: a newer position arrived, or the follower forgot the partition. */
  disarm(): void {
    this.#isArmed = false;
    this.#read = undefined;
  }

  /** Takes the next update, with at most `maxBytes` of batches; undefined when there is none. */
  nextUpdate(maxBytes: number): FollowerFetchUpdate | undefined {
    if (!this.#isArmed || this.#isReading) return undefined;
    const { partition, replicaId, position } = this;
    const verdict =
      partition !== undefined && this.#isAsJudged(partition)
        ? this.#verdict
        : comparePosition(partition, replicaId, position);
    if (verdict.kind === 'diverging') {
      return this.#lastUpdate({ ...this.#ends(), diverging: verdict.diverging });
    }
    if (partition === undefined || verdict.kind === 'fault') {
      const fault = verdict.kind === 'fault' ? verdict.fault : 'NOT_LEADER_OR_FOLLOWER';
      return this.#lastUpdate({ ...this.#ends(), fault });
    }
    if (this.#isUnreadable) {
      return this.#lastUpdate({ ...this.#ends(), fault: 'KAFKA_STORAGE_ERROR' });
    }
    const batches = this.#nextBatches(partition, maxBytes);
    if (batches === undefined || batches.length === 0) return this.#watermarks();
    partition.followerAnswered(replicaId);
    this.#hasSentRecords = true;
    const { compactedEndOffset } = partition.log;
    const records = { batches, compactedEndOffset, elections: electionsOf(partition, batches) };
    return { ...this.#lastUpdate(this.#ends()), records };
  }

  /** Reads the records that `mustReadDisk` asks for. Never rejects. */
  async readFromDisk(): Promise<void> {
    const { partition, position } = this;
    if (partition === undefined) return;
    this.#isReading = true;
    this.#mustReadDisk = false;
    try {
      const { fetchOffset, maxBytes } = position;
      this.#read = await partition.diskReads.run(async () => {
        if (!this.#isArmed || partition.isClosed) return undefined;
        const { log } = partition;
        return log.reader.read(fetchOffset, maxBytes, log.offsets.logEnd);
      }, diskReadWeight(maxBytes));
    } catch {
      // The log has logged the error; the follower gets KAFKA_STORAGE_ERROR.
      this.#isUnreadable = true;
    } finally {
      this.#isReading = false;
    }
  }

  /** True when this broker still leads the partition as it did when the position was judged. */
  #isAsJudged(partition: Partition): boolean {
    const { position } = this;
    const { metadata, log } = partition;
    return (
      this.continues &&
      partition.isLeader &&
      !partition.isClosed &&
      metadata.leaderEpoch === position.leaderEpoch &&
      position.fetchOffset >= log.offsets.logStart
    );
  }

  #nextBatches(partition: Partition, maxBytes: number): readonly RecordBatch[] | undefined {
    const { fetchOffset, maxBytes: partitionBytes } = this.position;
    const { log } = partition;
    if (log.offsets.logEnd <= fetchOffset || maxBytes <= 0) return undefined;
    const read = this.#read;
    this.#read = undefined;
    if (read !== undefined) return read;
    const bytes = Math.min(maxBytes, partitionBytes);
    const cached = log.reader.readCached(fetchOffset, bytes, log.offsets.logEnd);
    this.#mustReadDisk = cached === undefined;
    return cached;
  }

  #watermarks(): FollowerFetchUpdate | undefined {
    const ends = this.#ends();
    const { highWatermark, logStartOffset } = ends;
    if (highWatermark <= this.#sentHighWatermark && logStartOffset <= this.#sentLogStartOffset) {
      return undefined;
    }
    this.#sentHighWatermark = highWatermark;
    this.#sentLogStartOffset = logStartOffset;
    return { result: ends };
  }

  #lastUpdate(result: ReplicaFetchResult): FollowerFetchUpdate {
    this.#isArmed = false;
    return { result };
  }

  #ends(): ReplicaFetchResult {
    const { topic, partition: number } = this.position;
    const { sequence, partition } = this;
    const highWatermark: Offset = partition?.highWatermark ?? 0;
    const logStartOffset: Offset = partition?.log.offsets.logStart ?? 0;
    return { topic, partition: number, sequence, highWatermark, logStartOffset };
  }
}

function electionsOf(partition: Partition, batches: readonly RecordBatch[]): Election[] {
  const elections: Election[] = [];
  let before = -1;
  for (const { leaderEpoch: epoch } of batches) {
    if (epoch === before) continue;
    before = epoch;
    const electionId = partition.log.leadership.electionIdOf(epoch);
    if (electionId !== undefined) elections.push({ epoch, electionId });
  }
  return elections;
}
