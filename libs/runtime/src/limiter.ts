import { assert } from './assert.js';

/**
 * Runs a bounded number of tasks at a time; others wait in the order in which they came.
 *
 * It limits syncs: each occupies a thread of the pool for as long as the disk takes, and one sync
 * per thread would leave none to read with. It limits reads from disk: each holds the memory that
 * it reads into.
 *
 * Overlap: `run` may overlap; the running count and the first-in-first-out list order the tasks.
 */
export class Limiter {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #runningMax: number;

  constructor(runningMax: number) {
    this.#runningMax = runningMax;

    assert(runningMax >= 1, 'a limiter lets at least one task run');
  }

  /** Number of running tasks. */
  get running(): number {
    return this.#running;
  }

  /** Number of waiting tasks. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @returns what the task returns, or its rejection */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#runningMax) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      // The slot goes to the task that has waited longest, or becomes free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
