import type { Clock, Scheduler, Timer } from '#runtime';

/** Ends background work after a request to stop. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export interface ThrottlerOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Bytes per second that the work may read and write together. */
  readonly bytesPerSecond: number;
  /** Longest time in ms that the work may occupy the event loop. */
  readonly sliceMsMax: number;
}

/**
 * Limits background work so that clients do not notice it: the work runs in short slices, between
 * which the event loop handles other events, and no faster than its share of the disk.
 *
 * The work reports its bytes to `charge`, checks `isDue` as often as it likes and awaits `pause()`
 * when it is true.
 *
 * Overlap: one task uses a throttler at a time; `stop` may come at any time.
 */
export class Throttler {
  #sliceStartMs: number;
  /** Monotonic time in ms at which the bytes charged so far are paid for at the allowed speed. */
  #paidUntilMs: number;
  #isStopped = false;
  #waiting: { readonly timer: Timer | undefined; readonly wake: () => void } | undefined;
  readonly #options: ThrottlerOptions;

  constructor(options: ThrottlerOptions) {
    this.#options = options;

    this.#sliceStartMs = options.clock.monotonicMs();
    this.#paidUntilMs = this.#sliceStartMs;
  }

  charge(bytes: number): void {
    this.#paidUntilMs += (bytes * 1000) / this.#options.bytesPerSecond;
  }

  get isDue(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return nowMs - this.#sliceStartMs >= this.#options.sliceMsMax || this.#isStopped;
  }

  /**
   * Lets other events run: until the end of the event loop's turn, or longer when the work is too
   * fast.
   * @throws StoppedError
   */
  async pause(): Promise<void> {
    const { clock, scheduler } = this.#options;
    if (!this.#isStopped) {
      const nowMs = clock.monotonicMs();
      // Idle time is not saved up for a burst.
      this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs);
      const aheadMs = this.#paidUntilMs - nowMs;
      await new Promise<void>((wake) => {
        const timer = aheadMs >= 1 ? scheduler.after(aheadMs, wake) : undefined;
        if (timer === undefined) scheduler.soon(wake);
        this.#waiting = { timer, wake };
      });
      this.#waiting = undefined;
    }
    if (this.#isStopped) throw new StoppedError('background work was stopped');
    this.#sliceStartMs = clock.monotonicMs();
  }

  /** Ends the work at its next pause, and a current pause at once. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting?.timer?.cancel();
    this.#waiting?.wake();
  }
}
