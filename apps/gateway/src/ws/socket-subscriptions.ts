import { ProtocolError } from '#protocol';
import type { SocketSubscription } from './socket-subscription.js';

/**
 * Subscriptions that go on at once when there is room; the others follow while there still is some.
 */
const RESUMED_TOGETHER = 16;

/** The subscriptions of one connection, by name, and those that wait for room on it. */
export class SocketSubscriptions {
  readonly #byName = new Map<string, SocketSubscription>();
  /** In the order in which they found no room: each gets its turn. */
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

  /** @throws ProtocolError INVALID_REQUEST when there is no such subscription */
  get(name: string): SocketSubscription {
    const present = this.#byName.get(name);
    if (present !== undefined) return present;
    const detail = `there is no subscription ${JSON.stringify(name)} on this connection`;
    throw nameError(detail);
  }

  /**
   * @throws ProtocolError INVALID_REQUEST when the name is taken; POLICY_VIOLATION for too many;
   *   BROKER_NOT_AVAILABLE when the connection ended meanwhile: nobody would end it
   */
  add(subscription: SocketSubscription): void {
    const { name } = subscription;
    if (this.#isClosed) {
      throw new ProtocolError('BROKER_NOT_AVAILABLE', 'The connection has ended.');
    }
    if (this.#byName.has(name)) {
      throw nameError(`the name ${JSON.stringify(name)} is taken`);
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

  /** Its name is free again. */
  forget(subscription: SocketSubscription): void {
    if (this.#byName.get(subscription.name) === subscription) {
      this.#byName.delete(subscription.name);
    }
    this.#waiting.delete(subscription);
  }

  /** It found no room, and is to go on when there is some. */
  wait(subscription: SocketSubscription): void {
    this.#waiting.add(subscription);
  }

  /**
   * There is room again: those who wait go on, a few at a time, for each may take all there is.
   * What they deliver comes later; so the next ones are looked at in the next turn.
   */
  readonly resume = (): void => {
    // One that finds no room comes behind the others, and is not looked at twice.
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

  close(): void {
    this.#isClosed = true;
    for (const subscription of this.#byName.values()) subscription.close();
    this.#byName.clear();
    this.#waiting.clear();
  }

  readonly #resumeOthers = (): void => {
    this.#isResuming = false;
    // Without room it is called again when there is some.
    if (this.#waiting.size > 0 && this.#hasRoom()) this.resume();
  };
}

function nameError(detail: string): ProtocolError {
  const sentence = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
  return new ProtocolError('INVALID_REQUEST', sentence, {
    faults: [{ pointer: '/data/subscription', detail }],
  });
}
