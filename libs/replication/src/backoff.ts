const FIRST_MS = 20;
const MAX_MS = 1000;

/** How long to wait after a fault: twice as long after each that follows, up to a second. */
export class Backoff {
  #nextMs = FIRST_MS;

  nextMs(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(2 * delayMs, MAX_MS);
    return delayMs;
  }

  reset(): void {
    this.#nextMs = FIRST_MS;
  }
}
