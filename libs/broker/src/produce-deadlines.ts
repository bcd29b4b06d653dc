/**
 * Ends produce requests whose time is over, with one timer for all of them.
 *
 * Requests are linked in the order of their deadlines. Nearly all have the same time-out, so a new
 * one belongs at the end, and the timer, set for the first deadline, is rarely touched: a request
 * that is answered in time costs two links and no timer.
 */
import type { Clock, Scheduler, Timer } from '#runtime';
import type { PendingProduce } from './pending-produce.js';

export class ProduceDeadlines {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #onDue: (pending: PendingProduce) => void;
  #first: PendingProduce | undefined;
  #last: PendingProduce | undefined;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, scheduler: Scheduler, onDue: (pending: PendingProduce) => void) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#onDue = onDue;
  }

  add(pending: PendingProduce): void {
    const { timeoutMs } = pending;
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    let before = this.#last;
    while (before !== undefined && before.deadlineMs > deadlineMs) before = before.previousDeadline;
    const after = before === undefined ? this.#first : before.nextDeadline;
    pending.deadlineMs = deadlineMs;
    pending.previousDeadline = before;
    pending.nextDeadline = after;
    if (before === undefined) this.#first = pending;
    else before.nextDeadline = pending;
    if (after === undefined) this.#last = pending;
    else after.previousDeadline = pending;
    if (deadlineMs < this.#timerDueMs) this.#setTimer(deadlineMs, timeoutMs);
  }

  remove(pending: PendingProduce): void {
    const { previousDeadline: before, nextDeadline: after } = pending;
    if (before !== undefined) before.nextDeadline = after;
    else if (this.#first === pending) this.#first = after;
    else return;
    if (after === undefined) this.#last = before;
    else after.previousDeadline = before;
    pending.previousDeadline = undefined;
    pending.nextDeadline = undefined;
  }

  #setTimer(deadlineMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#timerDueMs = deadlineMs;
    this.#timer = this.#scheduler.after(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    for (;;) {
      const first = this.#first;
      if (first === undefined) return;
      if (first.deadlineMs > nowMs) {
        this.#setTimer(first.deadlineMs, first.deadlineMs - nowMs);
        return;
      }
      this.remove(first);
      this.#onDue(first);
    }
  }
}
