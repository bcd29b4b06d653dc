/**
 * Bounds the compressed messages of all connections that are decompressed at the same time, and
 * thereby the memory of messages of unknown size: each may expand to SLUICE_REQUEST_BYTES_MAX.
 */
export class UnpackingSlots {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  /**
   * Calls back when there is a slot, at once or later; the caller returns it with `release`.
   * @returns a function that ends the wait; it has no effect after the slot was granted
   */
  acquire(granted: () => void): () => void {
    if (this.#free > 0) {
      this.#free -= 1;
      granted();
      return () => undefined;
    }
    this.#waiting.add(granted);
    return () => {
      this.#waiting.delete(granted);
    };
  }

  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
