/**
 * Timers as this lib needs them; `Scheduler` of libs/runtime is one, a browser's adapter another.
 */
export interface Timers {
  after(delayMs: number, task: () => void): { cancel(): void };
  /** Calls `task` when the events at hand were handled. */
  soon(task: () => void): void;
}
