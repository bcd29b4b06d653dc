import type { Clock, Scheduler, Timer } from '../clock.js';

/** Time that changes only when a test advances it. */
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

  /** Moves both clocks forward. It fires no timers: see `FakeScheduler.advance`. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the wall clock forward or back, as an operator or NTP does. */
  setNowMs(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

/**
 * Timers that fire when a test lets time pass. `soon` is real (the end of this turn of the event
 * loop). With a fake disk everything else is promises, so the order of events is the same in every
 * run.
 *
 * Overlap: `advance` and `settle` do not overlap; the test awaits one before it calls the next.
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

  /** Number of timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Lets `ms` pass. Each timer fires at its own time, in order, and the work that it starts runs
   * until it waits for something else; timers set during this time fire too when they become due.
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

  /** Resolves when every promise that can settle has settled and no task waits for `soon`. */
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
