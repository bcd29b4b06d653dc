import type { Clock, LogFields, Logger, Random, Scheduler, Timer } from '#runtime';
import type { FakeClock, FakeScheduler } from '#runtime/testing';

/** The environment of a process. */
export interface ProcessWorld {
  readonly clock: FakeClock;
  readonly scheduler: FakeScheduler;
  /** Called when an unexpected error was thrown. */
  unexpected(who: string, error: unknown): void;
}

export interface ProcessOptions {
  readonly name: string;
  readonly random: Random;
  /** Deviation of the machine's wall clock at this time, ms. */
  readonly wallOffsetMs: () => number;
  readonly log: (level: keyof Logger, fields: LogFields, message: string) => void;
}

/** The runtime ports of a process. */
export interface ProcessPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * One process of a broker, from its start to its death. All events reach it through `deliver`:
 * timers, answers of disk and network, calls. While it is stopped (SIGSTOP) they are held, in
 * order; after its death nothing of it runs, and its pending promises never settle.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly ports: ProcessPorts;
  readonly #world: ProcessWorld;
  readonly #held: (() => void)[] = [];
  readonly #timers = new Set<Timer>();
  readonly #deathListeners = new Set<() => void>();
  #state: 'running' | 'stopped' | 'dead' = 'running';

  constructor(world: ProcessWorld, { name, random, wallOffsetMs, log }: ProcessOptions) {
    this.#world = world;
    this.name = name;
    // The start of the monotonic clock is arbitrary: code must not rely on it.
    const bootMs = random.below(1_000_000);
    const clock = {
      nowMs: (): number => Math.floor(world.clock.nowMs() + wallOffsetMs()),
      monotonicMs: (): number => world.clock.monotonicMs() + bootMs,
    };
    const scheduler: Scheduler = {
      after: (delayMs, task) => this.#after(delayMs, task),
      soon: (task) => world.scheduler.soon(() => this.deliver(task)),
    };
    const write =
      (level: keyof Logger) =>
      (fields: LogFields, message: string): void =>
        log(level, fields, message);
    const logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
    this.ports = { clock, scheduler, random, logger };
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Runs a task in this process: now, or when it continues, or never. */
  deliver(task: () => void): void {
    if (this.#state === 'dead') return;
    if (this.#state === 'stopped') {
      this.#held.push(task);
      return;
    }
    try {
      task();
    } catch (error) {
      this.#world.unexpected(this.name, error);
    }
  }

  /** A promise from outside, as this process observes it. */
  fromOutside<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.deliver(() => resolve(value)),
        (error: unknown) => this.deliver(() => reject(error)),
      );
    });
  }

  /** Stops the process (SIGSTOP). */
  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** Continues the process (SIGCONT): held tasks run one after the other. */
  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    for (const task of this.#held.splice(0)) {
      this.#world.scheduler.soon(() => this.deliver(task));
    }
  }

  /** Kills the process (SIGKILL, or a power loss). */
  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held.length = 0;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const listener of this.#deathListeners) listener();
    this.#deathListeners.clear();
  }

  /** @returns a function that removes the listener */
  onDeath(listener: () => void): () => void {
    this.#deathListeners.add(listener);
    return () => void this.#deathListeners.delete(listener);
  }

  #after(delayMs: number, task: () => void): Timer {
    let isCancelled = false;
    const timer = this.#world.scheduler.after(delayMs, () => {
      this.#timers.delete(timer);
      this.deliver(() => {
        // Another held task may have cancelled it.
        if (!isCancelled) task();
      });
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }
}
