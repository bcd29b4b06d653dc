import type { ProducerClock } from './producer-runtime.js';

/** Difference of the two clocks that rounding and slewing explain, ms. */
const DIFFERENCE_MS_MAX = 1000;

/**
 * A clock that counts the milliseconds since its creation on the greater of the wall clock and the
 * monotonic clock. It never goes back. A clock that stopped or was set back falls behind the other
 * one and continues from there, so that the next sleep is counted, whichever clock it stops.
 */
export class ElapsedClock {
  readonly #clock: ProducerClock;
  #wallZeroMs: number;
  #monotonicZeroMs: number;
  #lastMs = 0;

  constructor(clock: ProducerClock) {
    this.#clock = clock;
    this.#wallZeroMs = clock.nowMs();
    this.#monotonicZeroMs = clock.monotonicMs();
  }

  /** Milliseconds since the creation. */
  monotonicMs(): number {
    const wallMs = this.#clock.nowMs() - this.#wallZeroMs;
    const monotonicMs = this.#clock.monotonicMs() - this.#monotonicZeroMs;
    this.#lastMs = Math.max(this.#lastMs, wallMs, monotonicMs);
    const isWallBehind = this.#lastMs - wallMs > DIFFERENCE_MS_MAX;
    const isMonotonicBehind = this.#lastMs - monotonicMs > DIFFERENCE_MS_MAX;
    if (isWallBehind) this.#wallZeroMs -= this.#lastMs - wallMs;
    if (isMonotonicBehind) this.#monotonicZeroMs -= this.#lastMs - monotonicMs;
    return this.#lastMs;
  }
}
