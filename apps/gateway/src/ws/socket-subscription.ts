import type { MemberTransport, PartitionPosition, RecordRun, Subscription } from '#delivery';
import { GroupSubscription } from '#delivery';
import type { ProtocolError, TopicPartition } from '#protocol';
import { textMemoryBytes } from '#runtime';
import { type FrameSink, RecordsFrames } from '#web-socket';
import type { ProblemContext } from './socket-problem.js';

/** The part of the connection that one of its subscriptions uses. */
export interface SubscribedSocket extends FrameSink {
  /** True when frames are compressed. */
  readonly compresses: boolean;
  /** True when the connection has room; if not, it calls the subscription's `resume` later. */
  hasRoomFor(subscription: SocketSubscription): boolean;
  sendChange(
    subscription: SocketSubscription,
    event: 'assigned' | 'revoked',
    change: PartitionChange,
  ): void;
  sendReset(
    subscription: SocketSubscription,
    position: PartitionPosition,
    cause: ProtocolError,
  ): void;
  sendError(subscription: SocketSubscription, error: unknown, about: ProblemContext): void;
  /** Ends the subscription: its name is free again. */
  forget(subscription: SocketSubscription): void;
}

/** Partitions that a subscription gains or loses, for the client. */
export interface PartitionChange {
  readonly partitions: readonly TopicPartition[];
  /** Time to release them, ms. */
  readonly deadlineMs?: number;
}

/** A subscription whose positions are known. */
export type OpenSubscription = Subscription | GroupSubscription;

/**
 * Heap of a subscription without its name: measured on Node 20, with the buffer of its frames'
 * opening.
 */
const SOCKET_SUBSCRIPTION_BYTES = 512;
/** The name itself, the key of its frames and their opening. */
const NAME_COPIES = 3;

/** A subscription of one connection, with the name that the client chose. */
export class SocketSubscription implements MemberTransport {
  readonly #socket: SubscribedSocket;
  readonly #frames: RecordsFrames;
  readonly memoryBytes: number;
  #subscription: OpenSubscription | undefined;
  #endedWith: ProtocolError | undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(
    readonly name: string,
    socket: SubscribedSocket,
  ) {
    this.#socket = socket;
    this.#frames = new RecordsFrames(name, socket.compresses);
    this.memoryBytes = SOCKET_SUBSCRIPTION_BYTES + NAME_COPIES * textMemoryBytes(name);
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

  /**
   * Resolves the positions; `start` begins the delivery.
   * @param opened opens the subscription with this transport
   * @throws ProtocolError of `opened`
   */
  async open(
    opened: (transport: MemberTransport) => Promise<OpenSubscription>,
  ): Promise<PartitionPosition[]> {
    const subscription = await opened(this);
    if (this.#endedWith !== undefined) throw this.#endedWith;
    this.#subscription = subscription;
    if (this.#isClosed) subscription.close();
    return subscription.positions();
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

  /** @throws ProtocolError like `Subscription.seek` */
  async seek(position: PartitionPosition): Promise<void> {
    await this.#subscription?.seek(position);
  }

  startFrom(target: TopicPartition): void {
    this.#subscription?.startFrom(target);
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription?.close();
  }

  hasRoom(): boolean {
    return this.#socket.hasRoomFor(this);
  }

  deliver(run: RecordRun): void {
    this.#frames.send(run, this.#socket);
  }

  assigned(positions: readonly PartitionPosition[]): void {
    this.#socket.sendChange(this, 'assigned', { partitions: targetsOf(positions) });
  }

  revoked(targets: readonly TopicPartition[], deadlineMs: number | undefined): void {
    const deadline = deadlineMs === undefined ? {} : { deadlineMs };
    this.#socket.sendChange(this, 'revoked', { partitions: targetsOf(targets), ...deadline });
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

function targetsOf(targets: readonly TopicPartition[]): TopicPartition[] {
  return targets.map(({ topic, partition }) => ({ topic, partition }));
}
