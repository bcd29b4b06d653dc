/**
 * One WebSocket connection: its messages begin one after the other and are answered in order, and
 * all its frames go through one outbox.
 *
 * Bounded: it is read only while there is memory for answers, few messages are unanswered and none
 * waits to begin; records are delivered only while there is memory.
 *
 * Overlap: publishes overlap everything; `ControlTurns` orders the rest. The end may come at any
 * time; work in progress then finishes without an answer.
 */

import type { Socket } from 'node:net';
import { type ClientEvent, type PublishData, ReceivedMessage, type ServerEvent } from '#api';
import { type ExpiringRecords, Outbox, type PartitionPosition, unreceivedBytes } from '#delivery';
import { ProtocolError } from '#protocol';
import { AT_ONCE_BYTES_MAX, withRequestPointers } from '#record-json';
import { inSlices } from '#runtime';
import type { Access } from '#security';
import {
  CLOSE_CODES,
  ClientProgress,
  type ConnectionObservation,
  Inbox,
  type InboxMessage,
  type InboxOwner,
  Liveness,
  type LivenessVerdict,
  MessageGate,
  messageMemoryBytes,
  ORDERLY_CODES,
  pingFrame,
  pongFrame,
  pongPosition,
  type Reply,
  ReplyQueue,
  type ReplySink,
  textFrames,
  type WatchedConnection,
} from '#web-socket';
import type { ControlSession, SocketAnswer } from './control-message.js';
import { ControlTurns } from './control-turns.js';
import type { GatewaySocket, OpenedSocket } from './gateway-socket.js';
import { MessageTexts } from './message-texts.js';
import { Publication, WaitingPublications } from './publishing.js';
import { SocketCaller, throttleOf } from './socket-caller.js';
import type { SocketContext } from './socket-context.js';
import {
  binaryError,
  messageText,
  type ProblemContext,
  socketProblem,
  subscriptionOf,
  tooLargeUnknown,
} from './socket-problem.js';
import type { ChangeEvent, PartitionChange, SocketSubscription } from './socket-subscription.js';
import { SocketSubscriptions } from './socket-subscriptions.js';
import { type WsReader, wsReader } from './ws-reader.js';

/** Bytes of unanswered messages at which no more begin: more would only keep memory longer. */
const UNANSWERED_BYTES_MAX = 1024 * 1024;
/**
 * Bytes of records between two pings to a member of a group. They show that a slow client reads,
 * long before it answers the ping behind everything.
 */
const PROBED_BYTES = 16 * 1024;

export class SocketSession implements InboxOwner, ControlSession, ReplySink, WatchedConnection {
  readonly subscriptions: SocketSubscriptions;
  readonly caller: SocketCaller;
  readonly compresses: boolean;
  readonly #context: SocketContext<SocketSession>;
  readonly #socket: GatewaySocket;
  readonly #tcp: Socket;
  readonly #outbox: Outbox;
  readonly #replies: ReplyQueue;
  readonly #texts: MessageTexts;
  readonly #turns = new ControlTurns();
  readonly #inbox: Inbox;
  readonly #gate: MessageGate;
  readonly #liveness: Liveness;
  readonly #progress = new ClientProgress();
  readonly #waiting = new WaitingPublications();
  /** The answer to a ping without memory for it; only the last one is kept. */
  #pong: Buffer | undefined;
  /** Bytes of records to members of groups since the last ping. */
  #unprobedBytes = 0;
  #isPaused = false;
  /** True after a message found no memory: the client is notified, and is not read any more. */
  #isRefused = false;
  #isStopping = false;
  #isClosed = false;

  constructor({ socket, tcp, ...origin }: OpenedSocket, context: SocketContext<SocketSession>) {
    this.#context = context;
    this.#socket = socket;
    this.#tcp = tcp;
    this.compresses = socket.extensions !== '';
    this.#outbox = new Outbox(tcp, context.delivery, {
      bytesMax: context.bufferBytes,
      onRoom: this.#roomAgain,
      onStalled: () => this.drop('stalled'),
      throttle: throttleOf(context.callers, () => this.caller),
    });
    this.#replies = new ReplyQueue(this);
    this.#texts = new MessageTexts(context, (error, about) => {
      this.caller.auditRefusal(error, about);
    });
    this.subscriptions = new SocketSubscriptions(context.subscriptionsMax, () =>
      this.#outbox.hasRoom(),
    );
    const onTimeout = (): void => {
      this.#socket.close(CLOSE_CODES.unauthenticated, 'no credential came in time');
    };
    const events = { onTimeout, onResume: () => this.#proceed() };
    this.caller = new SocketCaller(context.callers, origin, events);
    this.#inbox = new Inbox(this, this.caller.memory);
    this.#liveness = new Liveness(context.nowMs(), context.stalledTimeoutMs);
    const receive = wsReader(tcp);
    this.#gate = new MessageGate({
      memory: this.caller.memory,
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

  get principal(): string {
    return this.caller.known?.caller.principal ?? '';
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
    this.caller.memory.release(memoryBytes);
  }

  sent(): void {
    this.#proceed();
  }

  sight(): ConnectionObservation {
    const tcp = this.#tcp;
    return {
      receivedBytes: tcp.bytesRead,
      writtenBytes: tcp.bytesWritten,
      pendingBytes: unreceivedBytes(tcp),
      isPaused: this.#isPaused,
    };
  }

  judge(seen: ConnectionObservation, nowMs: number): LivenessVerdict {
    return this.#liveness.judge(seen, nowMs);
  }

  ping(): void {
    this.#unprobedBytes = 0;
    this.#outbox.push(pingFrame(this.#tcp.bytesWritten));
  }

  lifeSigns(): number {
    return this.#progress.look(this.sight());
  }

  sentToMember(bytes: number): void {
    this.#unprobedBytes += bytes;
    if (this.#unprobedBytes >= PROBED_BYTES) this.ping();
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

  get access(): Access | undefined {
    return this.caller.known;
  }

  /** Ends the connection, or its subscriptions, if the caller has lost what they need. */
  recheck(): void {
    const { closing } = this.caller;
    if (closing === undefined) {
      this.#waiting.recheck(this.caller);
      this.subscriptions.recheck(this.caller.access);
      return;
    }
    if (ORDERLY_CODES.has(closing.code)) this.subscriptions.leaveGroups();
    this.#socket.close(closing.code, closing.reason);
  }

  mayBegin(): boolean {
    const { unanswered, unansweredBytes } = this.#replies;
    return (
      unanswered < this.#context.unansweredMax &&
      unansweredBytes < UNANSWERED_BYTES_MAX &&
      !this.caller.isPaused &&
      this.#outbox.hasRoom()
    );
  }

  begin(received: InboxMessage): Promise<void> | undefined {
    this.#context.received();
    this.caller.charge('request_rate', 1);
    const reply = this.#replies.take(messageMemoryBytes(received));
    const message = new ReceivedMessage(received.bytes, this.#context.limits);
    if (!this.caller.mayReceive(received.bytes.length)) {
      reply.answer(this.#texts.error(tooLargeUnknown(), undefined, {}, true));
      return undefined;
    }
    const isLarge = received.bytes.length > AT_ONCE_BYTES_MAX;
    if (isLarge && !received.isBinary) return this.#beginLarge(message, reply);
    let event: ClientEvent;
    try {
      if (received.isBinary) throw binaryError();
      event = message.read();
    } catch (error) {
      // The message may have been a publish.
      reply.answer(this.#texts.error(error, message.id, {}, true));
      return undefined;
    }
    const { publish } = message;
    if (publish !== undefined) return this.#publish(publish, message.id, reply);
    return this.#turns.take(event, () => this.#control(event, message, reply));
  }

  /** Reads a large message in slices; later messages wait. Never rejects. */
  async #beginLarge(message: ReceivedMessage, reply: Reply): Promise<void> {
    let event: ClientEvent;
    try {
      event = await inSlices(message.readInSlices());
      this.caller.assertValid();
    } catch (error) {
      reply.answer(this.#texts.error(error, message.id, {}, true));
      return;
    }
    const { publish } = message;
    if (publish !== undefined) await this.#publish(publish, message.id, reply);
    else await this.#turns.take(event, () => this.#control(event, message, reply));
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
    event: ChangeEvent,
    change: PartitionChange | ExpiringRecords,
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
    const shown = this.#context.errors.toProtocolError(error);
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
    socket.on('pong', (payload: Buffer) => {
      const position = pongPosition(payload);
      if (position !== undefined) this.#liveness.ponged(position);
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
    tcp.prependListener('end', () => this.#closing());
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
    const publication = new Publication(data, this.#waiting);
    this.caller.charge('producer_byte_rate', publication.records.source.length);
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
      this.caller.assertMayPublish(publication);
      const { access } = this.caller;
      const sent = await publication.send(broker.as(access.caller), { autoCreateTopics, access });
      text = messageText('published', id, sent);
    } catch (error) {
      const shown = withRequestPointers(error, () => publication.places);
      text = this.#texts.error(shown, id, {}, true);
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
      reply.answer(this.#texts.error(error, message.id, { subscription }, isWrite));
      return;
    }
    reply.answer(this.#texts.answer(event, message.id, answer), answer?.onSent);
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

  /**
   * Called when the connection accepts no more frames: everything before is sent.
   * @param code of the close frame; undefined without one
   */
  readonly #closing = (code?: number): void => {
    if (this.#isClosed) return;
    this.#outbox.flush();
    this.#release(code === undefined || !ORDERLY_CODES.has(code));
    this.#context.closing(this);
    // The client's own close frame must still be read.
    if (this.#isPaused && !this.#isRefused) this.#socket.resume();
  };

  #ended(): void {
    this.#release();
    this.#gate.close();
    this.#context.closed(this);
  }

  /**
   * Frees everything, except what `ws` still reads and what is being handled.
   * @param isBroken true when the client did not say that it goes
   */
  #release(isBroken = true): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.caller.close();
    this.#outbox.close();
    this.#inbox.close();
    this.#waiting.end();
    this.subscriptions.close(isBroken);
  }
}
