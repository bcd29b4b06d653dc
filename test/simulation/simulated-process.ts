import type { Clock, LogFields, Logger, Random, Scheduler, Timer } from '#runtime';
import type { FakeClock, FakeScheduler } from '#runtime/testing';

/** What a process is made in. */
export interface ProcessWorld {
  readonly clock: FakeClock;
  readonly scheduler: FakeScheduler;
  /** Something was thrown that nobody may throw. */
  unexpected(who: string, error: unknown): void;
}

export interface ProcessOptions {
  readonly name: string;
  readonly random: Random;
  /** By how much the machine's wall clock is wrong, as it is now. */
  readonly wallOffsetMs: () => number;
  readonly log: (level: keyof Logger, fields: LogFields, message: string) => void;
}

/** What a process knows of time, chance and its operator. */
export interface ProcessPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * One process of a broker, from its start to its death. All that reaches it comes through
 * `deliver`: timers, what the disk and the network answer, calls. While it is stopped (SIGSTOP)
 * that is held, in order; when it is dead nothing of it runs any more, and what it waited for never
 * settles.
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
    // Where the monotonic clock begins says nothing, and must not be relied on.
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

  /** Lets something happen in this process: now, or when it goes on, or never. */
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

  /** What something outside becomes, as this process gets to know it. */
  fromOutside<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.deliver(() => resolve(value)),
        (error: unknown) => this.deliver(() => reject(error)),
      );
    });
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** SIGCONT: what was held happens one after the other. */
  goOn(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    for (const task of this.#held.splice(0)) {
      this.#world.scheduler.soon(() => this.deliver(task));
    }
  }

  /** SIGKILL, or the machine is gone. */
  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held.length = 0;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const listener of this.#deathListeners) listener();
    this.#deathListeners.clear();
  }

  /** @returns a function that ends the listening */
  onDeath(listener: () => void): () => void {
    this.#deathListeners.add(listener);
    return () => void this.#deathListeners.delete(listener);
  }

  #after(delayMs: number, task: () => void): Timer {
    let isCancelled = false;
    const timer = this.#world.scheduler.after(delayMs, () => {
      this.#timers.delete(timer);
      this.deliver(() => {
        // It may have been cancelled by something else that was held.
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
