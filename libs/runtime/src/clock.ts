/** Wall clock and monotonic clock. The libs read the time only through this port. */
export interface Clock {
  /** Whole milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back, with a fraction. */
  monotonicMs(): number;
}

/** Timers. The libs wait only through this port. */
export interface Scheduler {
  /** Calls `task` once after `delayMs`; the timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
  /** Calls `task` at the end of the current turn of the event loop. */
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

/** Randomness for secrets. */
export interface SecretRandom {
  /** Bytes that nobody can predict. */
  bytes(sizeBytes: number): Buffer;
}
