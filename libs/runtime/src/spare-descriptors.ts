import { close, closeSync, open, openSync } from 'node:fs';
import { isOutOfDescriptors } from './system-error.js';

/** A file that can be opened without any effect. */
const NOTHING = '/dev/null';

/**
 * File descriptors that are held open so that they can be given to the log when no other is free,
 * as the disk reserve holds room back.
 *
 * A call that finds no descriptor free gets one of them and is made once more. They are taken again
 * as files are closed.
 */
export class SpareDescriptors {
  readonly #spares: number[] = [];
  #isRefilling = false;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;

    while (this.#spares.length < count && this.#openOne());
  }

  /** Descriptors that are held back now. */
  get heldCount(): number {
    return this.#spares.length;
  }

  /** Makes a call that opens a file, and once more with a descriptor of these if none was free. */
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

  /** Called when a descriptor was closed: there may be one for the spares that were given away. */
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
