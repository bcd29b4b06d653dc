import type { Timers } from '../timers.js';

interface PendingTask {
  readonly dueMs: number;
  readonly task: () => void;
}

/** Timers that a test advances by hand. */
export class ManualTimers implements Timers {
  readonly #pending = new Set<PendingTask>();
  #soon: (() => void)[] = [];
  #nowMs = 0;

  get pending(): number {
    return this.#pending.size;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const pending = { dueMs: this.#nowMs + delayMs, task };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** Runs the tasks that wait for the end of this turn. */
  endTurn(): void {
    const tasks = this.#soon;
    this.#soon = [];
    for (const task of tasks) task();
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const pending of [...this.#pending].toSorted((a, b) => a.dueMs - b.dueMs)) {
      if (pending.dueMs > this.#nowMs || !this.#pending.delete(pending)) continue;
      pending.task();
    }
  }
}
