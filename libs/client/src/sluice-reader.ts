import { ClientParts } from './client-parts.js';
import type { StatusListener } from './connection/endpoints.js';
import type { SluiceOptions } from './connection/options.js';
import type { Consumer } from './consumer/consumer.js';
import type { ConsumerOptions } from './consumer/options.js';
import { openConsumer, openSubscription } from './open-reader.js';
import type { SubscribeOptions } from './subscription/options.js';
import type { Subscription } from './subscription/subscription.js';

/**
 * The part of `Sluice` that reads, for pages that write nothing: they load half as much.
 *
 * Overlap: all calls may overlap.
 */
export class SluiceReader {
  readonly #parts: ClientParts;

  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    this.#parts = new ClientParts(options);
  }

  /**
   * Calls the listener when the connection is made, breaks, or is closed. Returns the function that
   * removes it.
   */
  on(event: 'status', listener: StatusListener): () => void {
    return this.#parts.on(event, listener);
  }

  /** Reads topics without a group. It begins at once. */
  subscribe<K = unknown, V = unknown>(
    topics: string | readonly string[],
    options: SubscribeOptions<K, V> = {},
  ): Subscription<K, V> {
    return openSubscription(this.#parts, topics, options);
  }

  /** Becomes a member of a consumer group. It joins at once. */
  consumer<K = unknown, V = unknown>(options: ConsumerOptions<K, V>): Consumer<K, V> {
    return openConsumer(this.#parts, options);
  }

  /** Closes all subscriptions and members, and then the connection. */
  close(): Promise<void> {
    return this.#parts.close();
  }

  /** Closes it, as `await using` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
