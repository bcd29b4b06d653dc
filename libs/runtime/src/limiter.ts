import { assert } from './assert.js';

/** A task that waits for its turn. */
interface WaitingTask {
  readonly weight: number;
  readonly start: () => void;
}

/**
 * Runs tasks up to a total weight at a time; others wait in the order of their calls. A task weighs
 * 1 by default. One that weighs more than the limit runs alone.
 *
 * It limits syncs: each occupies a thread of the pool for as long as the disk takes, and one sync
 * per thread would leave none to read with. It limits reads from disk: each holds the memory that
 * it reads into.
 *
 * Overlap: `run` may overlap; the total weight and the first-in-first-out list order the tasks.
 */
export class Limiter {
  #running = 0;
  /** Total weight of the running tasks. */
  #runningWeight = 0;
  readonly #waiting: WaitingTask[] = [];
  readonly #weightMax: number;

  constructor(weightMax: number) {
    this.#weightMax = weightMax;

    assert(weightMax >= 1, 'a limiter lets at least one task run');
  }

  /** Number of running tasks. */
  get running(): number {
    return this.#running;
  }

  /** Number of waiting tasks. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** True when a task of this weight would run at once. */
  hasRoomFor(weight: number): boolean {
    return this.#waiting.length === 0 && this.#fits(this.#capped(weight));
  }

  /** @returns what the task returns, or its rejection */
  async run<T>(task: () => Promise<T>, weight = 1): Promise<T> {
    const capped = this.#capped(weight);
    if (this.hasRoomFor(capped)) this.#begin(capped);
    else {
      await new Promise<void>((resolve) => this.#waiting.push({ weight: capped, start: resolve }));
    }
    try {
      return await task();
    } finally {
      this.#end(capped);
    }
  }

  #begin(weight: number): void {
    this.#running += 1;
    this.#runningWeight += weight;
  }

  /** Starts the tasks that have waited longest, as far as they fit. */
  #end(weight: number): void {
    this.#running -= 1;
    this.#runningWeight -= weight;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#fits(next.weight)) return;
      this.#waiting.shift();
      this.#begin(next.weight);
      next.start();
    }
  }

  #fits(weight: number): boolean {
    return this.#runningWeight + weight <= this.#weightMax;
  }

  #capped(weight: number): number {
    return Math.min(weight, this.#weightMax);
  }
}
