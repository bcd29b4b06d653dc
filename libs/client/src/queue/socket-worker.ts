import type { MessageData } from '../connection/socket-connection.js';
import {
  SocketSubscription,
  type SubscriptionPort,
  type SubscriptionTransport,
} from '../connection/socket-subscription.js';
import type { RecordsData } from '../subscription/socket-source.js';
import type { QueueAck, QueueEvents, QueueLink } from './queue-link.js';

/**
 * A worker on a queue over the WebSocket. Its credit is the number of records that it may hold: a
 * record that is settled gives its credit back.
 *
 * Overlap: messages come one after the other; acknowledgements overlap with them.
 */
export class SocketWorker implements QueueLink, SubscriptionPort {
  readonly #join: MessageData;
  readonly #events: QueueEvents;
  readonly #subscription: SocketSubscription;

  /** @param join members of `subscribe` but the name */
  constructor(transport: SubscriptionTransport, join: MessageData, events: QueueEvents) {
    this.#join = join;
    this.#events = events;
    this.#subscription = new SocketSubscription(transport, this);
  }

  request(): MessageData {
    return this.#join;
  }

  subscribed(): void {
    // Records follow.
  }

  received(event: string, data: MessageData): void {
    const { topic, partition, records } = data as unknown as RecordsData;
    if (event === 'records') this.#events.delivered(records);
    if (event === 'expiring') {
      this.#events.expiring(topic, partition, data['offsets'] as readonly number[]);
    }
  }

  broken(error: unknown): void {
    this.#events.lost(error);
  }

  failed(error: unknown): void {
    this.#events.failed(error);
  }

  async settle({ type, ...data }: QueueAck): Promise<void> {
    await this.#subscription.ask(type, { ...data });
  }

  room(): void {
    // The gateway counts what is held.
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }
}
