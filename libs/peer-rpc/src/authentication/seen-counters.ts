/** Calls that may be newer than one that is still on its way; a power of two. */
const WINDOW = 65_536;
const BITS = 32;

/**
 * The counters that a session has seen. Calls overlap and arrive in any order, so that counters
 * within a window are remembered one by one, and everything before the window counts as seen.
 */
export class SeenCounters {
  readonly #bits = new Uint32Array(WINDOW / BITS);
  #highest = 0;

  /** @returns false if the counter was seen before or is too old */
  add(counter: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 1) return false;
    if (counter <= this.#highest - WINDOW || (counter <= this.#highest && this.#has(counter))) {
      return false;
    }
    this.#forgetUpTo(counter);
    const at = counter % WINDOW;
    this.#bits[at >>> 5] = this.#word(at) | (1 << (at & 31));
    return true;
  }

  #forgetUpTo(counter: number): void {
    if (counter - this.#highest >= WINDOW) this.#bits.fill(0);
    else {
      for (let next = this.#highest + 1; next <= counter; next += 1) {
        const at = next % WINDOW;
        this.#bits[at >>> 5] = this.#word(at) & ~(1 << (at & 31));
      }
    }
    this.#highest = Math.max(this.#highest, counter);
  }

  #has(counter: number): boolean {
    const at = counter % WINDOW;
    return (this.#word(at) & (1 << (at & 31))) !== 0;
  }

  #word(at: number): number {
    return this.#bits[at >>> 5] ?? 0;
  }
}
