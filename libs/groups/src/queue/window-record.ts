import type { Offset } from '#protocol';
import { assert } from '#runtime';
import {
  DELIVERY_TRANSITIONS,
  type DeliveryEvent,
  type DeliveryState,
  type LiveState,
} from './delivery-state.js';

/** The delivery that a record is acquired for. */
export interface Delivery {
  readonly member: string;
  /** The member's id of the poll that the record was answered to; null without one. */
  readonly receiveId: string | null;
  readonly lockMs: number;
  /** End of the lock, by the monotonic clock of this broker; not in the log. */
  readonly lockUntilMs: number;
}

/** A record of the window: one that is not finished. */
export class WindowRecord {
  #state: LiveState = 'available';
  /** Deliveries that counted, without the one under way. Never falls. */
  deliveries = 0;
  /** Undefined while no member has the record. */
  delivery: Delivery | undefined;
  /** Wall clock before which the record is not delivered, ms; 0 for at once. */
  notBeforeMs = 0;
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
    this.notBeforeMs = deliverAtMs;
  }

  /** Sets what a snapshot has. */
  restore(
    state: LiveState,
    rest: Pick<WindowRecord, 'deliveries' | 'delivery' | 'notBeforeMs' | 'reason'>,
  ): void {
    this.#state = state;
    Object.assign(this, rest);
  }

  becomeDue(): void {
    this.#become('becomeDue');
    this.notBeforeMs = 0;
  }

  acquire(delivery: Delivery): void {
    this.#become('acquire');
    this.delivery = delivery;
    this.notBeforeMs = 0;
  }

  /** Renews the lock. */
  extend(lockMs: number, lockUntilMs: number): void {
    this.#become('extend');
    const { delivery } = this;
    assert(delivery !== undefined, `record ${this.offset} is acquired without a member`);
    this.delivery = { ...delivery, lockMs, lockUntilMs };
  }

  release(isCounted: boolean, notBeforeMs: number): void {
    this.#become('release');
    this.delivery = undefined;
    this.notBeforeMs = notBeforeMs;
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
