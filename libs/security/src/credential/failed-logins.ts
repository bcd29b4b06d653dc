import { type Clock, RecentMap } from '#runtime';
import { addressBlock } from './client-address.js';

/** Failures of one address that are answered without a delay. */
const FREE_FAILURES = 5;
/** Delay of the first failure after those, ms; each further one doubles it. */
const FIRST_DELAY_MS = 62.5;
/** Time after which one failure of an address is forgotten, ms. */
const FORGIVEN_AFTER_MS = 10_000;
/** Failures of one address that are counted: after 100 seconds without one, all are forgotten. */
const COUNTED_MAX = 10;

export interface FailedLoginsOptions {
  /** Addresses whose failures are counted. */
  readonly addressesMax: number;
  /** Longest delay of an answer, ms. */
  readonly delayMsMax: number;
}

interface Failures {
  /** Failures at `atMs`, less those that are forgotten. */
  readonly count: number;
  /** Monotonic time of the last one, ms. */
  readonly atMs: number;
}

/**
 * Counts failed logins by address, so that answers to further ones come late. Successful logins of
 * the same address are never delayed: others may share it.
 *
 * The memory is bounded. Above the bound, addresses without a failure for longest are forgotten.
 */
export class FailedLogins {
  readonly #delayMsMax: number;
  readonly #clock: Clock;
  /** The failures of each block of addresses. */
  readonly #failures: RecentMap<Failures>;
  #failuresTotal = 0;
  #delayedTotal = 0;
  #delayMsTotal = 0;

  constructor({ addressesMax, delayMsMax }: FailedLoginsOptions, clock: Clock) {
    this.#delayMsMax = delayMsMax;
    this.#clock = clock;
    this.#failures = new RecentMap(addressesMax);
  }

  get addressCount(): number {
    return this.#failures.size;
  }

  get failuresTotal(): number {
    return this.#failuresTotal;
  }

  /** Failures whose answer was held back. */
  get delayedTotal(): number {
    return this.#delayedTotal;
  }

  /** Sum of all delays, ms. */
  get delayMsTotal(): number {
    return this.#delayMsTotal;
  }

  /**
   * Counts a failed login.
   * @returns the time for which its answer is held back, ms: 0 for the first ones, at most a second
   */
  failed(address: string): number {
    this.#failuresTotal += 1;
    const block = addressBlock(address);
    const nowMs = this.#clock.monotonicMs();
    const count = Math.min(this.#countOf(block, nowMs) + 1, COUNTED_MAX);
    this.#failures.set(block, { count, atMs: nowMs });
    const over = count - FREE_FAILURES;
    if (over < 1 || this.#delayMsMax === 0) return 0;
    const delayMs = Math.min(this.#delayMsMax, FIRST_DELAY_MS * 2 ** (Math.ceil(over) - 1));
    this.#delayedTotal += 1;
    this.#delayMsTotal += delayMs;
    return delayMs;
  }

  #countOf(block: string, nowMs: number): number {
    const known = this.#failures.get(block);
    if (known === undefined) return 0;
    return Math.max(0, known.count - (nowMs - known.atMs) / FORGIVEN_AFTER_MS);
  }
}
