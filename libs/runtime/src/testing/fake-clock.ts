import type { Clock, Scheduler, Timer } from '../clock.js';

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;

  constructor(nowMs = 1_750_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Time passes; timers are the scheduler's: see `FakeScheduler.advance`. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** The wall clock is set, forward or back, as an operator or NTP does. */
  setNowMs(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

/**
 * Timers that fire when a test lets time pass. `soon` is real (the end of this turn of the event
 * loop): with a fake disk all else are promises, so that the order of events is the same in every
 * run.
 */
export class FakeScheduler implements Scheduler {
  readonly #timers = new Set<FakeTimer>();
  #pendingSoon = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  after(delayMs: number, task: () => void): Timer {
    const dueMs = this.#clock.monotonicMs() + Math.max(0, delayMs);
    const timer = new FakeTimer(dueMs, task, this.#timers);
    this.#timers.add(timer);
    return timer;
  }

  soon(task: () => void): void {
    this.#pendingSoon += 1;
    setImmediate(() => {
      this.#pendingSoon -= 1;
      task();
    });
  }

  /** Timers that wait. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Lets `ms` pass: each timer due fires at its own time, in order, and what it sets off runs until
   * it waits for something else; timers set meanwhile fire too when they fall due.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#clock.monotonicMs() + ms;
    await this.settle();
    for (let timer = this.#nextDue(endMs); timer !== undefined; timer = this.#nextDue(endMs)) {
      this.#clock.advance(Math.max(0, timer.dueMs - this.#clock.monotonicMs()));
      timer.fire();
      await this.settle();
    }
    this.#clock.advance(Math.max(0, endMs - this.#clock.monotonicMs()));
  }

  /** Resolves when every promise that can settle has, and nothing waits for `soon`. */
  async settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#pendingSoon > 0);
  }

  #nextDue(endMs: number): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}

class FakeTimer implements Timer {
  readonly #task: () => void;
  readonly #timers: Set<FakeTimer>;

  constructor(
    readonly dueMs: number,
    task: () => void,
    timers: Set<FakeTimer>,
  ) {
    this.#task = task;
    this.#timers = timers;
  }

  cancel(): void {
    this.#timers.delete(this);
  }

  fire(): void {
    this.#timers.delete(this);
    this.#task();
  }
}
