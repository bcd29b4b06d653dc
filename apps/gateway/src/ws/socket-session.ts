/**
 * One WebSocket connection: its messages begin one after the other and are answered in order, and
 * all its frames go through one outbox.
 *
 * Bounded: it is read only while there is memory for answers, few messages are unanswered and none
 * waits to begin; records are delivered only while there is memory.
 *
 * Overlap: publishes overlap each other and everything else, control messages only publishes. The
 * end may come at any time; work in progress then finishes without an answer.
 */

import type { Socket } from 'node:net';
import { CLIENT_MESSAGES, type ClientEvent, type ServerEvent } from '#api';
import type { Broker } from '#broker';
import type { Delivery, PartitionPosition } from '#delivery';
import { Outbox, untakenBytes } from '#delivery';
import { ProtocolError } from '#protocol';
import { AT_ONCE_BYTES_MAX, pointedIntoSent } from '#record-json';
import { assert, inSlices, type Logger } from '#runtime';
import type { UnpackingSlots, WatchedConnection } from '#web-socket';
import {
  CLOSE_CODES,
  type ConnectionSight,
  Inbox,
  type InboxMemory,
  type InboxMessage,
  type InboxOwner,
  Liveness,
  MessageGate,
  memoryOf,
  PING_FRAME,
  pongFrame,
  type Reply,
  ReplyQueue,
  type ReplySink,
  textFrames,
  type Verdict,
} from '#web-socket';
import { toProtocolError } from '../http/problem.js';
import type { ControlDispatcher, ControlSession, SocketAnswer } from './control-message.js';
import type { GatewaySocket } from './gateway-socket.js';
import type { PublishData } from './publish-data.js';
import { Publication } from './publishing.js';
import { type MessageLimits, ReceivedMessage } from './received-message.js';
import { messageText, type ProblemContext, socketProblem } from './socket-problem.js';
import type { PartitionChange, SocketSubscription } from './socket-subscription.js';
import { SocketSubscriptions } from './socket-subscriptions.js';

/**
 * Bytes of unanswered messages at which no more begin: enough for each write to disk. A larger
 * window would only keep messages alive for longer and burden the garbage collector.
 */
const UNANSWERED_BYTES_MAX = 1024 * 1024;

/** State that all connections share. */
export interface SocketContext {
  readonly broker: Broker;
  readonly delivery: Delivery;
  /** Memory of received and unanswered messages; shared with request bodies. */
  readonly memory: InboxMemory;
  /** Bounds the compressed messages of all connections that are decompressed at the same time. */
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
  /** Passes a control message to its handler. */
  readonly dispatch: ControlDispatcher['dispatch'];
  /** Called for each received message. */
  received(): void;
  /** Called if the connection is closed because there is no memory for its messages. */
  refused(): void;
  /** Called if the connection is dropped. */
  dropped(verdict: 'dead' | 'stalled'): void;
  /** Called before the connection is closed, by either side. */
  closing(session: SocketSession): void;
  /** Called after the connection is gone. */
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
  /** The answer to a ping without memory for it; only the last one is kept. */
  #pong: Buffer | undefined;
  #isPaused = false;
  /**
   * True after a message found no memory: the client is notified, and its connection is not read.
   */
  #isRefused = false;
  #isStopping = false;
  #isClosed = false;

  constructor(socket: GatewaySocket, tcp: Socket, context: SocketContext) {
    this.#context = context;
    this.#socket = socket;
    this.#tcp = tcp;
    this.compresses = socket.extensions !== '';
    this.#outbox = new Outbox(tcp, context.delivery, {
      bytesMax: context.bufferBytes,
      onRoom: this.#roomAgain,
      onStalled: () => this.drop('stalled'),
    });
    this.#replies = new ReplyQueue(this);
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
      unblocked: () => {
        this.#updateReading();
      },
    });
    this.#listen(receive);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Bytes that the system has not accepted yet. */
  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  push(bytes: Buffer): void {
    this.#outbox.push(bytes);
  }

  answered(memoryBytes: number): void {
    this.#context.memory.release(memoryBytes);
  }

  sent(): void {
    this.#proceed();
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

  /** Stops reading, and closes the connection after all read messages are answered. */
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
      // The message may have been a publish.
      reply.answer(this.#errorText(error, message.id, {}, true));
      return undefined;
    }
    const { publish } = message;
    if (publish === undefined) return this.#control(event, message, reply);
    return this.#publish(publish, message.id, reply);
  }

  /** Reads a large message in slices; later messages wait. Never rejects. */
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

  sendChange(
    subscription: SocketSubscription,
    event: 'assigned' | 'revoked',
    change: PartitionChange,
  ): void {
    this.#sendEvent(subscription, event, { subscription: subscription.name, ...change });
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
    socket.once('closing', this.#closing);
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
      // The gate accepts no more bytes after a fault.
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
    // This runs before ws's own listener, which ends its side together with the client's and reads
    // the rest at the close.
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
    // The payload is copied, because it is a view of the read bytes, which should not stay in
    // memory.
    else this.#pong = Buffer.from(payload);
  }

  #publish(data: PublishData, id: string | undefined, reply: Reply): Promise<void> | undefined {
    const publication = new Publication(data, this.#aborts);
    const answered = this.#answerPublication(publication, id, reply);
    // While it waits for buffer memory no other message begins, and so nothing more is read.
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
    let subscription: string | undefined;
    let answer: SocketAnswer | undefined;
    try {
      const data = message.data();
      subscription = subscriptionOf(data);
      const control = { session: this, turn: () => reply.turn() };
      answer = await this.#context.dispatch(event, data, control);
    } catch (error) {
      const isWrite = event === 'commit';
      reply.answer(this.#errorText(error, message.id, { subscription }, isWrite));
      return;
    }
    const { answer: answered } = CLIENT_MESSAGES[event];
    if (answer === undefined || answered === null) {
      reply.answer(undefined);
    } else {
      const text = messageText(answered, message.id, JSON.stringify(answer.data));
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
   * Sends an event after everything that was sent; for a subscription that the client does not know
   * yet, after its answer.
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

  #proceed(): void {
    if (this.#isClosed) return;
    this.#inbox.proceed();
    this.#updateReading();
    if (!this.#isStopping || !this.#inbox.isIdle || this.#replies.unanswered > 0) return;
    this.#socket.close(CLOSE_CODES.goingAway, 'the broker stops');
  }

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
   * Refuses the client: its messages are freed and it is not read any more. It may receive the
   * close frame; then, or after a timeout, the connection is cut.
   */
  #outOfMemory(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#isRefused = true;
    this.#gate.close();
    this.#context.refused();
    this.#socket.close(CLOSE_CODES.tryAgainLater, 'the memory for messages is used up');
    this.#socket.pause();
  }

  /** Called when the connection accepts no more frames: everything before is sent. */
  readonly #closing = (): void => {
    if (this.#isClosed) return;
    this.#outbox.flush();
    this.#release();
    this.#context.closing(this);
    // The client's own close frame must still be read.
    if (this.#isPaused && !this.#isRefused) this.#socket.resume();
  };

  #ended(): void {
    this.#release();
    this.#gate.close();
    this.#context.closed(this);
  }

  /** Frees everything, except what `ws` still reads and what is being handled. */
  #release(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outbox.close();
    this.#inbox.close();
    for (const controller of this.#aborts) controller.abort();
    this.subscriptions.close();
  }
}

/** The reader of ws for a connection. */
type WsReader = (this: Socket, chunk: Buffer) => void;

/** Returns the listener of ws, which gets whole messages instead of raw bytes. */
function wsReader(tcp: Socket): WsReader {
  const [reader, other] = tcp.listeners('data');
  assert(reader !== undefined && other === undefined, 'only ws reads the connection');
  return reader as WsReader;
}

function binaryError(): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', 'A message must be text; this one is binary.');
}

function subscriptionOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('subscription' in data)) return undefined;
  const { subscription } = data;
  return typeof subscription === 'string' ? subscription : undefined;
}
