import type { Timers } from './timers.js';

/** Timers that can be cancelled all at once, so that none outlives a closed producer. */
export class TrackedTimers implements Timers {
  readonly #timers: Timers;
  readonly #pending = new Set<{ cancel(): void }>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const timer = this.#timers.after(delayMs, () => {
      this.#pending.delete(timer);
      task();
    });
    this.#pending.add(timer);
    return {
      cancel: () => {
        this.#pending.delete(timer);
        timer.cancel();
      },
    };
  }

  soon(task: () => void): void {
    this.#timers.soon(task);
  }

  cancelAll(): void {
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }
}
