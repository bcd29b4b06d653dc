import { ProtocolError } from '#protocol';
import type { Access } from '#security';
import type { SocketSubscription } from './socket-subscription.js';

/**
 * Subscriptions that resume at once when there is room; the others follow while there is still
 * room.
 */
const RESUMED_TOGETHER = 16;

/** The subscriptions of one connection by name, and those that wait for room. */
export class SocketSubscriptions {
  readonly #byName = new Map<string, SocketSubscription>();
  /** Waiting subscriptions in the order in which they found no room: each gets its turn. */
  readonly #waiting = new Set<SocketSubscription>();
  readonly #countMax: number;
  readonly #hasRoom: () => boolean;
  #isResuming = false;
  #isClosed = false;

  constructor(countMax: number, hasRoom: () => boolean) {
    this.#countMax = countMax;
    this.#hasRoom = hasRoom;
  }

  get count(): number {
    return this.#byName.size;
  }

  /** @throws ProtocolError INVALID_REQUEST if there is no such subscription */
  get(name: string): SocketSubscription {
    const present = this.#byName.get(name);
    if (present !== undefined) return present;
    const detail = `there is no subscription ${JSON.stringify(name)} on this connection`;
    throw nameError(detail);
  }

  /**
   * @throws ProtocolError INVALID_REQUEST if the name is in use; POLICY_VIOLATION for too many;
   *   BROKER_NOT_AVAILABLE if the connection ended meanwhile: nobody would end the subscription
   */
  add(subscription: SocketSubscription): void {
    const { name } = subscription;
    if (this.#isClosed) {
      throw new ProtocolError('BROKER_NOT_AVAILABLE', 'The connection has ended.');
    }
    if (this.#byName.has(name)) {
      throw nameError(`the name ${JSON.stringify(name)} is already in use`);
    }
    if (this.#byName.size >= this.#countMax) {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `A connection has at most ${this.#countMax} subscriptions ` +
          '(SLUICE_SUBSCRIPTIONS_PER_SOCKET_MAX).',
      );
    }
    this.#byName.set(name, subscription);
  }

  /** Frees the name. */
  forget(subscription: SocketSubscription): void {
    if (this.#byName.get(subscription.name) === subscription) {
      this.#byName.delete(subscription.name);
    }
    this.#waiting.delete(subscription);
  }

  /** Queues a subscription that found no room; it resumes later. */
  wait(subscription: SocketSubscription): void {
    this.#waiting.add(subscription);
  }

  /**
   * Resumes waiting subscriptions, a few at a time, because each may use all the room. Their
   * records arrive later, so the next ones are checked in the next turn.
   */
  readonly resume = (): void => {
    // A subscription that finds no room is queued after the others, and is not resumed twice.
    let left = Math.min(RESUMED_TOGETHER, this.#waiting.size);
    for (const subscription of this.#waiting) {
      if (left === 0) break;
      left -= 1;
      this.#waiting.delete(subscription);
      subscription.resume();
    }
    if (this.#waiting.size === 0 || this.#isResuming) return;
    this.#isResuming = true;
    setImmediate(this.#resumeOthers);
  };

  /** Ends the subscriptions that the caller may no longer have. */
  recheck(access: Access): void {
    for (const subscription of this.#byName.values()) subscription.recheck(access);
  }

  /** Ends the memberships in groups, because the caller is no longer accepted. */
  leaveGroups(): void {
    for (const subscription of this.#byName.values()) subscription.leave();
  }

  /** @param isBroken true when the connection broke */
  close(isBroken: boolean): void {
    this.#isClosed = true;
    for (const subscription of this.#byName.values()) subscription.close(isBroken);
    this.#byName.clear();
    this.#waiting.clear();
  }

  readonly #resumeOthers = (): void => {
    this.#isResuming = false;
    // Without room the connection calls this again when there is some.
    if (this.#waiting.size > 0 && this.#hasRoom()) this.resume();
  };
}

function nameError(detail: string): ProtocolError {
  const sentence = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
  return new ProtocolError('INVALID_REQUEST', sentence, {
    faults: [{ pointer: '/data/subscription', detail }],
  });
}
