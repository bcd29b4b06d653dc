import type { Clock, Scheduler, Timer } from '#runtime';

/** Thrown out of background work that was told to end. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export interface ThrottlerOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** What the work may read and write together. */
  readonly bytesPerSecond: number;
  /** How long the work may keep the event loop to itself. */
  readonly sliceMsMax: number;
}

/**
 * Keeps background work from being noticed: it runs in short slices, between which the event loop
 * handles what has come, and no faster than its share of the disk.
 *
 * The work asks `isDue` as often as it likes and awaits `pause()` when it is; it reports its bytes
 * to `charge`.
 */
export class Throttler {
  #sliceStartMs: number;
  /** When the bytes charged so far would be done at the allowed speed. */
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
   * Lets others run: till the end of the event loop's turn, or longer when the work is too fast.
   * @throws StoppedError
   */
  async pause(): Promise<void> {
    const { clock, scheduler } = this.#options;
    if (!this.#isStopped) {
      const nowMs = clock.monotonicMs();
      // Time in which nothing was charged is not saved up for a burst.
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

  /** Ends the work at its next pause, and a pause under way at once. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting?.timer?.cancel();
    this.#waiting?.wake();
  }
}
