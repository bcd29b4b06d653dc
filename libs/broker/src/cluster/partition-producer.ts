/**
 * This broker as the idempotent producer of one partition: the id and the sequences under which it
 * forwards records that came without one (replication-safety 3.6 and 3.7).
 *
 * One send at a time is unresolved. What is known not to be in the log gives its sequences back;
 * after a send whose outcome stays unknown the id is given up, for a late copy of it may still be
 * appended.
 */
import type { BatchProducer } from '#log';

/** Sequences are int32 and go on at 0 behind the last one. */
const SEQUENCES = 2 ** 31;

export class PartitionProducer {
  readonly #nextProducerId: () => Promise<number>;
  #producerId: number | undefined;
  #nextSequence = 0;

  /** @param nextProducerId issues ids that were never issued before */
  constructor(nextProducerId: () => Promise<number>) {
    this.#nextProducerId = nextProducerId;
  }

  /** The producer of the next send, with the sequence behind the records resolved so far. */
  async next(): Promise<BatchProducer> {
    this.#producerId ??= await this.#nextProducerId();
    return {
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: this.#nextSequence,
    };
  }

  /** These many records more are in the log. */
  advance(records: number): void {
    this.#nextSequence = (this.#nextSequence + records) % SEQUENCES;
  }

  /**
   * Goes on as another producer: what was sent as this one may or may not come to be in the log.
   */
  giveUpId(): void {
    this.#producerId = undefined;
    this.#nextSequence = 0;
  }
}
