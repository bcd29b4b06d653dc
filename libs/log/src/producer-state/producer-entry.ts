import type { ProducerSnapshot, RememberedBatch } from './producer-snapshot.js';

const ALL_SEQUENCES = 2 ** 31;
/** Upper limit of the count of done sequences: it must stay below half of all sequences. */
const DONE_COUNT_MAX = 2 ** 30;

/**
 * Returns the sequence `steps` further (or back, when negative), wrapping between 2147483647 and 0.
 */
export function sequenceAfter(sequence: number, steps: number): number {
  return (((sequence + steps) % ALL_SEQUENCES) + ALL_SEQUENCES) % ALL_SEQUENCES;
}

/**
 * One producer of one partition in one producer epoch: its last sequence and its last batches.
 *
 * Invariant: the remembered batches follow each other without a gap and end with `lastSequence`.
 * Memory grows with the batches remembered, so that a producer of one batch is small.
 */
export class ProducerEntry {
  /** Remembered batches; a ring with the oldest at `#oldest` once it may not grow. */
  #batches: RememberedBatch[] = [];
  #oldest = 0;
  #lastSequence = -1;
  #doneCount = 0;
  /** Sequences in the remembered batches. */
  #rememberedCount = 0;
  #appendMs: number;

  constructor(
    readonly producerId: number,
    readonly epoch: number,
    appendMs: number,
  ) {
    this.#appendMs = appendMs;
  }

  static from(snapshot: ProducerSnapshot, batchesMax: number): ProducerEntry {
    const entry = new ProducerEntry(snapshot.producerId, snapshot.epoch, snapshot.lastAppendMs);
    for (const batch of snapshot.batches) entry.push(batch, snapshot.lastAppendMs, batchesMax);
    entry.#lastSequence = snapshot.lastSequence;
    entry.#doneCount = Math.max(entry.#doneCount, snapshot.doneCount);
    return entry;
  }

  /** Last sequence; -1 before the first batch of the epoch. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** The only sequence that a new batch may begin with. */
  get nextSequence(): number {
    return sequenceAfter(this.#lastSequence, 1);
  }

  /** Number of sequences, up to the last one, that are known to be in the log without a gap. */
  get doneCount(): number {
    return this.#doneCount;
  }

  /** Number of sequences, up to the last one, in the remembered batches. */
  get rememberedCount(): number {
    return this.#rememberedCount;
  }

  get batchCount(): number {
    return this.#batches.length;
  }

  /** Last offset of the last batch; undefined before the first one of the epoch. */
  get lastOffset(): number | undefined {
    const newest = this.#oldest === 0 ? this.#batches.length - 1 : this.#oldest - 1;
    return this.#batches[newest]?.lastOffset;
  }

  /** Wall clock of the last append, ms. */
  get lastAppendMs(): number {
    return this.#appendMs;
  }

  /**
   * Returns the remembered batch with this base sequence and record count, the answer to a retry.
   */
  find(
    baseSequence: number,
    offsetDelta: number,
  ): { baseOffset: number; lastOffset: number; maxTimestamp: number } | undefined {
    const lastSequence = sequenceAfter(baseSequence, offsetDelta);
    const batch = this.#batches.find((remembered) => {
      return remembered.lastSequence === lastSequence && remembered.offsetDelta === offsetDelta;
    });
    if (batch === undefined) return undefined;
    const { lastOffset, maxTimestamp } = batch;
    return { baseOffset: lastOffset - offsetDelta, lastOffset, maxTimestamp };
  }

  /**
   * Adds the next batch.
   * @returns the batch that was evicted for it, if any
   */
  push(batch: RememberedBatch, nowMs: number, batchesMax: number): RememberedBatch | undefined {
    this.#appendMs = nowMs;
    this.#lastSequence = batch.lastSequence;
    this.#doneCount = Math.min(DONE_COUNT_MAX, this.#doneCount + batch.offsetDelta + 1);
    this.#rememberedCount += batch.offsetDelta + 1;
    if (this.#batches.length < batchesMax) {
      this.#oldestFirst();
      this.#batches.push(batch);
      return undefined;
    }
    const forgotten = this.#batches[this.#oldest];
    this.#batches[this.#oldest] = batch;
    this.#oldest = (this.#oldest + 1) % this.#batches.length;
    this.#rememberedCount -= (forgotten?.offsetDelta ?? 0) + 1;
    return forgotten;
  }

  /** Reverts the last `push`, given its result and the time of the append before it. */
  unpush(forgotten: RememberedBatch | undefined, lastAppendMs: number): void {
    const newest = (this.#oldest + this.#batches.length - 1) % this.#batches.length;
    const batch = this.#batches[newest];
    if (batch === undefined) return;
    const sequences = batch.offsetDelta + 1;
    this.#appendMs = lastAppendMs;
    this.#doneCount = Math.max(0, this.#doneCount - sequences);
    this.#rememberedCount -= sequences;
    this.#lastSequence = sequenceAfter(batch.lastSequence, -sequences);
    if (forgotten === undefined) {
      this.#batches.pop();
      if (this.#doneCount === 0) this.#lastSequence = -1;
      return;
    }
    this.#batches[newest] = forgotten;
    this.#oldest = newest;
    this.#rememberedCount += forgotten.offsetDelta + 1;
  }

  /** Evicts all batches but the newest `batchesMax`; they still count as in the log. */
  trimTo(batchesMax: number): void {
    if (this.#batches.length <= batchesMax) return;
    this.#oldestFirst();
    this.#batches = this.#batches.slice(-batchesMax);
    this.#rememberedCount = this.#batches.reduce((sum, batch) => sum + batch.offsetDelta + 1, 0);
  }

  #oldestFirst(): void {
    if (this.#oldest === 0) return;
    this.#batches = [...this.#batches.slice(this.#oldest), ...this.#batches.slice(0, this.#oldest)];
    this.#oldest = 0;
  }

  snapshot(): ProducerSnapshot {
    return {
      producerId: this.producerId,
      epoch: this.epoch,
      lastSequence: this.#lastSequence,
      lastAppendMs: this.#appendMs,
      doneCount: this.#doneCount,
      batches: [...this.#batches.slice(this.#oldest), ...this.#batches.slice(0, this.#oldest)],
    };
  }
}
