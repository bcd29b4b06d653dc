import type { BatchProducer } from '../record-batch/record-batch.js';
import type { HistoryBatch } from './history-model.js';

/**
 * An idempotent producer as its client knows it: it continues with the next sequence after it has
 * resent `unknown` batches, and reuses a sequence when its batch has `failed`.
 */
export class HistoryProducer {
  #epoch = 0;
  #nextSequence = 0;
  /** Batches to resend, in the order of their sequences. */
  #unknown: HistoryBatch[] = [];
  /** Acknowledged in this epoch, in the order of their sequences. */
  #done: HistoryBatch[] = [];
  /** Those that are in the log of this epoch, though their offsets were not remembered. */
  #applied: HistoryBatch[] = [];
  readonly #producerId: number;

  constructor(producerId: number) {
    this.#producerId = producerId;
  }

  /** Takes the sequences of the next batch of new records. */
  take(recordCount: number): BatchProducer {
    const baseSequence = this.#nextSequence;
    this.#nextSequence += recordCount;
    return { producerId: this.#producerId, producerEpoch: this.#epoch, baseSequence };
  }

  /** The batch that must be sent again before any other. */
  takeUnknown(): HistoryBatch | undefined {
    return this.#unknown.shift();
  }

  /** True when the next batch follows right after one that was acknowledged. */
  get isInOrder(): boolean {
    const last = this.#done.at(-1);
    const end = (last?.producer?.baseSequence ?? 0) + (last?.records.length ?? 0);
    return last !== undefined && end === this.#nextSequence;
  }

  isOurs(batch: HistoryBatch): boolean {
    const { producer } = batch;
    return producer?.producerId === this.#producerId && producer.producerEpoch === this.#epoch;
  }

  done(batch: HistoryBatch): void {
    if (!this.isOurs(batch)) return;
    if (this.#isReused(batch)) this.bumpEpoch();
    else this.#done = inOrder([...this.#done, batch]);
  }

  unknown(batch: HistoryBatch): void {
    if (!this.isOurs(batch)) return;
    if (this.#isReused(batch)) this.bumpEpoch();
    else this.#unknown = inOrder([...this.#unknown, batch]);
  }

  failed(batch: HistoryBatch): void {
    if (!this.isOurs(batch)) return;
    const later = [...this.#done, ...this.#unknown].some(({ id }) => id > batch.id);
    if (later) this.bumpEpoch();
    else this.#nextSequence = Math.min(this.#nextSequence, batch.producer?.baseSequence ?? 0);
  }

  /** True when an earlier batch failed meanwhile, so that the sequences would be given twice. */
  #isReused({ producer }: HistoryBatch): boolean {
    return (producer?.baseSequence ?? 0) >= this.#nextSequence;
  }

  /** Records that a batch is in the log, and that its offsets are not remembered. */
  applied(batch: HistoryBatch): void {
    if (this.isOurs(batch)) this.#applied = inOrder([...this.#applied, batch]);
  }

  /** Number of batches after this one that may be in the log. */
  newerThan({ id }: HistoryBatch): number {
    const all = new Set([...this.#done, ...this.#unknown, ...this.#applied]);
    return [...all].filter((batch) => batch.id > id).length;
  }

  /** The batch acknowledged `back` batches ago. */
  doneBefore(back: number): HistoryBatch | undefined {
    return this.#done.at(-1 - back);
  }

  /** Batches that were seen in the log need not be sent again. */
  settle(): void {
    for (const batch of this.#unknown) if (batch.fate === 'acknowledged') this.done(batch);
    this.#unknown = this.#unknown.filter(({ fate }) => fate === 'unknown');
  }

  /** Begins a new epoch, without earlier batches. */
  bumpEpoch(): void {
    this.#epoch += 1;
    this.#nextSequence = 0;
    this.#unknown = [];
    this.#done = [];
    this.#applied = [];
  }
}

function inOrder(batches: readonly HistoryBatch[]): HistoryBatch[] {
  return [...new Set(batches)].toSorted((a, b) => a.id - b.id);
}
