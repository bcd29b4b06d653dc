import type { Producer, ProducerOptions } from '../../producer/src/index.js';
import { ClientParts } from './client-parts.js';
import type { StatusListener } from './connection/endpoints.js';
import type { SluiceOptions } from './connection/options.js';
import { openProducer } from './open-producer.js';

/**
 * The part of `Sluice` that writes, for pages that read nothing.
 *
 * Overlap: all calls may overlap.
 */
export class SluiceWriter {
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

  /** Opens a producer. It writes each record exactly once unless its options say otherwise. */
  producer<K = unknown, V = unknown>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    return openProducer(this.#parts, options);
  }

  /** Closes all producers, and then the connection. */
  close(): Promise<void> {
    return this.#parts.close();
  }

  /** Closes it, as `await using` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
