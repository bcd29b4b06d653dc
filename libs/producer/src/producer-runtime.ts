import type { RandomBelow } from './partitioner.js';
import type { CreateError } from './produce-transport.js';
import type { Timers } from './timers.js';

/** Two clocks: one stops while a laptop sleeps, the other jumps when somebody sets the time. */
export interface ProducerClock {
  /** Wall clock: whole milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
}

/** Ports of a producer to its platform, so that tests decide about time and chance. */
export interface ProducerRuntime {
  readonly clock: ProducerClock;
  readonly timers: Timers;
  readonly random: RandomBelow;
  readonly createError: CreateError;
}
