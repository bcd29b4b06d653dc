/**
 * Bounds how many compressed messages of all connections are unpacked at the same time, and with it
 * the memory of messages whose size is not known yet: each may unpack to SLUICE_REQUEST_BYTES_MAX.
 */
export class UnpackingSlots {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  /**
   * Calls back once there is a slot, at once or later; the caller gives it back with `release`.
   * @returns a function that ends the wait; it does nothing once the slot was granted
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
