/**
 * Ends entries whose time is over, with one timer for all of them.
 *
 * Entries are linked in the order of their deadlines. Nearly all have the same time-out, so a new
 * one belongs at the end, and the timer, set for the first deadline, is rarely touched: an entry
 * that is done in time costs two links and no timer.
 */
import type { Timers } from './timers.js';

/** An entry; only `Deadlines` uses the links and sets the deadline. */
export interface DeadlineEntry<E> {
  readonly timeoutMs: number;
  /** Time of the clock at which the entry is due, ms. */
  deadlineMs: number;
  nextDeadline: E | undefined;
  previousDeadline: E | undefined;
}

export class Deadlines<E extends DeadlineEntry<E>> {
  readonly #clock: { monotonicMs(): number };
  readonly #timers: Timers;
  readonly #onDue: (entry: E) => void;
  #first: E | undefined;
  #last: E | undefined;
  #timer: { cancel(): void } | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(clock: { monotonicMs(): number }, timers: Timers, onDue: (entry: E) => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#onDue = onDue;
  }

  add(entry: E): void {
    const { timeoutMs } = entry;
    const nowMs = this.#clock.monotonicMs();
    // The timer may be late: it does not count the time in which a laptop sleeps.
    if (this.#first !== undefined && this.#first.deadlineMs <= nowMs) this.expire();
    const deadlineMs = nowMs + timeoutMs;
    let before = this.#last;
    while (before !== undefined && before.deadlineMs > deadlineMs) before = before.previousDeadline;
    const after = before === undefined ? this.#first : before.nextDeadline;
    entry.deadlineMs = deadlineMs;
    entry.previousDeadline = before;
    entry.nextDeadline = after;
    if (before === undefined) this.#first = entry;
    else before.nextDeadline = entry;
    if (after === undefined) this.#last = entry;
    else after.previousDeadline = entry;
    if (deadlineMs < this.#timerDueMs) this.#setTimer(deadlineMs, timeoutMs);
  }

  /** Removes an entry that is done; one that was never added, or is due already, is ignored. */
  remove(entry: E): void {
    const { previousDeadline: before, nextDeadline: after } = entry;
    if (before !== undefined) before.nextDeadline = after;
    else if (this.#first === entry) this.#first = after;
    else return;
    if (after === undefined) this.#last = before;
    else after.previousDeadline = before;
    entry.previousDeadline = undefined;
    entry.nextDeadline = undefined;
  }

  /** Ends the entries whose time is over. The timer calls it; so may others that know the time. */
  expire(): void {
    const nowMs = this.#clock.monotonicMs();
    while (this.#first !== undefined && this.#first.deadlineMs <= nowMs) {
      const entry = this.#first;
      this.remove(entry);
      this.#onDue(entry);
    }
  }

  #setTimer(deadlineMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#timerDueMs = deadlineMs;
    this.#timer = this.#timers.after(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    this.expire();
    const first = this.#first;
    if (first === undefined || first.deadlineMs >= this.#timerDueMs) return;
    this.#setTimer(first.deadlineMs, first.deadlineMs - this.#clock.monotonicMs());
  }
}
