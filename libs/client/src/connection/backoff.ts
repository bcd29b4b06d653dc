import { childOf, sleep } from '../waiting.js';

export interface BackoffOptions {
  /** Kafka's `reconnect.backoff.ms`: longest wait after the first failure. Default: 100 ms. */
  readonly reconnectBackoffMs?: number | undefined;
  /** Kafka's `reconnect.backoff.max.ms`: longest wait of all. Default: 10000 ms. */
  readonly reconnectBackoffMaxMs?: number | undefined;
}

/**
 * Exponential back-off with full jitter: each wait is a random part of a bound that doubles.
 *
 * Overlap: one caller waits at a time; `wake` may come at any time.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #failures = 0;
  #wake: AbortController | undefined;

  constructor({ reconnectBackoffMs = 100, reconnectBackoffMaxMs = 10_000 }: BackoffOptions = {}) {
    this.#firstMs = reconnectBackoffMs;
    this.#maxMs = reconnectBackoffMaxMs;
  }

  /** Returns the next wait, ms. */
  next(random: () => number = Math.random): number {
    const boundMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return random() * boundMs;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Ends the present wait, for example because the network is back. */
  wake(): void {
    this.#wake?.abort();
  }

  /** Waits before the next attempt. @throws the reason of the signal */
  async wait(signal?: AbortSignal, atLeastMs = 0): Promise<void> {
    signal?.throwIfAborted();
    const { controller, release } = childOf(signal);
    this.#wake = controller;
    await sleep(Math.max(atLeastMs, this.next()), controller.signal).catch(() => undefined);
    release();
    signal?.throwIfAborted();
  }
}
