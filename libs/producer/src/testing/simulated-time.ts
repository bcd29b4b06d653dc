import type { ProducerClock } from '../producer-runtime.js';
import type { Timers } from '../timers.js';

interface SimulatedTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** Timers and clocks of a simulation, which jump from one timer to the next. */
export class SimulatedTime implements Timers, ProducerClock {
  /** Time on the monotonic clock, ms. */
  #ms = 0;
  /** Difference of the wall clock, ms. */
  #wallAheadMs = 1_700_000_000_000;
  #timers: SimulatedTimer[] = [];
  #soon: (() => void)[] = [];
  #orders = 0;

  get pendingTimers(): number {
    return this.#timers.length;
  }

  nowMs(): number {
    return Math.floor(this.#ms + this.#wallAheadMs);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    this.#orders += 1;
    const timer = { dueMs: this.#ms + delayMs, order: this.#orders, task };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** A laptop sleeps: the wall clock goes on, the monotonic clock and the timers do not. */
  sleep(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Runs everything that is due now. */
  async settle(): Promise<void> {
    for (;;) {
      await microtasks();
      const tasks = this.#soon;
      this.#soon = [];
      if (tasks.length === 0) return;
      for (const task of tasks) task();
    }
  }

  /** Lets the time pass, and runs what becomes due. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#ms + ms;
    await this.settle();
    while (await this.#step(endMs));
    this.#ms = endMs;
  }

  /** Lets the time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { isDone: false };
    const settled = promise.finally(() => {
      state.isDone = true;
    });
    settled.catch(() => undefined);
    await this.settle();
    while (!state.isDone) {
      const isMore = await this.#step(Number.POSITIVE_INFINITY);
      if (!isMore && !state.isDone) throw new Error('nothing is left that could settle it');
    }
    return settled;
  }

  async #step(endMs: number): Promise<boolean> {
    let next: SimulatedTimer | undefined;
    for (const timer of this.#timers) {
      const isEarlier =
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order);
      if (isEarlier) next = timer;
    }
    if (next === undefined || next.dueMs > endMs) return false;
    const chosen = next;
    this.#timers = this.#timers.filter((timer) => timer !== chosen);
    this.#ms = Math.max(this.#ms, chosen.dueMs);
    chosen.task();
    await this.settle();
    return true;
  }
}

/** Lets all promises that can settle do so. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
