import type { Clock, Scheduler, Timer } from '#runtime';
import { nextTimeMs } from '../queue/release-records.js';
import type { Group } from '../state/group.js';
import { DueTimes } from './due-times.js';

/** Groups that are checked in one turn of the event loop, at most. */
const LOOKS_PER_TURN = 100;

interface QueueTimersOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** A lock is over, or the delay of a record. */
  readonly onDue: (group: string) => void;
}

/**
 * The times at which something happens in queue groups without a request: a lock ends, a record
 * that waits for its next delivery becomes available. They are in memory only.
 */
export class QueueTimers {
  readonly #options: QueueTimersOptions;
  readonly #due = new DueTimes();
  #timer: Timer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: QueueTimersOptions) {
    this.#options = options;
  }

  /** Looks at a group that may have changed. */
  look(group: Group): void {
    const { clock } = this.#options;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { state } of group.queue.all()) {
      dueMs = Math.min(dueMs, nextTimeMs(state, clock.monotonicMs()));
    }
    if (dueMs === Number.POSITIVE_INFINITY) {
      this.#due.delete(group.name);
      return;
    }
    this.#due.set(group.name, dueMs);
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const nextMs = this.#due.nextMs ?? Number.POSITIVE_INFINITY;
    if (this.#isClosed || nextMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = nextMs;
    const delayMs = Math.max(0, nextMs - this.#options.clock.monotonicMs());
    this.#timer = this.#options.scheduler.after(Math.ceil(delayMs), () => this.#look());
  }

  #look(): void {
    this.#timerMs = Number.POSITIVE_INFINITY;
    for (const group of this.#due.takeDue(this.#options.clock.monotonicMs(), LOOKS_PER_TURN)) {
      this.#options.onDue(group);
    }
    this.#schedule();
  }
}
