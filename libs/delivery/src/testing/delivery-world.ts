/**
 * A broker on a fake disk with a delivery in front of it, and subscribers that check every record.
 */
import { type Broker, type FetchRequest, type OpenBroker, openLocalBroker } from '#broker';
import { TEST_BROKER_SETTINGS } from '#broker/testing';
import { type RecordBatch, silentLogObserver } from '#log';
import { type Offset, ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import { parseJsonRecords, RenderCache } from '#record-json';
import { silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { PrincipalShares } from '#security';
import { Delivery, type DeliveryOptions } from '../delivery.js';
import { OutboundMemory } from '../outbound-memory.js';
import type { RecordRun } from '../record-run.js';
import type { PartitionPosition } from '../start-position.js';
import {
  Subscription,
  type SubscriptionRequest,
  type SubscriptionTransport,
} from '../subscription.js';

const TURNS_MAX = 10_000;

export class DeliveryWorld {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  /** Values by offset, for each partition. */
  readonly values = new Map<string, string[]>();
  #opened: OpenBroker | undefined;
  #delivery: Delivery | undefined;
  #produced = 0;
  readonly #holds: HeldFetches[] = [];
  /** Error of every fetch of the delivery while it is set. */
  fetchFailure: Error | undefined;
  /** Error of every look-up of an offset while it is set. */
  lookUpFailure: Error | undefined;
  /** Replaces a batch that the delivery has fetched; by default it stays as it is. */
  replaceBatch: (batch: RecordBatch) => RecordBatch = (batch) => batch;

  static async open(
    options: Partial<DeliveryOptions> = {},
    shares?: PrincipalShares,
  ): Promise<DeliveryWorld> {
    const world = new DeliveryWorld();
    const { clock, scheduler } = world;
    world.#opened = await openLocalBroker(BROKER_SETTINGS, {
      fileSystem: new FakeDisk().mount(),
      clock,
      scheduler,
      random: new SeededRandom(7),
      logger: silentLogger,
      observer: silentLogObserver,
      url: () => null,
    });
    const renderCache = new RenderCache(64 * 1024);
    const outbound = new OutboundMemory(
      { outboundMemoryBytes: 1024 * 1024, outboundStalledMs: 1000 },
      scheduler,
    );
    const broker = world.#heldBroker();
    world.#delivery = new Delivery(
      { broker, scheduler, random: new SeededRandom(5), outbound, renderCache, shares },
      {
        frameBytesMax: 400,
        catchUpBytesMax: 4096,
        catchUpReadsMax: 2,
        cursorsMax: 100,
        subscriptionMemoryBytes: 1024 * 1024,
        ...options,
      },
    );
    return world;
  }

  get broker(): OpenBroker['broker'] {
    return (this.#opened as OpenBroker).broker;
  }

  get delivery(): Delivery {
    return this.#delivery as Delivery;
  }

  /** Holds the answers of all matching fetches of the delivery from now on. */
  hold(isHeld: (request: FetchRequest) => boolean): HeldFetches {
    const held = new HeldFetches(isHeld);
    this.#holds.push(held);
    return held;
  }

  async createTopic(name: string, partitions: number): Promise<void> {
    // Small segments: histories roll, so that old records are read from other files than new ones.
    await this.broker.createTopic({ name, partitions, configs: { 'segment.bytes': 1024 } });
    await this.scheduler.settle();
  }

  /** Writes records as one request with explicit partitions. */
  async produce(target: TopicPartition, count: number): Promise<void> {
    const values = Array.from({ length: count }, (_, index) => `v${this.#produced + index}`);
    this.#produced += count;
    const list = this.values.get(topicPartitionName(target)) ?? [];
    this.values.set(topicPartitionName(target), list);
    const records = values.map((value) => ({ value, partition: target.partition }));
    const set = parseJsonRecords(Buffer.from(JSON.stringify({ records })), LIMITS);
    const request = { topic: target.topic, acks: 'all', timeoutMs: 30_000 } as const;
    const whole = { ...request, partitioner: 'sticky', records: set } as const;
    const { parts } = await this.broker.produce(whole);
    const base = parts[0]?.baseOffset ?? Number.NaN;
    for (const [index, value] of values.entries()) list[base + index] = value;
  }

  async subscribe(
    request: Partial<SubscriptionRequest> & { topics: string[] },
    principal?: string,
  ): Promise<Reader> {
    const reader = new Reader(this, principal);
    await reader.open({ from: 'earliest', autoOffsetReset: 'none', ...request });
    return reader;
  }

  /** Runs events until the condition holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      if (condition()) return;
      await new Promise((resolve) => setImmediate(resolve));
      if (turn % 16 === 15) await this.scheduler.advance(100);
    }
    throw new Error(`it never came to be: ${what}`);
  }

  /** Wraps the broker so that answers of fetches can be held back. */
  #heldBroker(): Broker {
    const { broker } = this;
    return new Proxy(broker, {
      get: (target, name) => {
        if (name === 'fetch') {
          return async (request: FetchRequest) => {
            const failure = this.fetchFailure;
            if (failure !== undefined) throw failure;
            const result = await broker.fetch(request);
            for (const held of this.#holds) await held.pass(request);
            return { ...result, batches: result.batches.map((batch) => this.replaceBatch(batch)) };
          };
        }
        if (name === 'listOffset' && this.lookUpFailure !== undefined) {
          return () => Promise.reject(this.lookUpFailure);
        }
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }

  async close(): Promise<void> {
    this.delivery.close();
    this.#opened?.endWaits();
    await this.#opened?.close();
  }
}

/** Answers of fetches that have arrived and are held back. */
export class HeldFetches {
  readonly #waiting: (() => void)[] = [];
  #isStopped = false;
  readonly #isHeld: (request: FetchRequest) => boolean;

  constructor(isHeld: (request: FetchRequest) => boolean) {
    this.#isHeld = isHeld;
  }

  get count(): number {
    return this.#waiting.length;
  }

  async pass(request: FetchRequest): Promise<void> {
    if (this.#isStopped || !this.#isHeld(request)) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Stops holding further answers. */
  stop(): void {
    this.#isStopped = true;
  }

  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/**
 * A subscriber that fails as soon as a record is not the next one or not the value written there.
 */
export class Reader implements SubscriptionTransport {
  readonly memoryBytes = 0;
  /** Next offset expected from each partition. */
  readonly next = new Map<string, Offset>();
  readonly faults: string[] = [];
  readonly errors: { target: TopicPartition; error: unknown }[] = [];
  readonly resets: PartitionPosition[] = [];
  endedWith: ProtocolError | undefined;
  received = 0;
  takes = true;
  #subscription: Subscription | undefined;
  #isOpen = false;
  readonly #world: DeliveryWorld;

  constructor(
    world: DeliveryWorld,
    readonly principal = 'key:k1',
  ) {
    this.#world = world;
  }

  get subscription(): Subscription {
    if (this.#subscription === undefined) throw new Error('it is not open');
    return this.#subscription;
  }

  get isOpen(): boolean {
    return this.#isOpen && this.endedWith === undefined;
  }

  async open(request: SubscriptionRequest): Promise<void> {
    this.#subscription = await Subscription.open(this.#world.delivery, request, this);
    this.#isOpen = true;
    for (const position of this.#subscription.positions()) this.expect(position);
    this.#subscription.start();
  }

  expect(position: PartitionPosition): void {
    this.next.set(topicPartitionName(position), position.offset);
  }

  close(): void {
    this.#isOpen = false;
    this.subscription.close();
  }

  /** Accepts records, or stops accepting them. */
  setTakes(takes: boolean): void {
    this.takes = takes;
    if (takes && this.isOpen) this.subscription.resume();
  }

  hasRoom(): boolean {
    return this.takes;
  }

  deliver(run: RecordRun): void {
    const name = topicPartitionName(run.source);
    if (!this.#isOpen) this.faults.push(`${name}: delivered after it was closed`);
    if (!this.takes) this.faults.push(`${name}: delivered without room`);
    const shown = JSON.parse(`[${run.json().toString()}]`) as { offset: number; value: string }[];
    if (shown.length !== run.count || shown.length === 0)
      this.faults.push(`${name}: a wrong count`);
    for (const { offset, value } of shown) {
      const next = this.next.get(name);
      if (offset !== next) this.faults.push(`${name}: ${offset} came for ${next}`);
      if (offset >= run.source.highWatermark) this.faults.push(`${name}: ${offset} too early`);
      if (value !== (this.#world.values.get(name)?.[offset] ?? value)) {
        this.faults.push(`${name}: another record at ${offset}`);
      }
      this.next.set(name, offset + 1);
      this.received += 1;
    }
    if (run.nextOffset !== this.next.get(name)) this.faults.push(`${name}: a wrong next offset`);
  }

  assigned(positions: readonly PartitionPosition[]): void {
    for (const position of positions) this.expect(position);
  }

  reset(position: PartitionPosition): void {
    this.resets.push(position);
    this.expect(position);
  }

  stopped(target: TopicPartition, error: unknown): void {
    this.errors.push({ target, error });
  }

  ended(error: ProtocolError): void {
    this.endedWith = error;
  }
}

const LIMITS = {
  recordsMax: 1000,
  headersPerRecordMax: 0,
  faultyMembersMax: 50,
  nowMs: () => 1_000,
};

const BROKER_SETTINGS = {
  ...TEST_BROKER_SETTINGS,
  // The tail cache is small: readers that are behind read from disk.
  tailCacheBytes: 1500,
  longPollsMax: 1,
  producerBatchesRemembered: 16,
  offsetsTopicPartitions: 1,
  offsetsKeptMax: 1000,
};
