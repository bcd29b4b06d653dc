import { ProtocolError } from '#protocol';
import { WAIT_IS_OVER } from './member-reads.js';

/** Settings of the polls that wait at a broker. */
export interface WaitingPollsOptions {
  /** Polls that may wait at the same time. */
  readonly longPollsMax: number;
}

/**
 * The polls of one kind that wait for records at this broker: they are bounded in number, and all
 * end when the broker stops.
 */
export class WaitingPolls {
  readonly #max: number;
  readonly #pollers: string;
  readonly #waiting = new Set<AbortController>();
  #refusedTotal = 0;
  #isEnding = false;

  /** @param pollers the clients whose polls these are, for the error */
  constructor(pollers: string, { longPollsMax }: WaitingPollsOptions) {
    this.#pollers = pollers;
    this.#max = longPollsMax;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Number of polls refused because too many waited, since the start. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /** True once the broker stops: a poll is then answered without a wait. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if no further poll may wait */
  assertRoom(): void {
    if (this.#waiting.size < this.#max) return;
    this.#refusedTotal += 1;
    throw new ProtocolError(
      'THROTTLING_QUOTA_EXCEEDED',
      `${this.#max} polls of ${this.#pollers} wait already, which is the limit of this broker ` +
        '(SLUICE_LONG_POLLS_MAX).',
    );
  }

  /** @param ended ends the wait of the poll */
  add(ended: AbortController): void {
    this.#waiting.add(ended);
  }

  /** Does nothing for a poll that does not wait. */
  delete(ended: AbortController): void {
    this.#waiting.delete(ended);
  }

  /** Answers waiting and later polls with the records that were found: the start of a stop. */
  end(): void {
    this.#isEnding = true;
    for (const ended of this.#waiting) ended.abort(WAIT_IS_OVER);
  }
}
