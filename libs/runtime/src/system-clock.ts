import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { Clock, Random, Scheduler, SecretRandom, Timer } from './clock.js';

/** Longest delay that Node's timers support; a longer one would fire at once. */
const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

/** The clocks of this machine. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }
}

/** The time of this machine, with a monotonic clock that all threads of the process read alike. */
export class ProcessClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  /** Slower than that of SystemClock, which begins at zero in every thread. */
  monotonicMs(): number {
    return Number(process.hrtime.bigint()) / 1e6;
  }
}

/** Node's timers. */
export class SystemScheduler implements Scheduler {
  after(delayMs: number, task: () => void): Timer {
    return new SystemTimer(delayMs, task);
  }

  soon(task: () => void): void {
    setImmediate(task);
  }
}

class SystemTimer implements Timer {
  #timeout: NodeJS.Timeout | undefined;
  readonly #task: () => void;

  constructor(delayMs: number, task: () => void) {
    this.#task = task;

    this.#wait(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #wait(delayMs: number): void {
    const stepMs = Math.min(delayMs, TIMER_DELAY_MS_MAX);
    const next = delayMs > stepMs ? () => this.#wait(delayMs - stepMs) : this.#task;
    this.#timeout = setTimeout(next, stepMs);
    this.#timeout.unref();
  }
}

/** Cryptographic randomness, which cannot be predicted. */
export class SystemRandom implements Random, SecretRandom {
  below(bound: number): number {
    return randomInt(bound);
  }

  uuid(): string {
    return randomUUID();
  }

  bytes(sizeBytes: number): Buffer {
    return randomBytes(sizeBytes);
  }
}
