/** Timers of this lib; `Scheduler` of libs/runtime implements it, a browser needs an adapter. */
export interface Timers {
  after(delayMs: number, task: () => void): { cancel(): void };
  /** Calls `task` at the end of the current turn of the event loop. */
  soon(task: () => void): void;
}
