import type { PendingSend } from './pending-send.js';
import type { SerializedRecord } from './produce-transport.js';

/** Sends that may wait unless their callers wait for them, too. */
export const UNAWAITED_SENDS_MAX = 250_000;

/** A send that cannot be buffered at once. */
export class WaitingSend {
  readonly send: PendingSend;
  /** Undefined until it is serialized. */
  record: SerializedRecord | undefined = undefined;
  /** Bytes of the record; 0 until it is serialized. */
  sizeBytes = 0;
  /** Time of the clock at which the wait for the buffer ends, ms. */
  untilMs = Number.POSITIVE_INFINITY;
  /** Resolves when the record is serialized or refused; undefined when that is so already. */
  serializing: Promise<void> | undefined = undefined;
  /** Called when the wait is over; undefined when no signal ends it. */
  onOver: (() => void) | undefined = undefined;
  /** The next send of the topic. */
  next: WaitingSend | undefined = undefined;

  constructor(send: PendingSend) {
    this.send = send;
  }
}

/** The sends of a topic, linked by `next`. */
interface Line {
  first: WaitingSend;
  last: WaitingSend;
}

/**
 * Puts a send into the buffer, or refuses it. A promise that it returns never rejects; undefined
 * means that it is done.
 */
export type EnterBuffer = (waiting: WaitingSend) => Promise<void> | undefined;

/**
 * The sends that cannot be buffered at once, in a line for each topic, so that its records keep
 * their order. A waiting send is one object, and its line one task: thousands of them cost little.
 *
 * Overlap: the lines of topics do not wait for each other. Other methods are synchronous.
 */
export class WaitingSends {
  readonly #bytesMax: number;
  readonly #enter: EnterBuffer;
  readonly #onEmpty: (topic: string) => void;
  readonly #lines = new Map<string, Line>();
  #count = 0;
  #bytes = 0;

  /**
   * @param bytesMax bytes of records that wait, unless their callers wait for them
   * @param onEmpty called when no send of a topic waits any more
   */
  constructor(bytesMax: number, enter: EnterBuffer, onEmpty: (topic: string) => void) {
    this.#bytesMax = bytesMax;
    this.#enter = enter;
    this.#onEmpty = onEmpty;
  }

  /** Number of sends that wait. */
  get count(): number {
    return this.#count;
  }

  /** True when sends of the topic wait, so that a new one must wait, too. */
  has(topic: string): boolean {
    return this.#lines.size > 0 && this.#lines.has(topic);
  }

  /** True when a record of this size may not wait, unless its caller waits for it. */
  isFull(sizeBytes: number): boolean {
    return this.#count >= UNAWAITED_SENDS_MAX || this.#bytes + sizeBytes > this.#bytesMax;
  }

  /** Puts a send at the end of the line of its topic. */
  add(waiting: WaitingSend): void {
    const { topic } = waiting.send.record;
    this.#count += 1;
    const line = this.#lines.get(topic);
    if (line !== undefined) {
      line.last.next = waiting;
      line.last = waiting;
      return;
    }
    const begun = { first: waiting, last: waiting };
    this.#lines.set(topic, begun);
    void this.#serve(topic, begun);
  }

  /** Counts the bytes of a send that is serialized. */
  serialized(waiting: WaitingSend, record: SerializedRecord, sizeBytes: number): void {
    waiting.record = record;
    waiting.sizeBytes = sizeBytes;
    this.#bytes += sizeBytes;
  }

  /** Calls a function with each send that waits. */
  forEach(task: (send: PendingSend) => void): void {
    for (const { first } of this.#lines.values()) {
      for (let waiting: WaitingSend | undefined = first; waiting; waiting = waiting.next) {
        task(waiting.send);
      }
    }
  }

  async #serve(topic: string, line: Line): Promise<void> {
    // No send is over before the call of its user has returned.
    await Promise.resolve();
    for (let waiting: WaitingSend | undefined = line.first; waiting; waiting = waiting.next) {
      line.first = waiting;
      if (waiting.serializing !== undefined) await waiting.serializing;
      const entering = waiting.send.isRefused ? undefined : this.#enter(waiting);
      if (entering !== undefined) await entering;
      waiting.onOver?.();
      this.#count -= 1;
      this.#bytes -= waiting.sizeBytes;
    }
    this.#lines.delete(topic);
    this.#onEmpty(topic);
  }
}
