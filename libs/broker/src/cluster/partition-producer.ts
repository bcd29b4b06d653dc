/**
 * This broker as the idempotent producer of one partition: the producer id and the sequences of
 * records that it forwards and that have none (replication-safety 3.6 and 3.7).
 *
 * Records that are known not to be in the log return their sequences. After a send whose outcome
 * stays unknown the producer id is abandoned, because a late copy of the batch may still be
 * appended.
 *
 * Overlap: one send is unresolved at a time, so `next` must not overlap with itself.
 */
import type { BatchProducer } from '#log';
import { sequenceAfter } from '#producer';

export class PartitionProducer {
  readonly #nextProducerId: () => Promise<number>;
  #producerId: number | undefined;
  #nextSequence = 0;

  /** @param nextProducerId issues ids that were never issued before */
  constructor(nextProducerId: () => Promise<number>) {
    this.#nextProducerId = nextProducerId;
  }

  /** The producer of the next send, with the sequence after the records resolved so far. */
  async next(): Promise<BatchProducer> {
    this.#producerId ??= await this.#nextProducerId();
    return {
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: this.#nextSequence,
    };
  }

  /** Advances the sequence past records that are in the log. */
  advance(records: number): void {
    this.#nextSequence = sequenceAfter(this.#nextSequence, records);
  }

  /** Continues under a new producer id: batches of the old one may or may not be in the log. */
  giveUpId(): void {
    this.#producerId = undefined;
    this.#nextSequence = 0;
  }
}
