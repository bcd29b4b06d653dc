import type { Socket } from 'node:net';
import type { ExchangeWatcher } from './exchange-watcher.js';

/** The part of an exchange that a wait needs. */
export interface Waiter {
  readonly isGone: boolean;
  readonly request: { readonly socket: Socket };
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
 * their number.
 *
 * A half-closed connection ends the wait as well. The client may only have finished sending, or it
 * may be gone: both look alike until something is written, so it gets the records that exist.
 */
export class LongPolls {
  readonly #waiting = new Set<AbortController>();
  #isReleased = false;

  get count(): number {
    return this.#waiting.size;
  }

  enter(exchange: Waiter): LongPoll {
    const controller = new AbortController();
    const end = () => {
      controller.abort();
    };
    this.#waiting.add(controller);
    const watcher = { halfClosed: end, closed: end };
    exchange.watch(watcher);
    if (this.#isReleased || exchange.isGone || exchange.request.socket.readableEnded) end();
    return {
      signal: controller.signal,
      leave: () => {
        this.#waiting.delete(controller);
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
