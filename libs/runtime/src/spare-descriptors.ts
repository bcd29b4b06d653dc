import { close, closeSync, open, openSync } from 'node:fs';
import { isOutOfDescriptors } from './system-error.js';

/** A file that can be opened without any effect. */
const NOTHING = '/dev/null';

/**
 * File descriptors that are held open, so that the log can get one when no other is free; the disk
 * reserve does the same with disk space.
 *
 * A call that finds no descriptor free gets one of these and is repeated once. The reserve is
 * refilled as files are closed.
 *
 * Overlap: all methods may overlap. Each descriptor leaves the list in one synchronous step, and
 * only one refill runs at a time.
 */
export class SpareDescriptors {
  readonly #spares: number[] = [];
  #isRefilling = false;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;

    while (this.#spares.length < count && this.#openOne());
  }

  /** Number of descriptors held in reserve now. */
  get heldCount(): number {
    return this.#spares.length;
  }

  /**
   * Runs a call that opens a file; if no descriptor is free, releases a spare one and runs the call
   * once more.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const spare = isOutOfDescriptors(error) ? this.#spares.pop() : undefined;
      if (spare === undefined) throw error;
      closeSync(spare);
      return call();
    }
  }

  /** Opens spare descriptors again after a descriptor was closed. */
  refill(): void {
    if (this.#spares.length >= this.#count || this.#isRefilling) return;
    this.#isRefilling = true;
    open(NOTHING, 'r', (error, descriptor) => {
      this.#isRefilling = false;
      if (error !== null) return;
      if (this.#spares.length < this.#count) this.#spares.push(descriptor);
      else close(descriptor, () => undefined);
    });
  }

  #openOne(): boolean {
    try {
      this.#spares.push(openSync(NOTHING, 'r'));
      return true;
    } catch {
      return false;
    }
  }
}
