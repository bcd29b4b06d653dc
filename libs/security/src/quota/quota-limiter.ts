import { ProtocolError } from '#protocol';
import type { Clock } from '#runtime';
import type { SecurityView } from '../metadata/security-metadata.js';
import type { PrincipalShares } from './principal-shares.js';
import { TokenBucket } from './token-bucket.js';

/** The quotas that limit a rate, by Kafka's names. */
export type RateQuota = 'producer_byte_rate' | 'consumer_byte_rate' | 'request_rate';

const RATE_QUOTAS: readonly RateQuota[] = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_rate',
];

/** Buckets that are examined for each new one: more are forgotten than are created. */
const EXAMINED_PER_NEW = 2;

export interface QuotaLimiterOptions {
  /** Longest time that a request waits for its quota, ms. */
  readonly waitMsMax: number;
  /** Buckets at a time. Above it others are forgotten: their principals begin with full ones. */
  readonly bucketsMax: number;
}

/** Uses that a quota delayed or refused since the start. */
export interface ThrottleCounts {
  delayed: number;
  refused: number;
  /** Sum of all delays, ms. */
  delayMs: number;
}

/** The quotas of a cluster. */
type QuotaView = Pick<SecurityView, 'quotaOf' | 'quotaCount'>;

interface NamedBucket {
  readonly principal: string;
  readonly quota: RateQuota;
  readonly bucket: TokenBucket;
}

/**
 * The use of each principal's quotas at this broker.
 *
 * A request takes from the bucket before it does anything. Without tokens it waits for its turn,
 * which is a place in the debt of its own principal only; if that is more than `waitMsMax`, it is
 * refused. Principals without a quota cost nothing, and buckets that are full again are forgotten.
 */
export class QuotaLimiter {
  readonly #view: QuotaView;
  readonly #options: QuotaLimiterOptions;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, NamedBucket>();
  /** Goes round all buckets: a new iterator would skip the deleted ones at the beginning again. */
  #sweep = this.#buckets.entries();
  readonly #shares: PrincipalShares;
  readonly #counts: Readonly<Record<RateQuota | 'connections', ThrottleCounts>> = {
    producer_byte_rate: noCounts(),
    consumer_byte_rate: noCounts(),
    request_rate: noCounts(),
    connections: noCounts(),
  };

  /** @param shares counts the connections of each principal, which have a bound of their own */
  constructor(
    view: QuotaView,
    shares: PrincipalShares,
    options: QuotaLimiterOptions,
    clock: Clock,
  ) {
    this.#view = view;
    this.#shares = shares;
    this.#options = options;
    this.#clock = clock;
  }

  get bucketCount(): number {
    return this.#buckets.size;
  }

  /** True while any principal has a quota; most clusters have none. */
  get areSet(): boolean {
    return this.#view.quotaCount > 0;
  }

  get counts(): Readonly<Record<RateQuota | 'connections', Readonly<ThrottleCounts>>> {
    return this.#counts;
  }

  /**
   * Takes what a request is about to use.
   * @returns the time that the request waits before it proceeds, ms
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if it would wait longer than `waitMsMax`; then
   *   nothing is taken
   */
  take(principal: string, quota: RateQuota, cost: number): number {
    const rate = this.#view.quotaOf(principal)?.[quota];
    if (rate === undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#bucketOf(principal, quota, rate);
    const waitMs = bucket.waitMs(rate, nowMs);
    if (waitMs > this.#options.waitMsMax) {
      this.#counts[quota].refused += 1;
      throw usedUp(quota, rate, waitMs);
    }
    bucket.take(cost, rate, nowMs);
    return this.#counted(quota, waitMs);
  }

  /**
   * Charges what was used already, for example the bytes of records that were read.
   * @returns the time for which the principal should use no more, ms
   */
  charge(principal: string, quota: RateQuota, cost: number): number {
    const rate = this.#view.quotaOf(principal)?.[quota];
    if (rate === undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#bucketOf(principal, quota, rate);
    bucket.take(cost, rate, nowMs);
    return this.#counted(quota, bucket.waitMs(rate, nowMs));
  }

  /**
   * Counts a connection of the principal.
   * @returns a function that ends it; calls after the first do nothing
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if the principal has as many as it may have, by
   *   its quota or its share
   */
  openConnection(principal: string): () => void {
    const max = this.#view.quotaOf(principal)?.connections;
    const open = this.#shares.held('connections', principal);
    if (max !== undefined && open >= max) {
      this.#counts.connections.refused += 1;
      throw tooManyConnections(max);
    }
    this.#shares.take('connections', principal, 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#shares.give('connections', principal, 1);
    };
  }

  #counted(quota: RateQuota, waitMs: number): number {
    if (waitMs > 0) {
      this.#counts[quota].delayed += 1;
      this.#counts[quota].delayMs += waitMs;
    }
    return waitMs;
  }

  #bucketOf(principal: string, quota: RateQuota, rate: number): TokenBucket {
    const key = `${RATE_QUOTAS.indexOf(quota)}${principal}`;
    const known = this.#buckets.get(key);
    if (known !== undefined) return known.bucket;
    this.#forgetFull();
    const bucket = new TokenBucket(rate, this.#clock.monotonicMs());
    this.#buckets.set(key, { principal, quota, bucket });
    return bucket;
  }

  /** Examines the next buckets of the sweep, and forgets those that are full. */
  #forgetFull(): void {
    const nowMs = this.#clock.monotonicMs();
    const isAtBound = this.#buckets.size >= this.#options.bucketsMax;
    for (let examined = 0; examined < EXAMINED_PER_NEW; examined += 1) {
      const next = this.#nextBucket();
      if (next === undefined) return;
      const [key, { principal, quota, bucket }] = next;
      const rate = this.#view.quotaOf(principal)?.[quota];
      const isFull = rate === undefined || bucket.isFull(rate, nowMs);
      if (isFull || isAtBound) this.#buckets.delete(key);
    }
  }

  #nextBucket(): readonly [string, NamedBucket] | undefined {
    const next = this.#sweep.next();
    if (next.done !== true) return next.value;
    this.#sweep = this.#buckets.entries();
    const first = this.#sweep.next();
    return first.done === true ? undefined : first.value;
  }
}

function noCounts(): ThrottleCounts {
  return { delayed: 0, refused: 0, delayMs: 0 };
}

function usedUp(quota: RateQuota, rate: number, waitMs: number): ProtocolError {
  return new ProtocolError(
    'THROTTLING_QUOTA_EXCEEDED',
    `The quota ${quota} of this principal, ${rate} per second at each broker, is used up for ` +
      `${Math.ceil(waitMs)} ms.`,
    { outcome: 'failed', retryAfterMs: Math.ceil(waitMs) },
  );
}

function tooManyConnections(max: number): ProtocolError {
  return new ProtocolError(
    'THROTTLING_QUOTA_EXCEEDED',
    `This principal has all of its connections at this broker open: ${max} (quota connections).`,
    { outcome: 'failed' },
  );
}
