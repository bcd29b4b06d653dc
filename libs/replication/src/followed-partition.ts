/**
 * A follower's place in one partition of its session: what it was told, and what there is to tell.
 *
 * That the follower's log is the beginning of the leader's is found when the place is taken, and
 * holds for as long as the leader leads in the same epoch.
 */
import type { Election, RecordBatch } from '#log';
import type { Offset } from '#protocol';
import type { Partition } from './partition.js';
import { judgePosition, type PositionVerdict } from './replica-position.js';
import type { ReplicaFetchPosition, ReplicaFetchResult } from './replica-protocol.js';

/** What is told of a partition; the batches are not among the answer's blobs yet. */
export interface ToldPartition {
  readonly result: ReplicaFetchResult;
  readonly records?: {
    readonly batches: readonly RecordBatch[];
    readonly compactedEndOffset: Offset;
    readonly elections: readonly Election[];
  };
}

export class FollowedPartition {
  readonly #verdict: PositionVerdict;
  #isArmed = true;
  #isReading = false;
  #hasHandedRecords = false;
  /** What was read from disk and is not told yet. */
  #read: readonly RecordBatch[] | undefined;
  #isUnreadable = false;
  #mustReadDisk = false;
  #toldHighWatermark: Offset;
  #toldLogStart: Offset;

  /**
   * @param partition undefined where this broker has none of that name
   * @param sequence of the request that told the position
   */
  constructor(
    readonly replicaId: number,
    readonly partition: Partition | undefined,
    readonly position: ReplicaFetchPosition,
    readonly sequence: number,
  ) {
    this.#verdict = judgePosition(partition, replicaId, position);
    this.#toldHighWatermark = position.highWatermark;
    this.#toldLogStart = position.logStartOffset;
  }

  /** Whether it may be told of anything but watermarks. */
  get isArmed(): boolean {
    return this.#isArmed;
  }

  /** Whether the follower's log is the beginning of this one, as far as it reaches. */
  get continues(): boolean {
    return this.#verdict.kind === 'continues';
  }

  /** Whether it was told records, from its position on. */
  get hasHandedRecords(): boolean {
    return this.#hasHandedRecords;
  }

  /** Whether there is something to tell now. */
  get hasNews(): boolean {
    if (!this.#isArmed || this.#isReading) return false;
    const { partition, position } = this;
    if (partition === undefined || !this.#isAsJudged(partition)) return true;
    const { log, highWatermark } = partition;
    return (
      log.logEndOffset > position.fetchOffset ||
      highWatermark > this.#toldHighWatermark ||
      log.logStartOffset > this.#toldLogStart
    );
  }

  /** Whether what it is to be told of is not in memory. */
  get mustReadDisk(): boolean {
    return this.#isArmed && !this.#isReading && this.#mustReadDisk;
  }

  /** Nothing is told any more: the position was told anew, or is followed no longer. */
  disarm(): void {
    this.#isArmed = false;
    this.#read = undefined;
  }

  /** What there is to tell, with at most `maxBytes` of batches; undefined: nothing now. */
  tell(maxBytes: number): ToldPartition | undefined {
    if (!this.#isArmed || this.#isReading) return undefined;
    const { partition, replicaId, position } = this;
    const verdict =
      partition !== undefined && this.#isAsJudged(partition)
        ? this.#verdict
        : judgePosition(partition, replicaId, position);
    if (verdict.kind === 'diverging') {
      return this.#lastWord({ ...this.#ends(), diverging: verdict.diverging });
    }
    if (partition === undefined || verdict.kind === 'fault') {
      const fault = verdict.kind === 'fault' ? verdict.fault : 'NOT_LEADER_OR_FOLLOWER';
      return this.#lastWord({ ...this.#ends(), fault });
    }
    if (this.#isUnreadable) {
      return this.#lastWord({ ...this.#ends(), fault: 'KAFKA_STORAGE_ERROR' });
    }
    const batches = this.#nextBatches(partition, maxBytes);
    if (batches === undefined || batches.length === 0) return this.#watermarks();
    partition.followerAnswered(replicaId);
    this.#hasHandedRecords = true;
    const { compactedEndOffset } = partition.log;
    const records = { batches, compactedEndOffset, elections: electionsOf(partition, batches) };
    return { ...this.#lastWord(this.#ends()), records };
  }

  /** Reads what `mustReadDisk` is about. Never rejects. */
  async readFromDisk(): Promise<void> {
    const { partition, position } = this;
    if (partition === undefined) return;
    this.#isReading = true;
    this.#mustReadDisk = false;
    try {
      this.#read = await partition.diskReads.run(async () => {
        if (!this.#isArmed || partition.isClosed) return undefined;
        const { log } = partition;
        return log.read(position.fetchOffset, position.maxBytes, log.logEndOffset);
      });
    } catch {
      // The log has told of it; the follower is told that it cannot go on here.
      this.#isUnreadable = true;
    } finally {
      this.#isReading = false;
    }
  }

  /** Whether the partition is led here as it was when the position was looked at. */
  #isAsJudged(partition: Partition): boolean {
    const { position } = this;
    const { metadata, log } = partition;
    return (
      this.continues &&
      partition.isLeader &&
      !partition.isClosed &&
      metadata.leaderEpoch === position.leaderEpoch &&
      position.fetchOffset >= log.logStartOffset
    );
  }

  #nextBatches(partition: Partition, maxBytes: number): readonly RecordBatch[] | undefined {
    const { fetchOffset, maxBytes: partitionBytes } = this.position;
    const { log } = partition;
    if (log.logEndOffset <= fetchOffset || maxBytes <= 0) return undefined;
    const read = this.#read;
    this.#read = undefined;
    if (read !== undefined) return read;
    const bytes = Math.min(maxBytes, partitionBytes);
    const cached = log.readCached(fetchOffset, bytes, log.logEndOffset);
    this.#mustReadDisk = cached === undefined;
    return cached;
  }

  #watermarks(): ToldPartition | undefined {
    const ends = this.#ends();
    const { highWatermark, logStartOffset } = ends;
    if (highWatermark <= this.#toldHighWatermark && logStartOffset <= this.#toldLogStart) {
      return undefined;
    }
    this.#toldHighWatermark = highWatermark;
    this.#toldLogStart = logStartOffset;
    return { result: ends };
  }

  #lastWord(result: ReplicaFetchResult): ToldPartition {
    this.#isArmed = false;
    return { result };
  }

  #ends(): ReplicaFetchResult {
    const { topic, partition: number } = this.position;
    const { sequence, partition } = this;
    const highWatermark: Offset = partition?.highWatermark ?? 0;
    const logStartOffset: Offset = partition?.log.logStartOffset ?? 0;
    return { topic, partition: number, sequence, highWatermark, logStartOffset };
  }
}

function electionsOf(partition: Partition, batches: readonly RecordBatch[]): Election[] {
  const elections: Election[] = [];
  let before = -1;
  for (const { leaderEpoch: epoch } of batches) {
    if (epoch === before) continue;
    before = epoch;
    const electionId = partition.log.electionIdOf(epoch);
    if (electionId !== undefined) elections.push({ epoch, electionId });
  }
  return elections;
}
