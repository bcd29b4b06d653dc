import type { Offset } from '#protocol';
import { assert } from '#runtime';
import {
  DELIVERY_TRANSITIONS,
  type DeliveryEvent,
  type DeliveryState,
  type LiveState,
} from './delivery-state.js';
import type { ShareTimes } from './share-context.js';

/** The delivery that a record is acquired for. */
export interface Delivery {
  readonly member: string;
  /** The member's id of the poll that the record was answered to; null without one. */
  readonly receiveId: string | null;
  readonly lockMs: number;
  /** End of the lock, by the monotonic clock of this broker; not in the log. */
  readonly lockUntilMs: number;
}

/**
 * The end of a redelivery's delay. The log has it by the wall clock, so that the next coordinator
 * knows it; this broker waits by its monotonic clock, so that a change of the wall clock neither
 * lengthens nor shortens the delay.
 */
export interface RetryDelay {
  /** Wall clock at its end, as it was when the delay began, ms. */
  readonly notBeforeMs: number;
  /** The whole delay, ms; undefined in a log that does not have it. */
  readonly delayMs: number | undefined;
  /** Its end by the monotonic clock of this broker; not in the log. */
  readonly readyAtMs: number;
}

/**
 * The delay of a record of the log; undefined for none. The rest of a delay is never longer than
 * the whole delay, however far apart the clocks of two coordinators are.
 */
export function retryDelay(
  { notBeforeMs, delayMs }: { readonly notBeforeMs: number; readonly delayMs?: number | undefined },
  { nowMs, monotonicMs }: ShareTimes,
): RetryDelay | undefined {
  if (notBeforeMs === 0) return undefined;
  const leftMs = Math.min(Math.max(0, notBeforeMs - nowMs), delayMs ?? Number.POSITIVE_INFINITY);
  return { notBeforeMs, delayMs, readyAtMs: monotonicMs + leftMs };
}

/** A record of the window: one that is not finished. */
export class WindowRecord {
  #state: LiveState = 'available';
  /** Deliveries that counted, without the one under way. Never falls. */
  deliveries = 0;
  /** Undefined while no member has the record. */
  delivery: Delivery | undefined;
  /** Time of delivery of a `delayed` record by the wall clock, ms; 0 for any other record. */
  deliverAtMs = 0;
  /** Undefined for a record that no redelivery delays, or did. */
  retry: RetryDelay | undefined;
  /** The reason that its dead letter names, once it is `archiving`. */
  reason: string | undefined;

  /** @param keyHash hash of its key in a key-ordered group; null without key */
  constructor(
    readonly offset: Offset,
    readonly keyHash: number | null = null,
  ) {}

  get state(): LiveState {
    return this.#state;
  }

  /** The delivery count that the member sees: that of the delivery under way, or of the next. */
  get deliveryCount(): number {
    return this.deliveries + 1;
  }

  /** Makes a new record wait for its time of delivery. */
  delayUntil(deliverAtMs: number): void {
    this.#state = 'delayed';
    this.deliverAtMs = deliverAtMs;
  }

  /** True for an available record whose delay is not over. */
  isRetriedLater(monotonicMs: number): boolean {
    return this.#state === 'available' && (this.retry?.readyAtMs ?? 0) > monotonicMs;
  }

  /** Sets what a snapshot has. */
  restore(
    state: LiveState,
    rest: Pick<WindowRecord, 'deliveries' | 'delivery' | 'deliverAtMs' | 'retry' | 'reason'>,
  ): void {
    this.#state = state;
    Object.assign(this, rest);
  }

  becomeDue(): void {
    this.#become('becomeDue');
    this.deliverAtMs = 0;
  }

  acquire(delivery: Delivery): void {
    this.#become('acquire');
    this.delivery = delivery;
    this.retry = undefined;
  }

  /** Renews the lock. */
  extend(lockMs: number, lockUntilMs: number): void {
    this.#become('extend');
    const { delivery } = this;
    assert(delivery !== undefined, `record ${this.offset} is acquired without a member`);
    this.delivery = { ...delivery, lockMs, lockUntilMs };
  }

  release(isCounted: boolean, retry: RetryDelay | undefined): void {
    this.#become('release');
    this.delivery = undefined;
    this.retry = retry;
    if (isCounted) this.deliveries += 1;
  }

  /** Gives the record to the dead letters; the delivery under way counts. */
  condemn(reason: string): void {
    this.#become('condemn');
    this.delivery = undefined;
    this.deliveries += 1;
    this.reason = reason;
  }

  /** Asserts that the record can end this way; it leaves the window. */
  finish(event: 'acknowledge' | 'archive'): void {
    this.#next(event);
  }

  #become(event: Exclude<DeliveryEvent, 'acknowledge' | 'archive'>): void {
    const next = this.#next(event);
    assert(next !== 'acknowledged' && next !== 'archived', `${event} is not final`);
    this.#state = next;
  }

  #next(event: DeliveryEvent): DeliveryState {
    const next = DELIVERY_TRANSITIONS[this.#state][event];
    assert(
      next !== undefined,
      `event ${event} is impossible: record ${this.offset} is ${this.#state}`,
    );
    return next;
  }
}
