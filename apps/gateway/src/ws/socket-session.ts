/**
 * One WebSocket connection: its messages are begun one after the other and answered in their order,
 * and all that goes out goes through one outbox.
 *
 * Bounded: it is read from only while there is room for answers, few messages are unanswered and
 * none waits to be begun; records are delivered only while there is room.
 *
 * Overlap: publishes overlap each other and everything else, control messages only them. The end
 * may come at any time; what is under way then ends by itself, unheard.
 */
import type { Socket } from 'node:net';
import type { Broker } from '#broker';
import type { Delivery, PartitionPosition } from '#delivery';
import { Outbox, untakenBytes } from '#delivery';
import { ProtocolError, type TopicPartition } from '#protocol';
import { AT_ONCE_BYTES_MAX, pointedIntoSent } from '#record-json';
import { assert, inSlices, type Logger } from '#runtime';
import { toProtocolError } from '../http/problem.js';
import { CLOSE_CODES } from './close-codes.js';
import { ControlMessage, type ControlSession, type SocketAnswer } from './control-message.js';
import { PING_FRAME, pongFrame, textFrames } from './frame.js';
import type { GatewaySocket } from './gateway-socket.js';
import { Inbox, type InboxMemory, type InboxMessage, type InboxOwner, memoryOf } from './inbox.js';
import { type ConnectionSight, Liveness, type Verdict } from './liveness.js';
import { MessageGate } from './message-gate.js';
import type { ClientEvent, ServerEvent } from './messages/socket-messages.js';
import type { PublishData } from './publish-data.js';
import { Publication } from './publishing.js';
import { type MessageLimits, ReceivedMessage } from './received-message.js';
import { type Reply, ReplyQueue, type ReplySink } from './reply-queue.js';
import { messageText, type ProblemContext, socketProblem } from './socket-problem.js';
import type { SocketSubscription } from './socket-subscription.js';
import { SocketSubscriptions } from './socket-subscriptions.js';
import type { WatchedConnection } from './socket-watch.js';
import type { UnpackingSlots } from './unpacking-slots.js';

/**
 * Bytes of unanswered messages with which no more are begun: enough for each write to disk to have
 * what it can take. More would only live longer, and cost the garbage collector.
 */
const UNANSWERED_BYTES_MAX = 1024 * 1024;

/** What all connections share. */
export interface SocketContext {
  readonly broker: Broker;
  readonly delivery: Delivery;
  /** Memory for what arrived and is not answered yet; shared with request bodies. */
  readonly memory: InboxMemory;
  /** Bounds the compressed messages that are unpacked at the same time, of all connections. */
  readonly unpackingSlots: UnpackingSlots;
  readonly messageBytesMax: number;
  readonly logger: Logger;
  /** Path of the WebSocket as clients see it: the `instance` of its problems. */
  readonly instance: string;
  readonly limits: MessageLimits;
  readonly autoCreateTopics: boolean;
  readonly bufferBytes: number;
  readonly subscriptionsMax: number;
  readonly unansweredMax: number;
  readonly stalledTimeoutMs: number;
  nowMs(): number;
  /** Has a control message handled; where that fails, `message` is told. Never rejects. */
  dispatch(
    event: ClientEvent,
    data: unknown,
    message: ControlMessage,
  ): Promise<SocketAnswer | undefined>;
  /** A message came. */
  received(): void;
  /** The connection is closed because there is no memory for what it sends. */
  refused(): void;
  /** The connection is dropped. */
  dropped(verdict: 'dead' | 'stalled'): void;
  /** The connection is about to be closed, by either side. */
  closing(session: SocketSession): void;
  /** The connection is gone. */
  closed(session: SocketSession): void;
}

export class SocketSession implements InboxOwner, ControlSession, ReplySink, WatchedConnection {
  readonly subscriptions: SocketSubscriptions;
  readonly compresses: boolean;
  readonly #context: SocketContext;
  readonly #socket: GatewaySocket;
  readonly #tcp: Socket;
  readonly #outbox: Outbox;
  readonly #replies: ReplyQueue;
  readonly #inbox: Inbox;
  readonly #gate: MessageGate;
  readonly #liveness: Liveness;
  readonly #aborts = new Set<AbortController>();
  /** The answer to a ping that there was no room for: to the last one alone. */
  #pong: Buffer | undefined;
  #isPaused = false;
  /** There was no memory for what it sends: it is told so, and read from no more. */
  #isRefused = false;
  #isStopping = false;
  #isClosed = false;

  constructor(socket: GatewaySocket, tcp: Socket, context: SocketContext) {
    this.#context = context;
    this.#socket = socket;
    this.#tcp = tcp;
    this.compresses = socket.extensions !== '';
    this.#outbox = new Outbox(tcp, context.delivery, context.bufferBytes);
    this.#outbox.onRoom = this.#roomAgain;
    this.#outbox.onStalled = () => this.drop('stalled');
    this.#replies = new ReplyQueue(this);
    this.#replies.onSent = this.#proceed;
    this.#inbox = new Inbox(this, context.memory);
    this.subscriptions = new SocketSubscriptions(context.subscriptionsMax, () =>
      this.#outbox.hasRoom(),
    );
    this.#liveness = new Liveness(context.nowMs(), context.stalledTimeoutMs);
    const receive = wsReader(tcp);
    this.#gate = new MessageGate({
      memory: context.memory,
      messageBytesMax: context.messageBytesMax,
      slots: this.compresses ? context.unpackingSlots : undefined,
      pass: (bytes) => {
        receive.call(tcp, bytes);
      },
    });
    this.#gate.onUnblocked = () => {
      this.#updateReading();
    };
    this.#listen(receive);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Bytes that the system has not taken yet. */
  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  push(bytes: Buffer): void {
    this.#outbox.push(bytes);
  }

  answered(memoryBytes: number): void {
    this.#context.memory.release(memoryBytes);
  }

  sight(): ConnectionSight {
    const tcp = this.#tcp;
    return {
      receivedBytes: tcp.bytesRead,
      writtenBytes: tcp.bytesWritten,
      pendingBytes: untakenBytes(tcp),
      isPaused: this.#isPaused,
    };
  }

  judge(seen: ConnectionSight, nowMs: number): Verdict {
    return this.#liveness.judge(seen, nowMs);
  }

  ping(): void {
    this.#outbox.push(PING_FRAME);
  }

  drop(verdict: 'dead' | 'stalled'): void {
    this.#context.dropped(verdict);
    this.terminate();
  }

  /** Ends the connection at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Reads no more, and closes the connection when all that was read is answered. */
  stop(): void {
    this.#isStopping = true;
    this.#proceed();
  }

  mayBegin(): boolean {
    const { unanswered, unansweredBytes } = this.#replies;
    return (
      unanswered < this.#context.unansweredMax &&
      unansweredBytes < UNANSWERED_BYTES_MAX &&
      this.#outbox.hasRoom()
    );
  }

  begin(received: InboxMessage): Promise<void> | undefined {
    this.#context.received();
    const reply = this.#replies.take(memoryOf(received));
    const message = new ReceivedMessage(received.bytes, this.#context.limits);
    const isLarge = received.bytes.length > AT_ONCE_BYTES_MAX;
    if (isLarge && !received.isBinary) return this.#beginLarge(message, reply);
    let event: ClientEvent;
    try {
      if (received.isBinary) throw binaryError();
      event = message.read();
    } catch (error) {
      // It may have been one to publish.
      reply.answer(this.#errorText(error, message.id, {}, true));
      return undefined;
    }
    const { publish } = message;
    if (publish === undefined) return this.#control(event, message, reply);
    return this.#publish(publish, message.id, reply);
  }

  /** Reads a large message in slices; the messages behind it wait. Never rejects. */
  async #beginLarge(message: ReceivedMessage, reply: Reply): Promise<void> {
    let event: ClientEvent;
    try {
      event = await inSlices(message.readInSlices());
    } catch (error) {
      reply.answer(this.#errorText(error, message.id, {}, true));
      return;
    }
    const { publish } = message;
    if (publish === undefined) await this.#control(event, message, reply);
    else await this.#publish(publish, message.id, reply);
  }

  handled(): void {
    this.#proceed();
  }

  hasRoomFor(subscription: SocketSubscription): boolean {
    if (this.#outbox.hasRoom()) return true;
    this.subscriptions.wait(subscription);
    return false;
  }

  sendAssigned(subscription: SocketSubscription, partitions: readonly TopicPartition[]): void {
    this.#sendEvent(subscription, 'assigned', { subscription: subscription.name, partitions });
  }

  sendReset(
    subscription: SocketSubscription,
    { topic, partition, offset }: PartitionPosition,
    cause: ProtocolError,
  ): void {
    const about = { subscription: subscription.name, topic, partition };
    this.#sendEvent(subscription, 'reset', {
      ...socketProblem(cause, this.#context.instance, about),
      offset,
    });
  }

  sendError(subscription: SocketSubscription, error: unknown, about: ProblemContext): void {
    const shown = toProtocolError(error, this.#context.logger);
    const problem = socketProblem(shown, this.#context.instance, {
      subscription: subscription.name,
      ...about,
    });
    this.#sendEvent(subscription, 'error', problem);
  }

  forget(subscription: SocketSubscription): void {
    this.subscriptions.forget(subscription);
  }

  #listen(receive: WsReader): void {
    const socket = this.#socket;
    socket.onClosing = this.#closing;
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#takeMessage(data, isBinary);
    });
    socket.on('ping', (payload: Buffer) => {
      this.#takePing(payload);
    });
    socket.on('pong', () => {
      this.#liveness.ponged();
    });
    socket.on('error', (error) => {
      // It takes no more bytes after a fault in them.
      this.#gate.close();
      this.#context.logger.debug({ err: error }, 'a WebSocket ended in an error');
    });
    socket.on('close', () => {
      this.#ended();
    });
    const tcp = this.#tcp;
    tcp.on('data', (chunk: Buffer) => {
      this.#takeBytes(chunk);
    });
    tcp.off('data', receive);
    // Before ws has its turn: it ends its side with the client's, and reads what is left at the
    // close.
    tcp.prependListener('end', this.#closing);
    tcp.prependListener('close', () => {
      this.#release();
    });
  }

  #takeBytes(chunk: Buffer): void {
    try {
      this.#gate.take(chunk);
    } catch (error) {
      this.#outOfMemory(error);
      return;
    }
    if (this.#gate.isBlocked) this.#updateReading();
  }

  #takeMessage(bytes: Buffer, isBinary: boolean): void {
    try {
      if (!this.#isClosed) this.#inbox.add({ bytes, isBinary });
      this.#gate.messageTaken();
    } catch (error) {
      this.#outOfMemory(error);
      return;
    }
    this.#updateReading();
  }

  #takePing(payload: Buffer): void {
    if (this.#isClosed) return;
    if (this.#outbox.hasRoom()) this.#outbox.push(pongFrame(payload));
    // A copy: the payload is a part of the bytes that were read, which are not to be kept for it.
    else this.#pong = Buffer.from(payload);
  }

  #publish(data: PublishData, id: string | undefined, reply: Reply): Promise<void> | undefined {
    const publication = new Publication(data, this.#aborts);
    const answered = this.#answerPublication(publication, id, reply);
    // While it waits for buffer memory nothing more is begun, and so nothing more is read.
    return publication.isBlocked ? answered : undefined;
  }

  /** Never rejects. */
  async #answerPublication(
    publication: Publication,
    id: string | undefined,
    reply: Reply,
  ): Promise<void> {
    const { broker, autoCreateTopics } = this.#context;
    let text: string;
    try {
      text = messageText('published', id, await publication.send(broker, autoCreateTopics));
    } catch (error) {
      const shown = pointedIntoSent(error, () => publication.places);
      text = this.#errorText(shown, id, {}, true);
    }
    reply.answer(text);
  }

  /** Never rejects. */
  async #control(event: ClientEvent, message: ReceivedMessage, reply: Reply): Promise<void> {
    const control = new ControlMessage(this, () => reply.turn());
    let subscription: string | undefined;
    let answer: SocketAnswer | undefined;
    try {
      const data = message.data();
      subscription = subscriptionOf(data);
      answer = await this.#context.dispatch(event, data, control);
    } catch (error) {
      control.fail(error);
    }
    if (control.hasFailed) {
      const isWrite = event === 'commit';
      reply.answer(this.#errorText(control.error, message.id, { subscription }, isWrite));
    } else if (answer === undefined) {
      reply.answer(undefined);
    } else {
      const text = messageText(answer.event, message.id, JSON.stringify(answer.data));
      reply.answer(text, answer.onSent);
    }
  }

  #errorText(
    error: unknown,
    id: string | undefined,
    about: ProblemContext,
    isWrite: boolean,
  ): string {
    const { instance, logger } = this.#context;
    const problem = socketProblem(toProtocolError(error, logger), instance, about, { isWrite });
    return messageText('error', id, JSON.stringify(problem));
  }

  /**
   * Behind all that was sent; of a subscription that is not known to the client yet, behind its
   * answer.
   */
  #sendEvent(subscription: SocketSubscription, event: ServerEvent, data: object): void {
    const text = messageText(event, undefined, JSON.stringify(data));
    if (subscription.isStarted) this.#outbox.push(textFrames([text]));
    else this.#replies.take(0).answer(text);
  }

  readonly #roomAgain = (): void => {
    const pong = this.#pong;
    this.#pong = undefined;
    if (pong !== undefined) this.#outbox.push(pongFrame(pong));
    this.#proceed();
    this.subscriptions.resume();
  };

  readonly #proceed = (): void => {
    if (this.#isClosed) return;
    this.#inbox.proceed();
    this.#updateReading();
    if (!this.#isStopping || !this.#inbox.isIdle || this.#replies.unanswered > 0) return;
    this.#socket.close(CLOSE_CODES.goingAway, 'the broker stops');
  };

  #updateReading(): void {
    if (this.#isClosed) return;
    const isHeldUp = this.#isStopping || this.#gate.isBlocked || this.#inbox.waiting > 0;
    const mayRead = !isHeldUp && this.mayBegin();
    if (mayRead !== this.#isPaused) return;
    this.#isPaused = !mayRead;
    if (mayRead) this.#socket.resume();
    else this.#socket.pause();
  }

  /**
   * Refuses the client: what it has sent is let go of, and it is read from no more. It may take the
   * close frame; then, or after a while, the connection is cut.
   */
  #outOfMemory(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#isRefused = true;
    this.#gate.close();
    this.#context.refused();
    this.#socket.close(CLOSE_CODES.tryAgainLater, 'the memory for messages is used up');
    this.#socket.pause();
  }

  /** The connection takes nothing more: what was sent so far goes out. */
  readonly #closing = (): void => {
    if (this.#isClosed) return;
    this.#outbox.flush();
    this.#release();
    this.#context.closing(this);
    // The client's own close frame is still to come.
    if (this.#isPaused && !this.#isRefused) this.#socket.resume();
  };

  #ended(): void {
    this.#release();
    this.#gate.close();
    this.#context.closed(this);
  }

  /** Gives back all that it holds, but for what `ws` still reads and what is being handled. */
  #release(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outbox.close();
    this.#inbox.close();
    for (const controller of this.#aborts) controller.abort();
    this.subscriptions.close();
  }
}

/** What ws reads a connection with. */
type WsReader = (this: Socket, chunk: Buffer) => void;

/** The listener of ws, which gets whole messages in place of what arrives. */
function wsReader(tcp: Socket): WsReader {
  const [reader, other] = tcp.listeners('data');
  assert(reader !== undefined && other === undefined, 'ws alone reads the connection');
  return reader as WsReader;
}

function binaryError(): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', 'A message is text; this one is binary.');
}

function subscriptionOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('subscription' in data)) return undefined;
  const { subscription } = data;
  return typeof subscription === 'string' ? subscription : undefined;
}
