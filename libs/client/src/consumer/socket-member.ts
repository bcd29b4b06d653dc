import { Credit } from '../connection/credit.js';
import type { MessageData } from '../connection/socket-connection.js';
import {
  SocketSubscription,
  type SubscriptionPort,
  type SubscriptionTransport,
} from '../connection/socket-subscription.js';
import type { Position, TopicPartition } from '../received-record.js';
import { hasCode, lostError } from '../sluice-error.js';
import type { RecordsData } from '../subscription/socket-source.js';
import type { GroupLink, LinkEvents } from './group-link.js';

export interface SocketMemberOptions {
  /** Members of `subscribe` but the name and the credit. */
  readonly join: MessageData;
  readonly bufferRecords: number;
  /** Number of records that wait for the program. */
  readonly waiting: () => number;
}

/**
 * A member of a group over the WebSocket. When the connection breaks, a member without `instanceId`
 * has left; it joins again as a new one. One with `instanceId` keeps its partitions.
 *
 * Overlap: messages come one after the other; commits and seeks overlap with them.
 */
export class SocketMember implements GroupLink, SubscriptionPort {
  readonly #join: MessageData;
  readonly #events: LinkEvents;
  readonly #subscription: SocketSubscription;
  readonly #credit: Credit;

  constructor(transport: SubscriptionTransport, options: SocketMemberOptions, events: LinkEvents) {
    this.#join = options.join;
    this.#events = events;
    this.#credit = new Credit(options.bufferRecords, () => options.waiting());
    this.#subscription = new SocketSubscription(transport, this);
  }

  request(): MessageData {
    return { ...this.#join, credit: this.#credit.first() };
  }

  subscribed(data: MessageData): void {
    this.#events.assigned(data['positions'] as readonly Position[], true);
  }

  received(event: string, data: MessageData): void {
    const partitions = data['partitions'] as readonly TopicPartition[];
    if (event === 'records') this.#records(data as unknown as RecordsData);
    else if (event === 'assigned') this.#events.assigned(partitions, false);
    else if (event === 'reset') this.#events.moved(data as unknown as Position);
    else if (event === 'revoked' && data['deadlineMs'] === undefined) {
      this.#events.lost(partitions, lostError());
    } else if (event === 'revoked') this.#events.revoking(partitions);
  }

  broken(error: unknown): void {
    const isStatic = this.#join['instanceId'] !== undefined;
    if (!isStatic || hasCode(error, 'UNKNOWN_MEMBER_ID')) this.#events.lost(undefined, error);
  }

  failed(error: unknown): void {
    this.#events.failed(error);
  }

  async commit(offsets: readonly Position[]): Promise<void> {
    await this.#subscription.ask('commit', { offsets });
  }

  async seek(position: Position): Promise<void> {
    const onAnswer = (): void => this.#events.sought(position);
    await this.#subscription.ask('seek', { ...position }, { onAnswer });
  }

  release(partitions: readonly TopicPartition[]): void {
    this.#subscription.send('release', { partitions });
  }

  read(): void {
    this.#credit.grant(this.#subscription);
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }

  #records({ topic, partition, records, highWatermark, leaderEpoch }: RecordsData): void {
    this.#credit.received(records.length);
    this.#events.records({ topic, partition }, records, { highWatermark, leaderEpoch });
    // Records that were dropped leave room.
    this.read();
  }
}
