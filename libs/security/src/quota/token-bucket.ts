/**
 * A token bucket that holds the tokens of one second. A use may take more than the bucket holds:
 * the debt is paid off before the next use, so that a use larger than a second's rate is possible.
 *
 * The rate is an argument, because it can change while the bucket is in use.
 */
export class TokenBucket {
  /** Tokens at `#atMs`; negative while there is a debt. */
  #balance: number;
  /** Monotonic time of the last use, ms. */
  #atMs: number;

  /** @param rate tokens per second */
  constructor(rate: number, nowMs: number) {
    this.#balance = rate;
    this.#atMs = nowMs;
  }

  /** Returns the time until the bucket has no debt, ms: until then nothing may be taken. */
  waitMs(rate: number, nowMs: number): number {
    const balance = this.#balanceAt(rate, nowMs);
    return balance >= 0 ? 0 : (-balance * 1000) / rate;
  }

  take(cost: number, rate: number, nowMs: number): void {
    this.#balance = this.#balanceAt(rate, nowMs) - cost;
    this.#atMs = nowMs;
  }

  /** True if a new bucket would hold as much: this one may be forgotten. */
  isFull(rate: number, nowMs: number): boolean {
    return this.#balanceAt(rate, nowMs) >= rate;
  }

  #balanceAt(rate: number, nowMs: number): number {
    return Math.min(rate, this.#balance + ((nowMs - this.#atMs) * rate) / 1000);
  }
}
