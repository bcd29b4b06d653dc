import type { QueueAck, QueueAckResult } from '#broker';

/** Acks in one call to the coordinator. */
const ACKS_PER_CALL = 5000;

/** Acks that wait for their call, with the promise of their sender. */
interface WaitingAcks {
  readonly acks: readonly QueueAck[];
  readonly resolve: (results: readonly QueueAckResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The acks of one member of a queue. One call to the coordinator is under way at a time; the acks
 * that come meanwhile are sent together.
 *
 * Overlap: calls may overlap.
 */
export class PendingAcks {
  readonly #send: (acks: readonly QueueAck[]) => Promise<readonly QueueAckResult[]>;
  #waiting: WaitingAcks[] = [];
  #isSending = false;
  #onSettled: (() => void)[] = [];

  /** @param send takes acks durably. @returns one result per ack */
  constructor(send: (acks: readonly QueueAck[]) => Promise<readonly QueueAckResult[]>) {
    this.#send = send;
  }

  /** Sends acks. @returns one result per ack, when they are durable. @throws as `send` */
  add(acks: readonly QueueAck[]): Promise<readonly QueueAckResult[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ acks, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  /** Resolves when all acks are taken or refused. */
  settled(): Promise<void> {
    if (!this.#isSending) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onSettled.push(resolve);
    });
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      // Acks of messages that were received together are sent together.
      await Promise.resolve();
      await this.#sendTogether(this.#next());
    }
    this.#isSending = false;
    for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  /** Removes those that are sent next: at least one. */
  #next(): readonly WaitingAcks[] {
    let count = 0;
    let until = 0;
    for (const { acks } of this.#waiting) {
      if (until > 0 && count + acks.length > ACKS_PER_CALL) break;
      count += acks.length;
      until += 1;
    }
    return this.#waiting.splice(0, until);
  }

  async #sendTogether(waiting: readonly WaitingAcks[]): Promise<void> {
    try {
      const results = await this.#send(waiting.flatMap(({ acks }) => acks));
      let from = 0;
      for (const { acks, resolve } of waiting) {
        resolve(results.slice(from, from + acks.length));
        from += acks.length;
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
