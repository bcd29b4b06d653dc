import { assert } from './assert.js';

/**
 * Lets a bounded number of tasks run at a time; others wait in the order they came.
 *
 * It stands before the syncs: each holds a thread of the pool for as long as the disk takes, and as
 * many as there are threads would leave none to read with. And before the reads from disk: each
 * holds the memory that it reads into.
 */
export class Limiter {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #runningMax: number;

  constructor(runningMax: number) {
    this.#runningMax = runningMax;

    assert(runningMax >= 1, 'a limiter lets at least one task run');
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#running;
  }

  /** Tasks that wait for their turn. */
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
      // The place goes to the one that waits longest, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
