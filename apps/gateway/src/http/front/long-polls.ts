import { ProtocolError } from '#protocol';
import type { Exchange } from './exchange.js';

const RETRY_AFTER_MS = 1000;

/** A request that waits for records. */
export interface LongPoll {
  /** Ends the wait: the client is gone or has closed its side, or the gateway stops. */
  readonly signal: AbortSignal;
  /** To be called when the wait is over, however it ended. */
  leave(): void;
}

/**
 * The requests that wait for records: how many there may be, and how all are let go at once.
 *
 * A half-closed connection ends the wait too. The client may only have said that it sends no more, or
 * it may be gone: the two look alike until something is written, so it is answered with what is there.
 */
export class LongPolls {
  readonly #waiting = new Set<AbortController>();
  #isReleased = false;

  constructor(private readonly longPollsMax: number) {}

  get count(): number {
    return this.#waiting.size;
  }

  /** False when every place is taken; such a request is answered without waiting, or refused. */
  hasRoom(): boolean {
    return this.#waiting.size < this.longPollsMax;
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED when every place is taken */
  enter(exchange: Exchange): LongPoll {
    if (!this.hasRoom()) {
      throw new ProtocolError(
        'THROTTLING_QUOTA_EXCEEDED',
        `All ${this.longPollsMax} places for requests that wait are taken.`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
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
