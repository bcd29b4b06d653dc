import type { Broker } from '#broker';
import { ProtocolError } from '#protocol';
import type { RenderCache } from '#record-json';
import type { Random, Scheduler } from '#runtime';
import type { PrincipalShares } from '#security';
import {
  CatchUpReads,
  type CatchUpReadsOptions,
  nameOfSource,
  type ReadPosition,
  type ReadSource,
} from './catch-up-reads.js';
import { Cursor, type CursorOwner } from './cursor.js';
import type { OutboundMemory } from './outbound-memory.js';
import { OutboxFlusher } from './outbox.js';
import { PartitionFeed } from './partition-feed.js';
import type { RecordRun } from './record-run.js';

export interface DeliveryOptions extends CatchUpReadsOptions {
  /** Cursors of all subscriptions together. */
  readonly cursorsMax: number;
  /** Heap bytes of all subscriptions, including the names that clients gave them. */
  readonly subscriptionMemoryBytes: number;
}

/** Collaborators of a delivery. */
export interface DeliveryParts {
  readonly broker: Broker;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly outbound: OutboundMemory;
  readonly renderCache: RenderCache;
  /** Shares of the callers; absent while authentication is off. */
  readonly shares?: PrincipalShares | undefined;
}

/** Current metrics. */
export interface DeliveryStatus {
  readonly subscriptions: number;
  readonly cursors: number;
  /** Heap bytes of subscriptions and cursors, as accounted. */
  readonly memoryBytes: number;
  /** Subscriptions refused since the start: no cursors or no memory left for all, or for one. */
  readonly refusedTotal: number;
  /** Cursors that have read to the end of their partition. */
  readonly liveCursors: number;
  /** Records delivered since the start; `bytesTotal` counts their JSON. */
  readonly recordsTotal: number;
  readonly bytesTotal: number;
  readonly catchUpKeptBytes: number;
  readonly catchUpReadsTotal: number;
  readonly catchUpReadsSharedTotal: number;
}

/** Heap bytes of a cursor, measured on Node 20: see docs/operating/memory.md. */
const CURSOR_BYTES = 200;

/** A member of a queue, which has no cursors. */
export type QueueSubscriber = Pick<Subscriber, 'memoryBytes' | 'principal'>;

/** The side of a subscription that the delivery uses. */
export interface Subscriber extends CursorOwner {
  readonly topics: readonly string[];
  readonly cursorCount: number;
  /** Heap bytes besides its cursors; constant. */
  readonly memoryBytes: number;
  /** The principal that it counts for; constant. */
  readonly principal: string;
  topicChanged(topic: string): void;
  topicDeleted(topic: string): void;
}

/**
 * The state that all subscriptions of this process share: one feed per partition, and the catch-up
 * reads.
 */
export class Delivery {
  readonly broker: Broker;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly flusher = new OutboxFlusher();
  /** Accounts for bytes that clients have not taken. */
  readonly outbound: OutboundMemory;
  readonly #renderCache: RenderCache;
  readonly #shares: PrincipalShares | undefined;
  readonly #feeds = new Map<string, PartitionFeed>();
  readonly #reads: CatchUpReads;
  readonly #byTopic = new Map<string, Set<Subscriber>>();
  readonly #stopListening: () => void;
  #subscriptions = 0;
  #cursors = 0;
  #memoryBytes = 0;
  #refusedTotal = 0;
  #recordsTotal = 0;
  #bytesTotal = 0;
  readonly #options: DeliveryOptions;

  constructor(
    { broker, scheduler, random, outbound, renderCache, shares }: DeliveryParts,
    options: DeliveryOptions,
  ) {
    this.#options = options;
    this.#shares = shares;
    this.broker = broker;
    this.scheduler = scheduler;
    this.random = random;
    this.outbound = outbound;
    this.#renderCache = renderCache;
    this.#reads = new CatchUpReads(broker, scheduler, options);
    this.#stopListening = broker.onTopicChange(({ topic, kind }) => {
      if (kind === 'deleted') this.#topicDeleted(topic);
      else for (const each of this.#of(topic)) each.topicChanged(topic);
    });
  }

  status(): DeliveryStatus {
    let liveCursors = 0;
    for (const feed of this.#feeds.values()) liveCursors += feed.liveCount;
    const { read, shared } = this.#reads.counters;
    return {
      subscriptions: this.#subscriptions,
      cursors: this.#cursors,
      memoryBytes: this.#memoryBytes,
      refusedTotal: this.#refusedTotal,
      liveCursors,
      recordsTotal: this.#recordsTotal,
      bytesTotal: this.#bytesTotal,
      catchUpKeptBytes: this.#reads.keptBytes,
      catchUpReadsTotal: read,
      catchUpReadsSharedTotal: shared,
    };
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED */
  openCursor(owner: Subscriber, source: ReadSource, position: ReadPosition): Cursor {
    const { cursorsMax } = this.#options;
    if (this.#cursors >= cursorsMax) {
      this.#refuse(
        `${cursorsMax} partitions are subscribed to, which is the limit of this broker`,
        'SLUICE_CURSORS_MAX',
      );
    }
    this.#takeMemory(CURSOR_BYTES, owner.principal);
    try {
      this.#shares?.take('cursors', owner.principal, 1);
    } catch (error) {
      this.#giveMemory(CURSOR_BYTES, owner.principal);
      this.#refusedTotal += 1;
      throw error;
    }
    this.#cursors += 1;
    return new Cursor(owner, this.#feedOf(source), this.#reads, position);
  }

  /** Bytes of JSON in one frame of records; one record always fits. */
  get frameBytesMax(): number {
    return this.#options.frameBytesMax;
  }

  /** Counts a member of a queue, which has no cursors. @throws as add */
  addMember({ memoryBytes, principal }: QueueSubscriber): void {
    this.#takeMemory(memoryBytes, principal);
    this.#subscriptions += 1;
  }

  removeMember({ memoryBytes, principal }: QueueSubscriber): void {
    this.#subscriptions -= 1;
    this.#giveMemory(memoryBytes, principal);
  }

  /** Frees the place of a cursor that its subscription closed before its own end. */
  cursorClosed({ principal }: Subscriber): void {
    this.#giveCursors(1, principal);
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED; the subscription is then not added */
  add(subscription: Subscriber): void {
    this.#takeMemory(subscription.memoryBytes, subscription.principal);
    this.#subscriptions += 1;
    for (const topic of subscription.topics) {
      const subscribers = this.#byTopic.get(topic);
      if (subscribers === undefined) this.#byTopic.set(topic, new Set([subscription]));
      else subscribers.add(subscription);
    }
  }

  remove(subscription: Subscriber): void {
    this.#subscriptions -= 1;
    const { memoryBytes, principal } = subscription;
    this.#giveCursors(subscription.cursorCount, principal);
    this.#giveMemory(memoryBytes, principal);
    for (const topic of subscription.topics) {
      const subscribers = this.#byTopic.get(topic);
      subscribers?.delete(subscription);
      if (subscribers?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** Counts a delivered run. Hot. */
  delivered(run: RecordRun): void {
    this.#recordsTotal += run.count;
    this.#bytesTotal += run.sizeBytes;
  }

  /** Stops all delivery. */
  close(): void {
    this.#stopListening();
    for (const feed of this.#feeds.values()) feed.close();
  }

  #giveCursors(count: number, principal: string): void {
    this.#cursors -= count;
    this.#shares?.give('cursors', principal, count);
    this.#giveMemory(count * CURSOR_BYTES, principal);
  }

  #giveMemory(bytes: number, principal: string): void {
    this.#memoryBytes -= bytes;
    this.#shares?.give('subscriptionMemory', principal, bytes);
  }

  #takeMemory(bytes: number, principal: string): void {
    const { subscriptionMemoryBytes } = this.#options;
    if (this.#memoryBytes + bytes > subscriptionMemoryBytes) {
      this.#refuse(
        `The subscriptions of all clients take ${this.#memoryBytes} of the ` +
          `${subscriptionMemoryBytes} bytes reserved for them`,
        'SLUICE_SUBSCRIPTION_MEMORY_BYTES',
      );
    }
    try {
      this.#shares?.take('subscriptionMemory', principal, bytes);
    } catch (error) {
      this.#refusedTotal += 1;
      throw error;
    }
    this.#memoryBytes += bytes;
  }

  /** @throws ProtocolError always */
  #refuse(sentence: string, bound: string): never {
    this.#refusedTotal += 1;
    throw new ProtocolError('THROTTLING_QUOTA_EXCEEDED', `${sentence} (${bound}).`, {
      bound,
    });
  }

  #feedOf(source: ReadSource): PartitionFeed {
    const name = nameOfSource(source);
    const existing = this.#feeds.get(name);
    if (existing !== undefined) return existing;
    const { broker } = this;
    const options = this.#options;
    const renderCache = this.#renderCache;
    const feed = new PartitionFeed(source.target, source.format, {
      broker,
      renderCache,
      ...options,
    });
    this.#feeds.set(name, feed);
    return feed;
  }

  #topicDeleted(topic: string): void {
    this.#reads.forget(topic);
    for (const each of this.#of(topic)) each.topicDeleted(topic);
    for (const [name, feed] of this.#feeds) {
      if (feed.target.topic === topic) this.#feeds.delete(name);
    }
  }

  #of(topic: string): readonly Subscriber[] {
    return [...(this.#byTopic.get(topic) ?? [])];
  }
}
