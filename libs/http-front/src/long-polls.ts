import type { Socket } from 'node:net';
import type { PrincipalShares } from '#security';
import type { ExchangeWatcher } from './exchange-watcher.js';

/** The part of an exchange that a wait needs. */
export interface Waiter {
  readonly isGone: boolean;
  readonly request: { readonly socket: Socket };
  readonly access: { readonly caller: { readonly principal: string } };
  /** Reports the loss of a permission to the watchers. */
  guard(): void;
  watch(watcher: ExchangeWatcher): void;
  unwatch(watcher: ExchangeWatcher): void;
}

/** A request that may wait for records. */
export interface LongPoll {
  /** Aborted when the client disconnects or closes its side, or the gateway stops. */
  readonly signal: AbortSignal;
  /** Call it when the wait is over, however it ended. */
  leave(): void;
}

/**
 * The requests that may wait for records; all of them can be released at once. The broker bounds
 * their number, and each caller has a share of it.
 *
 * A half-closed connection ends the wait as well. The client may only have finished sending, or it
 * may be gone: both look alike until something is written, so it gets the records that exist.
 */
export class LongPolls {
  readonly #waiting = new Set<AbortController>();
  readonly #shares: PrincipalShares | undefined;
  #isReleased = false;

  /** @param shares of the callers; undefined while authentication is off */
  constructor(shares?: PrincipalShares) {
    this.#shares = shares;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if the share of the caller is used up */
  enter(exchange: Waiter): LongPoll {
    const { principal } = exchange.access.caller;
    this.#shares?.take('longPolls', principal, 1);
    const controller = new AbortController();
    const end = () => {
      controller.abort();
    };
    this.#waiting.add(controller);
    const watcher = { halfClosed: end, closed: end, accessLost: end };
    exchange.watch(watcher);
    exchange.guard();
    if (this.#isReleased || exchange.isGone || exchange.request.socket.readableEnded) end();
    return {
      signal: controller.signal,
      leave: () => {
        if (!this.#waiting.delete(controller)) return;
        this.#shares?.give('longPolls', principal, 1);
        exchange.unwatch(watcher);
      },
    };
  }

  /** Ends all waits, and later ones as soon as they begin. */
  releaseAll(): void {
    this.#isReleased = true;
    for (const controller of this.#waiting) controller.abort();
  }
}
