import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import { assert } from '#runtime';
import type { BatchUnpacker } from '../compression/compression.js';
import type { ProducerStateManager } from '../producer-state/producer-state.js';
import { RecordBatch, stampBatch } from '../record-batch/record-batch.js';

/** Result of an append. */
export interface AppendResult {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  /** The broker's time of the append when the topic has LogAppendTime, else null. */
  readonly logAppendTimeMs: number | null;
  /** True when the batch was in the log already, with these offsets, and nothing was written. */
  readonly isDuplicate: boolean;
  /** Newest timestamp of a duplicate in the log, in ms; absent otherwise. */
  readonly maxTimestampMs?: number;
}

/** An append that waits for its round or is part of it. */
export interface PendingAppend {
  /** Views over the caller's bytes, not stamped yet. */
  readonly batches: readonly RecordBatch[];
  readonly leaderEpoch: LeaderEpoch;
  readonly sizeBytes: number;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** An append of a round with its result. */
interface RoundAnswer {
  readonly append: PendingAppend;
  readonly result: AppendResult;
}

/** Limits of a round. */
export interface RoundLimits {
  readonly logEndOffset: Offset;
  /** Current epoch of the log; appends of older ones are refused. */
  readonly leaderEpoch: LeaderEpoch;
  /** The round ends before the append that would exceed this; the first append always fits. */
  readonly bytesMax: number;
  readonly nowMs: number;
}

/**
 * One round of group commit: waiting appends, assembled for one writev.
 *
 * Assembling is synchronous and in the order of the calls: it checks sequences, stamps offsets and
 * the leader epoch into the callers' bytes and adds the batches to the producer state. The writer
 * of the round commits that state, or reverts it when nothing was written.
 */
export class AppendRound {
  readonly buffers: Buffer[] = [];
  readonly batches: RecordBatch[] = [];
  readonly batchBytes: number[] = [];
  /** Appends that are answered with the round. */
  readonly answers: RoundAnswer[] = [];
  /** Appends that write nothing; answered once their original is below the high watermark. */
  readonly duplicates: RoundAnswer[] = [];
  /** Reason why the batch is not in the log, or why that is unknown. */
  failure: unknown = undefined;
  recordCount = 0;
  sizeBytes = 0;
  nextOffset: Offset;
  readonly #limits: RoundLimits;
  readonly #producers: ProducerStateManager;

  constructor(limits: RoundLimits, producers: ProducerStateManager) {
    this.#limits = limits;
    this.#producers = producers;

    this.nextOffset = limits.logEndOffset;
  }

  /**
   * Takes appends from the front of `pending`.
   * @returns how many were taken, including refused ones
   */
  assemble(pending: readonly PendingAppend[]): number {
    let taken = 0;
    for (const append of pending) {
      const isFull =
        this.sizeBytes > 0 && this.sizeBytes + append.sizeBytes > this.#limits.bytesMax;
      if (isFull || append.leaderEpoch > this.#limits.leaderEpoch) break;
      taken += 1;
      if (append.leaderEpoch < this.#limits.leaderEpoch) append.reject(oldLeaderEpoch(append));
      else this.#take(append);
    }
    return taken;
  }

  /**
   * Adds batches of the leader's log, with the offsets and epochs that they have there. The leader
   * has checked their sequences.
   */
  copy(batches: readonly RecordBatch[]): void {
    for (const batch of batches) {
      this.#producers.append(batch, batch.baseOffset, this.#limits.nowMs);
      this.nextOffset = batch.nextOffset;
      this.#add(batch);
    }
  }

  /** Rejects every append of the round. */
  fail(error: unknown): void {
    this.failure = error;
    for (const { append } of this.answers) append.reject(error);
    for (const { append } of this.duplicates) append.reject(error);
  }

  #take(append: PendingAppend): void {
    const [first] = append.batches;
    if (first === undefined || first.producerId < 0) {
      this.#stamp(append);
      return;
    }
    try {
      const duplicate = this.#producers.checkSequence(first);
      if (duplicate === undefined) {
        this.#producers.assertRoomFor(first, this.#limits.nowMs);
        this.#stamp(append);
        return;
      }
      const { baseOffset, lastOffset, maxTimestamp } = duplicate;
      const logAppendTimeMs = first.isLogAppendTime ? maxTimestamp : null;
      const result = {
        baseOffset,
        lastOffset,
        logAppendTimeMs,
        isDuplicate: true,
        maxTimestampMs: maxTimestamp,
      };
      this.duplicates.push({ append, result });
    } catch (error) {
      append.reject(error);
    }
  }

  #stamp(append: PendingAppend): void {
    const baseOffset = this.nextOffset;
    let logAppendTimeMs: number | null = null;
    for (const batch of append.batches) {
      stampBatch(batch.bytes, this.nextOffset, append.leaderEpoch);
      this.#producers.append(batch, this.nextOffset, this.#limits.nowMs);
      this.nextOffset = batch.nextOffset;
      this.#add(batch);
      if (batch.isLogAppendTime) logAppendTimeMs = batch.maxTimestamp;
    }
    const lastOffset = this.nextOffset - 1;
    const result = { baseOffset, lastOffset, logAppendTimeMs, isDuplicate: false };
    this.answers.push({ append, result });
  }

  #add(batch: RecordBatch): void {
    this.buffers.push(batch.bytes);
    this.batches.push(batch);
    this.batchBytes.push(batch.sizeBytes);
    this.recordCount += batch.recordCount;
    this.sizeBytes += batch.sizeBytes;
  }
}

/** Error of an append for a leader epoch that has ended. */
function oldLeaderEpoch(append: PendingAppend): ProtocolError {
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    `Leader epoch ${append.leaderEpoch} of the partition has ended.`,
  );
}

/**
 * Parses the batches of an append and checks the properties that the log relies on.
 * @throws ProtocolError CORRUPT_MESSAGE on bytes that are not a batch; AssertionError when a
 *   producer's batch does not come alone (its sequence could not be answered for the others)
 */
export function batchesToAppend(
  buffers: readonly Buffer[],
  unpacker: BatchUnpacker,
): RecordBatch[] {
  assert(buffers.length > 0, 'an append has at least one batch');
  return buffers.map((bytes) => {
    const batch = new RecordBatch(bytes, unpacker);
    assert(buffers.length === 1 || batch.producerId < 0, "a producer's batch comes alone");
    // These getters throw on values that no batch may have; after this nothing in a round throws.
    assert(batch.lastOffsetDelta >= 0 && batch.recordCount >= 0, 'a batch has records');
    assert(Number.isSafeInteger(batch.maxTimestamp), 'a batch has a timestamp');
    return batch;
  });
}
