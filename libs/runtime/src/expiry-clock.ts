import type { Clock } from './clock.js';
import type { Logger } from './logger.js';

export interface ExpiryClockOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A wall clock that gets ahead of the monotonic clock by this much at once has jumped, ms. */
  readonly jumpMs: number;
  /** How long nothing expires by the time after a jump, ms. */
  readonly graceMs: number;
  /**
   * The last time that an earlier process on these data took for right, ms; undefined when unknown.
   */
  readonly lastSeenMs: number | undefined;
}

export interface ExpiryClockStatus {
  /**
   * How far the wall clock is ahead of the time that expiries go by, ms; 0 while they are the same.
   */
  readonly aheadMs: number;
  /** Until expiries go by the wall clock again, ms; 0 while they do. */
  readonly graceLeftMs: number;
  /**
   * Jumps of the wall clock since the start; a difference that was there at the start does not
   * count.
   */
  readonly jumpsTotal: number;
}

/** The wall clock is ahead of the trusted time. */
interface Ahead {
  /** Wall clock minus monotonic clock when the jump was seen last, ms. */
  offsetMs: number;
  /** Monotonic time at which the wall clock is trusted. */
  untilMs: number;
}

/**
 * The time by which records, committed offsets, producers and tombstones expire: the wall clock,
 * except after it has jumped ahead. From then on the time of before runs on by the monotonic clock,
 * until the wall clock is back or `graceMs` have passed. What is deleted because the time was wrong
 * is gone for good; what is deleted an hour later is not missed.
 *
 * A clock that jumps back, or drifts, is followed at once: that deletes nothing early. The clock of
 * a machine that was suspended, or a broker that was stopped for longer than `jumpMs`, counts as a
 * jump too.
 */
export class ExpiryClock {
  readonly #options: ExpiryClockOptions;
  /** Wall clock minus monotonic clock while that was last trusted, ms. */
  #trustedOffsetMs: number;
  #ahead: Ahead | undefined;
  #jumpsTotal = 0;

  constructor(options: ExpiryClockOptions) {
    const { clock, lastSeenMs } = options;
    this.#options = options;
    const offsetMs = clock.nowMs() - clock.monotonicMs();
    const lastOffsetMs = (lastSeenMs ?? clock.nowMs()) - clock.monotonicMs();
    this.#trustedOffsetMs = Math.min(offsetMs, lastOffsetMs);
    this.check();
    // A broker that was stopped for long looks the same as a clock that jumped meanwhile.
    this.#jumpsTotal = 0;
  }

  /** The time by which things expire, milliseconds since the epoch. */
  nowMs(): number {
    this.check();
    return Math.floor(this.#trustedOffsetMs + this.#options.clock.monotonicMs());
  }

  get status(): ExpiryClockStatus {
    this.check();
    const { clock } = this.#options;
    const ahead = this.#ahead;
    return {
      aheadMs: ahead === undefined ? 0 : Math.round(ahead.offsetMs - this.#trustedOffsetMs),
      graceLeftMs: ahead === undefined ? 0 : Math.ceil(ahead.untilMs - clock.monotonicMs()),
      jumpsTotal: this.#jumpsTotal,
    };
  }

  /** Compares the clocks. To be called every second or so: a drift between two calls is no jump. */
  check(): void {
    const { clock, jumpMs, logger } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const offsetMs = clock.nowMs() - monotonicMs;
    const ahead = this.#ahead;
    if (offsetMs - this.#trustedOffsetMs < jumpMs) {
      if (ahead !== undefined) logger.info({}, 'the clock is back: expiries go by it again');
      this.#ahead = undefined;
      this.#trustedOffsetMs = offsetMs;
    } else if (ahead === undefined || offsetMs - ahead.offsetMs >= jumpMs) {
      this.#jumped(offsetMs, monotonicMs);
    } else if (monotonicMs >= ahead.untilMs) {
      logger.warn(
        { aheadMs: Math.round(offsetMs - this.#trustedOffsetMs) },
        'the clock is trusted',
      );
      this.#ahead = undefined;
      this.#trustedOffsetMs = offsetMs;
    } else ahead.offsetMs = offsetMs;
  }

  #jumped(offsetMs: number, monotonicMs: number): void {
    const { graceMs, logger } = this.#options;
    this.#jumpsTotal += 1;
    this.#ahead = { offsetMs, untilMs: monotonicMs + graceMs };
    logger.warn(
      { aheadMs: Math.round(offsetMs - this.#trustedOffsetMs), graceMs },
      'the clock is far ahead of the time that was: nothing expires by it for now',
    );
  }
}
