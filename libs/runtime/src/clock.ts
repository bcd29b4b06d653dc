/** Wall and monotonic time. The only way the libs learn what time it is. */
export interface Clock {
  /** Milliseconds since the epoch, whole. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back, with a fraction. */
  monotonicMs(): number;
}

/** Timers. The only way the libs wait. */
export interface Scheduler {
  /** Calls `task` once after `delayMs`; the timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
  /** Calls `task` when the events at hand were handled (the end of this turn of the event loop). */
  soon(task: () => void): void;
}

export interface Timer {
  cancel(): void;
}

/** Randomness. */
export interface Random {
  /** A whole number in [0, bound). */
  below(bound: number): number;
  /** A version 4 UUID. */
  uuid(): string;
}
