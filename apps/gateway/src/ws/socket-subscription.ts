import {
  type ExpiringRecords,
  GroupSubscription,
  type MemberTransport,
  type PartitionPosition,
  QueueSubscription,
  type QueueTransport,
  type RecordRun,
  type Subscription,
} from '#delivery';
import { ProtocolError, type TopicPartition } from '#protocol';
import { textMemoryBytes } from '#runtime';
import { type Access, groupNamed, topicNamed } from '#security';
import { type FrameSink, RecordsFrames } from '#web-socket';
import type { ProblemContext } from './socket-problem.js';

/** The part of the connection that one of its subscriptions uses. */
export interface SubscribedSocket extends FrameSink {
  /** True when frames are compressed. */
  readonly compresses: boolean;
  /** The principal of the caller; empty while it is not known. */
  readonly principal: string;
  /** True when the connection has room; if not, it calls the subscription's `resume` later. */
  hasRoomFor(subscription: SocketSubscription): boolean;
  sendChange(
    subscription: SocketSubscription,
    event: ChangeEvent,
    change: PartitionChange | ExpiringRecords,
  ): void;
  sendReset(
    subscription: SocketSubscription,
    position: PartitionPosition,
    cause: ProtocolError,
  ): void;
  sendError(subscription: SocketSubscription, error: unknown, about: ProblemContext): void;
  /** Ends the subscription: its name is free again. */
  forget(subscription: SocketSubscription): void;
  /** A number that grows with each look that finds a sign of life of the client. */
  lifeSigns(): number;
  /** Sends a ping. */
  ping(): void;
  /** Notes bytes of records that were pushed for a member of a group. */
  sentToMember(bytes: number): void;
  /** Ends the connection without a close frame. */
  drop(verdict: 'stalled'): void;
}

/** An event of the gateway about a subscription. */
export type ChangeEvent = 'assigned' | 'revoked' | 'expiring';

/** Partitions that a subscription gains or loses, for the client. */
export interface PartitionChange {
  readonly partitions: readonly TopicPartition[];
  /** Time to release them, ms. */
  readonly deadlineMs?: number;
}

/** The resources of a subscription: its caller needs Read on all of them, as long as it lasts. */
export interface SubscriptionReads {
  readonly topics: readonly string[];
  /** True for a pattern, which only callers have who may read every topic. */
  readonly hasPattern: boolean;
  readonly group: string | undefined;
}

/** A subscription whose positions are known. */
export type OpenSubscription = Subscription | GroupSubscription | QueueSubscription;

/**
 * Heap of a subscription without its name: measured on Node 20, with the buffer of its frames'
 * opening.
 */
const SOCKET_SUBSCRIPTION_BYTES = 512;
/** The name itself, the key of its frames and their opening. */
const NAME_COPIES = 3;

/** A subscription of one connection, with the name that the client chose. */
export class SocketSubscription implements MemberTransport, QueueTransport {
  readonly #socket: SubscribedSocket;
  readonly #frames: RecordsFrames;
  readonly memoryBytes: number;
  readonly principal: string;
  #subscription: OpenSubscription | undefined;
  #endedWith: ProtocolError | undefined;
  /** True once a member of a group is watched through this subscription. */
  #isMember = false;
  #isStarted = false;
  #isClosed = false;
  #isBroken = false;
  #reads: SubscriptionReads = { topics: [], hasPattern: false, group: undefined };

  constructor(
    readonly name: string,
    socket: SubscribedSocket,
  ) {
    this.#socket = socket;
    this.principal = socket.principal;
    this.#frames = new RecordsFrames(name, socket.compresses);
    this.memoryBytes = SOCKET_SUBSCRIPTION_BYTES + NAME_COPIES * textMemoryBytes(name);
  }

  /** Sets what the subscription reads. */
  setReads(reads: SubscriptionReads): void {
    this.#reads = reads;
  }

  /** Ends the subscription by an error if the caller may no longer read what it reads. */
  recheck(access: Access): void {
    const error = this.#lossOf(access);
    if (error === undefined) return;
    this.ended(error);
    this.leave();
    this.#subscription?.close(false);
  }

  /** Leaves its group at once, also as a static member. */
  leave(): void {
    void (this.member ?? this.queue)?.leave();
  }

  /**
   * True after the client got the answer; until then no other message may mention the subscription.
   */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** The member of a group that this subscription is; undefined for any other subscription. */
  get member(): GroupSubscription | undefined {
    return this.#subscription instanceof GroupSubscription ? this.#subscription : undefined;
  }

  /** The member of a queue that this subscription is; undefined for any other subscription. */
  get queue(): QueueSubscription | undefined {
    return this.#subscription instanceof QueueSubscription ? this.#subscription : undefined;
  }

  /**
   * Resolves the positions; `start` begins the delivery.
   * @param opened opens the subscription with this transport
   * @throws ProtocolError of `opened`
   */
  async open(
    opened: (transport: MemberTransport & QueueTransport) => Promise<OpenSubscription>,
  ): Promise<PartitionPosition[]> {
    const subscription = await opened(this);
    this.#subscription = subscription;
    if (this.#endedWith !== undefined) {
      this.leave();
      subscription.close(false);
      throw this.#endedWith;
    }
    if (this.#isClosed) subscription.close(this.#isBroken);
    return subscription
      .positions()
      .map(({ topic, partition, offset }) => ({ topic, partition, offset }));
  }

  start(): void {
    this.#isStarted = true;
    this.#subscription?.start();
  }

  /** Continues after there is room again. */
  resume(): void {
    this.#subscription?.resume();
  }

  /** Grants credit for this many further records. */
  grant(records: number): void {
    this.#subscription?.grant(records);
  }

  /** @throws ProtocolError like `Subscription.seek`; INVALID_REQUEST in queue mode */
  async seek(position: PartitionPosition): Promise<void> {
    const subscription = this.#subscription;
    if (subscription instanceof QueueSubscription) throw noPositions(this.name);
    await subscription?.seek(position);
  }

  startFrom(target: TopicPartition): void {
    const subscription = this.#subscription;
    if (!(subscription instanceof QueueSubscription)) subscription?.startFrom(target);
  }

  /** @param isBroken true when the connection broke */
  close(isBroken = false): void {
    this.#isClosed = true;
    this.#isBroken = isBroken;
    this.#subscription?.close(isBroken);
  }

  #lossOf(access: Access): ProtocolError | undefined {
    const { topics, hasPattern, group } = this.#reads;
    if (hasPattern && !access.mayOnAll('Read', 'topic')) return patternLost();
    try {
      if (group !== undefined) access.assertMay('Read', groupNamed(group));
      for (const topic of topics) access.assertMay('Read', topicNamed(topic));
      return undefined;
    } catch (error) {
      if (error instanceof ProtocolError) return error;
      throw error;
    }
  }

  hasRoom(): boolean {
    return this.#socket.hasRoomFor(this);
  }

  deliver(run: RecordRun): void {
    this.#frames.send(run, this.#socket);
    if (this.#isMember) this.#socket.sentToMember(run.sizeBytes);
  }

  lifeSigns(): number {
    this.#isMember = true;
    return this.#socket.lifeSigns();
  }

  probe(): void {
    this.#socket.ping();
  }

  drop(): void {
    this.#socket.drop('stalled');
  }

  assigned(positions: readonly PartitionPosition[]): void {
    this.#socket.sendChange(this, 'assigned', { partitions: targetsOf(positions) });
  }

  revoked(targets: readonly TopicPartition[], deadlineMs: number | undefined): void {
    const deadline = deadlineMs === undefined ? {} : { deadlineMs };
    this.#socket.sendChange(this, 'revoked', { partitions: targetsOf(targets), ...deadline });
  }

  expiring(records: ExpiringRecords): void {
    this.#socket.sendChange(this, 'expiring', records);
  }

  reset(position: PartitionPosition, cause: ProtocolError): void {
    this.#socket.sendReset(this, position, cause);
  }

  stopped({ topic, partition }: TopicPartition, error: unknown): void {
    this.#socket.sendError(this, error, { topic, partition });
  }

  ended(error: ProtocolError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.forget(this);
    // Not open yet: the answer to `subscribe` reports the error.
    if (this.#subscription === undefined) this.#endedWith = error;
    else this.#socket.sendError(this, error, {});
  }
}

function patternLost(): ProtocolError {
  return new ProtocolError(
    'TOPIC_AUTHORIZATION_FAILED',
    'The caller may no longer read every topic. Subscribe again: the pattern then stands for the ' +
      'topics that the caller may read.',
  );
}

function targetsOf(targets: readonly TopicPartition[]): TopicPartition[] {
  return targets.map(({ topic, partition }) => ({ topic, partition }));
}

function noPositions(name: string): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `The subscription ${JSON.stringify(name)} is in queue mode, where members have no positions.`,
  );
}
