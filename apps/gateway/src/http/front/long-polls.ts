import type { Socket } from 'node:net';

/** The exchange that waits, as far as its wait is concerned. */
export interface Waiter {
  readonly isGone: boolean;
  readonly request: { readonly socket: Socket };
  onHalfClosed: (() => void) | undefined;
  onClose: (() => void) | undefined;
}

/** A request that may wait for records. */
export interface LongPoll {
  /** Ends the wait: the client is gone or has closed its side, or the gateway stops. */
  readonly signal: AbortSignal;
  /** To be called when the wait is over, however it ended. */
  leave(): void;
}

/**
 * The requests that may wait for records, and how all are let go at once. How many may wait at the
 * same time is the broker's to say.
 *
 * A half-closed connection ends the wait too. The client may only have said that it sends no more,
 * or it may be gone: the two look alike until something is written, so it is answered with what is
 * there.
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
    exchange.onHalfClosed = end;
    exchange.onClose = end;
    if (this.#isReleased || exchange.isGone || exchange.request.socket.readableEnded) end();
    return {
      signal: controller.signal,
      leave: () => {
        this.#waiting.delete(controller);
        exchange.onHalfClosed = undefined;
        exchange.onClose = undefined;
      },
    };
  }

  /** Ends all waits, and those that begin later as they begin. */
  releaseAll(): void {
    this.#isReleased = true;
    for (const controller of this.#waiting) controller.abort();
  }
}
