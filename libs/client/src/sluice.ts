import type { Producer, ProducerOptions } from '../../producer/src/index.js';
import { type Admin, adminOf } from './admin/admin.js';
import { ClientParts } from './client-parts.js';
import type { StatusListener } from './connection/endpoints.js';
import type { SluiceOptions } from './connection/options.js';
import type { Consumer } from './consumer/consumer.js';
import { assertQueueOptions, type ConsumerOptions, type QueueOptions } from './consumer/options.js';
import { openProducer } from './open-producer.js';
import { openConsumer, openSubscription } from './open-reader.js';
import { type OpenWorker, Queue } from './queue/queue.js';
import type { SubscribeOptions } from './subscription/options.js';
import type { Subscription } from './subscription/subscription.js';
import { withSignal } from './waiting.js';

/**
 * A client of a gateway or a cluster of them.
 *
 * Overlap: all calls may overlap.
 */
export class Sluice {
  /** One method per operation of the OpenAPI document. */
  readonly admin: Admin;
  readonly #parts: ClientParts;

  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    this.#parts = new ClientParts(options);
    this.admin = adminOf(this.#parts);
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

  /** Becomes a worker on a queue: a group whose members share the records of partitions. */
  queue<K = unknown, V = unknown>(options: QueueOptions<K, V>): Queue<K, V> {
    const parts = this.#parts;
    parts.assertOpen();
    assertQueueOptions(options);
    const open: OpenWorker<K, V> = async (closed) => {
      const module = parts.load(() => import('./queue/open-queue-worker.js'));
      const loaded = Promise.all([module, parts.socket()]);
      const [{ openQueueWorker }, socket] = await withSignal(loaded, closed);
      const connections = { endpoints: parts.endpoints, socket: socket?.named() };
      return openQueueWorker(connections, options, closed);
    };
    const { signal } = options;
    return parts.add((onEnd) => new Queue(open, onEnd, signal), signal);
  }

  /** Closes all producers, subscriptions and members, and then the connection. */
  close(): Promise<void> {
    return this.#parts.close();
  }

  /** Closes it, as `await using` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
