import { assert } from './assert.js';

/**
 * Lets a bounded number of tasks run at a time; others wait in the order they came.
 *
 * It stands before the syncs: each holds a thread of the pool for as long as the disk takes, and as many
 * as there are threads would leave none to read with.
 */
export class Limiter {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly runningMax: number) {
    assert(runningMax >= 1, 'a limiter lets at least one task run');
  }

  /** @returns what the task returns, or its rejection */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.runningMax) this.#running += 1;
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
