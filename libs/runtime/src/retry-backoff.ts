import type { Random } from './clock.js';

/** Longest delay before the first further attempt, in ms. */
const FIRST_DELAY_MS_MAX = 50;
/** Longest delay between any two attempts, in ms. */
const DELAY_MS_MAX = 1000;

/**
 * Delays between attempts of something that fails for the time being. The longest possible delay
 * doubles with every attempt, from 50 ms up to a second, and each delay is a random part of it, so
 * that callers that failed together do not retry together ("full jitter").
 */
export class RetryBackoff {
  readonly #random: Random;
  #delayMsMax = FIRST_DELAY_MS_MAX;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Time to wait before the next attempt: a whole number of ms, at least 1. */
  nextDelayMs(): number {
    const delayMs = 1 + this.#random.below(this.#delayMsMax);
    this.#delayMsMax = Math.min(2 * this.#delayMsMax, DELAY_MS_MAX);
    return delayMs;
  }

  /** Begins again with short delays. Call it after an attempt that succeeded. */
  reset(): void {
    this.#delayMsMax = FIRST_DELAY_MS_MAX;
  }
}
