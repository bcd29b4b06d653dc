/**
 * A client's subscription: a cursor for each of its partitions, one credit for all of them, and the
 * changes of its topics. It is independent of the transport that it delivers to.
 *
 * Life cycle: `open` resolves the positions, which the transport reports to its client; `start`
 * then begins to deliver. Nothing is delivered before.
 *
 * Overlap: every call may come while a seek or a reset is in progress. A reset whose cursor has
 * moved meanwhile has no effect; of two seeks of one partition the one that resolves last wins.
 */
import type { Broker } from '#broker';
import { ProtocolError, type TopicPartition } from '#protocol';
import type { RecordFormat } from '#record-json';
import { RetryBackoff, type Scheduler, textMemoryBytes } from '#runtime';
import type { ReadPosition } from './catch-up-reads.js';
import type { Cursor } from './cursor.js';
import type { Delivery, Subscriber } from './delivery.js';
import type { RecordRun } from './record-run.js';
import {
  type AutoOffsetReset,
  assertPosition,
  endPosition,
  type PartitionPosition,
  type StartPosition,
  startPosition,
} from './start-position.js';

/** Topics, start and credit that a client asks for. */
export interface SubscriptionRequest {
  /** Empty for a member of a consumer group, whose partitions come by `assign`. */
  readonly topics: readonly string[];
  /** Partitions of each topic; undefined: all, including those that are added later. */
  readonly partitions?: readonly number[] | undefined;
  readonly from: StartPosition;
  readonly autoOffsetReset: AutoOffsetReset;
  /** Records to deliver before the client grants more; undefined: unlimited. */
  readonly creditRecords?: number | undefined;
  /** Format of keys and values; by default `default`. */
  readonly format?: RecordFormat;
}

/**
 * The transport of a subscription. Its methods run synchronously and must not call back into the
 * subscription.
 */
export interface SubscriptionTransport {
  /** Heap bytes of the transport, including the subscription's name; constant. */
  readonly memoryBytes: number;
  /** The principal that the subscription counts for; constant. */
  readonly principal: string;
  /** True when the transport accepts more now. After false it calls `resume` once it does. Hot. */
  hasRoom(): boolean;
  /** Sends the run, which has at least one record. Hot. */
  deliver(run: RecordRun): void;
  /** Reports added partitions and the positions they are read from. */
  assigned(positions: readonly PartitionPosition[]): void;
  /** Reports that a position was outside the log and that reading continues at `position`. */
  reset(position: PartitionPosition, cause: ProtocolError): void;
  /** Reports that delivery from this partition has stopped until a seek. */
  stopped(target: TopicPartition, error: unknown): void;
  /** Reports the end of the subscription. */
  ended(error: ProtocolError): void;
}

/** Errors that a retry resolves: the leadership of a partition is moving. */
const RETRIABLE: ReadonlySet<string> = new Set(['LEADER_NOT_AVAILABLE', 'BROKER_NOT_AVAILABLE']);
/** Position before all records, which every leader epoch has. */
const FIRST_POSITION: ReadPosition = { offset: 0, leaderEpoch: 0 };
/** Heap bytes of a subscription without cursors, names and transport, measured on Node 20. */
const SUBSCRIPTION_BYTES = 800;
/** Heap bytes of one start position that the client gave. */
const POSITION_BYTES = 96;
/** Heap bytes of an entry of a set or list of its topics. */
const TOPIC_ENTRY_BYTES = 64;

export class Subscription implements Subscriber {
  readonly #delivery: Delivery;
  readonly #broker: Broker;
  readonly #scheduler: Scheduler;
  readonly #request: SubscriptionRequest;
  readonly #transport: SubscriptionTransport;
  readonly #cursors: Cursor[] = [];
  /** Cursors that wait for room or credit. */
  readonly #waiting = new Set<Cursor>();
  readonly memoryBytes: number;
  #credit: number;
  /** Delays of retries since the last delivery. */
  #backoff: RetryBackoff | undefined;
  #isStarted = false;
  #isClosed = false;

  private constructor(
    delivery: Delivery,
    request: SubscriptionRequest,
    transport: SubscriptionTransport,
  ) {
    this.#delivery = delivery;
    this.#broker = delivery.broker;
    this.#scheduler = delivery.scheduler;
    this.#request = request;
    this.#transport = transport;
    this.#credit = request.creditRecords ?? Number.POSITIVE_INFINITY;
    this.memoryBytes = memoryOf(request, transport);
  }

  /**
   * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION; OFFSET_OUT_OF_RANGE when no reset is asked
   *   for; THROTTLING_QUOTA_EXCEEDED when too many partitions are subscribed to already
   */
  static async open(
    delivery: Delivery,
    request: SubscriptionRequest,
    transport: SubscriptionTransport,
  ): Promise<Subscription> {
    const subscription = new Subscription(delivery, request, transport);
    delivery.add(subscription);
    try {
      for (const topic of request.topics) await subscription.#openTopic(topic);
      return subscription;
    } catch (error) {
      subscription.close();
      throw error;
    }
  }

  get principal(): string {
    return this.#transport.principal;
  }

  get topics(): readonly string[] {
    return this.#request.topics;
  }

  get cursorCount(): number {
    return this.#cursors.length;
  }

  /**
   * Adds partitions that a consumer group assigned, and reads them from the given positions. A
   * partition that is present already continues where it is.
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED when this broker reads too many partitions; the
   *   partitions before that one are added
   */
  assign(positions: readonly PartitionPosition[]): void {
    if (this.#isClosed) return;
    for (const position of positions) {
      const { topic, partition } = position;
      const target = { topic, partition };
      if (this.#cursorOf(target) !== undefined) continue;
      const cursor = this.#addCursor(target, position);
      if (this.#isStarted) cursor.start();
    }
  }

  /**
   * Stops reading partitions; nothing of them is delivered after the return.
   * @returns the next offset of each that was read
   */
  revoke(targets: readonly TopicPartition[]): PartitionPosition[] {
    const positions: PartitionPosition[] = [];
    for (const target of targets) {
      const cursor = this.#cursorOf(target);
      if (cursor === undefined) continue;
      this.#removeCursor(cursor);
      positions.push({ ...cursor.target, offset: cursor.position });
    }
    return positions;
  }

  /** Returns the position of each partition. */
  positions(): PartitionPosition[] {
    return this.#cursors.map(({ target, readPosition }) => ({ ...target, ...readPosition }));
  }

  /** Begins to deliver. */
  start(): void {
    if (this.#isClosed || this.#isStarted) return;
    this.#isStarted = true;
    for (const cursor of this.#cursors) cursor.start();
    // Partitions may have been added while the positions were resolved.
    for (const topic of this.#request.topics) this.topicChanged(topic);
  }

  /** Continues once the transport has room again. */
  resume(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const cursor of waiting) cursor.resume();
  }

  /** True when all granted records were delivered. */
  get isCreditUsed(): boolean {
    return this.#credit <= 0;
  }

  /** Grants more records. A subscription without credit ignores it. */
  grant(records: number): void {
    this.#credit += records;
    this.resume();
  }

  /**
   * Moves a partition to a position and holds it there until `startFrom`; resolves once the
   * position is checked. When the position does not exist, the old one stays and delivery
   * continues.
   * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE
   */
  async seek(position: PartitionPosition): Promise<void> {
    const cursor = this.#cursorOf(position);
    if (cursor === undefined) throw notSubscribed(position);
    cursor.seek(await assertPosition(this.#broker, position));
  }

  /** Continues delivery after a seek. */
  startFrom(target: TopicPartition): void {
    if (!this.#isClosed) this.#cursorOf(target)?.start();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting.clear();
    for (const cursor of this.#cursors) cursor.close();
    this.#delivery.remove(this);
    this.#cursors.length = 0;
  }

  /** Adds the partitions that the topic has gained. */
  topicChanged(topic: string): void {
    if (!this.#isStarted || this.#isClosed || this.#request.partitions !== undefined) return;
    const count = this.#broker.topicLimits(topic)?.partitions ?? 0;
    const cursorCount = this.#cursors.filter(({ target }) => target.topic === topic).length;
    if (count <= cursorCount) return;
    const added: Cursor[] = [];
    try {
      for (let partition = cursorCount; partition < count; partition += 1) {
        added.push(this.#addCursor({ topic, partition }, FIRST_POSITION));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end(error);
      return;
    }
    this.#transport.assigned(added.map(({ target }) => ({ ...target, ...FIRST_POSITION })));
    for (const cursor of added) cursor.start();
  }

  topicDeleted(topic: string): void {
    this.#end(topicDeletedError(topic));
  }

  roomFor(cursor: Cursor): number {
    if (this.#credit > 0 && this.#transport.hasRoom()) return this.#credit;
    this.#waiting.add(cursor);
    return 0;
  }

  deliver(run: RecordRun): void {
    this.#credit -= run.count;
    this.#backoff = undefined;
    this.#delivery.delivered(run);
    this.#transport.deliver(run);
  }

  failed(cursor: Cursor, error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#transport.stopped(cursor.target, error);
    } else if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION') {
      // The group of a member takes a deleted topic out of the assignment by itself.
      if (this.#request.topics.length === 0) this.#removeCursor(cursor);
      else this.topicDeleted(cursor.target.topic);
    } else if (RETRIABLE.has(error.code)) {
      const { holds } = cursor;
      this.#backoff ??= new RetryBackoff(this.#delivery.random);
      this.#scheduler.after(this.#backoff.nextDelayMs(), () => {
        // A cursor that was sought meanwhile waits for `startFrom`.
        if (cursor.holds === holds) cursor.start();
      });
    } else if (error.code === 'OFFSET_OUT_OF_RANGE') {
      void this.#reset(cursor, error);
    } else {
      this.#transport.stopped(cursor.target, error);
    }
  }

  /** Never rejects. */
  async #reset(cursor: Cursor, cause: ProtocolError): Promise<void> {
    const { autoOffsetReset } = this.#request;
    const { target, position } = cursor;
    if (autoOffsetReset === 'none') {
      this.#transport.stopped(target, cause);
      return;
    }
    try {
      const next = await endPosition(this.#broker, target, autoOffsetReset);
      if (!this.#cursors.includes(cursor) || cursor.position !== position) return;
      cursor.seek(next);
      this.#transport.reset({ ...target, ...next }, cause);
      cursor.start();
    } catch (error) {
      this.failed(cursor, error);
    }
  }

  async #openTopic(topic: string): Promise<void> {
    const limits = this.#broker.topicLimits(topic);
    if (limits === undefined) {
      throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${topic}".`);
    }
    const partitions =
      this.#request.partitions ?? Array.from({ length: limits.partitions }, (_, index) => index);
    for (const partition of partitions) {
      const target = { topic, partition };
      const position = await this.#firstPosition(target);
      // A cursor added to a closed subscription would be counted forever.
      if (this.#isClosed) throw topicDeletedError(topic);
      this.#addCursor(target, position);
    }
  }

  async #firstPosition(target: TopicPartition): Promise<ReadPosition> {
    const { from, autoOffsetReset } = this.#request;
    try {
      return await startPosition(this.#broker, target, from);
    } catch (error) {
      const isReset =
        error instanceof ProtocolError &&
        error.code === 'OFFSET_OUT_OF_RANGE' &&
        autoOffsetReset !== 'none';
      if (!isReset) throw error;
      return endPosition(this.#broker, target, autoOffsetReset);
    }
  }

  #addCursor(target: TopicPartition, position: ReadPosition): Cursor {
    const { format = 'default' } = this.#request;
    const cursor = this.#delivery.openCursor(this, { target, format }, position);
    this.#cursors.push(cursor);
    return cursor;
  }

  #removeCursor(cursor: Cursor): void {
    const index = this.#cursors.indexOf(cursor);
    if (index < 0) return;
    this.#cursors.splice(index, 1);
    this.#waiting.delete(cursor);
    cursor.close();
    this.#delivery.cursorClosed(this);
  }

  #cursorOf({ topic, partition }: TopicPartition): Cursor | undefined {
    return this.#cursors.find(
      ({ target }) => target.topic === topic && target.partition === partition,
    );
  }

  #end(error: ProtocolError): void {
    if (this.#isClosed) return;
    this.close();
    this.#transport.ended(error);
  }
}

function memoryOf(
  { topics, partitions, from }: SubscriptionRequest,
  transport: SubscriptionTransport,
): number {
  const offsets = typeof from === 'object' && 'offsets' in from ? from.offsets.length : 0;
  let bytes = SUBSCRIPTION_BYTES + transport.memoryBytes + offsets * POSITION_BYTES;
  bytes += (partitions?.length ?? 0) * 8;
  for (const topic of topics) bytes += TOPIC_ENTRY_BYTES + textMemoryBytes(topic);
  return bytes;
}

function topicDeletedError(topic: string): ProtocolError {
  const detail = `The topic "${topic}" was deleted.`;
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', detail, { members: { topic } });
}

function notSubscribed({ topic, partition }: TopicPartition): ProtocolError {
  return new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `The subscription has no partition ${partition} of topic "${topic}".`,
  );
}
