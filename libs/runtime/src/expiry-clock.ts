import type { Clock } from './clock.js';
import type { Logger } from './logger.js';

export interface ExpiryClockOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Advance of the wall clock over the monotonic clock that counts as a jump, ms. */
  readonly jumpMs: number;
  /** Time after a jump during which nothing expires by the new time, ms. */
  readonly graceMs: number;
  /**
   * Last time that an earlier process on this data directory trusted, ms; undefined when unknown.
   */
  readonly lastSeenMs: number | undefined;
}

export interface ExpiryClockStatus {
  /** Lead of the wall clock over the expiry time, ms; 0 while they are equal. */
  readonly aheadMs: number;
  /** Time until expiries follow the wall clock again, ms; 0 while they follow it. */
  readonly graceLeftMs: number;
  /** Number of wall clock jumps since the start; a difference found at the start does not count. */
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
 * The time by which records, committed offsets, producers and tombstones expire. It is the wall
 * clock, except after the wall clock has jumped ahead: then the earlier time continues by the
 * monotonic clock, until the wall clock is back or `graceMs` have passed. Data deleted because the
 * time was wrong cannot be recovered; data deleted an hour late does no harm.
 *
 * A clock that jumps back, or drifts, is followed at once: that deletes nothing early. The clock of
 * a machine that was suspended, and a broker that was stopped for longer than `jumpMs`, also count
 * as a jump.
 */
export class ExpiryClock {
  readonly #options: ExpiryClockOptions;
  /** Wall clock minus monotonic clock when that was last trusted, ms. */
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
    // A broker that was stopped for a long time looks the same as a clock that jumped.
    this.#jumpsTotal = 0;
  }

  /** The expiry time, milliseconds since the epoch. */
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

  /**
   * Compares the clocks. The caller runs this about once per second: a drift between two calls is
   * not a jump.
   */
  check(): void {
    const { clock, jumpMs, logger } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const offsetMs = clock.nowMs() - monotonicMs;
    const ahead = this.#ahead;
    if (offsetMs - this.#trustedOffsetMs < jumpMs) {
      if (ahead !== undefined) logger.info({}, 'the wall clock is back: expiries follow it again');
      this.#ahead = undefined;
      this.#trustedOffsetMs = offsetMs;
    } else if (ahead === undefined || offsetMs - ahead.offsetMs >= jumpMs) {
      this.#jumped(offsetMs, monotonicMs);
    } else if (monotonicMs >= ahead.untilMs) {
      logger.warn(
        { aheadMs: Math.round(offsetMs - this.#trustedOffsetMs) },
        'the grace time is over: expiries follow the wall clock again',
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
      'the wall clock jumped ahead: nothing expires by the new time until the grace time is over',
    );
  }
}
