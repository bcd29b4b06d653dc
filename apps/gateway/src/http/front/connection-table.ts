import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ByteAccount } from '#record-json';
import type { FrontEvents } from './front-events.js';
import type { LateBody } from './late-body.js';
import { Pipelines } from './pipelines.js';

/** Looks at a body within its idle time-out; an idle one is found at most a quarter late. */
const SWEEPS_PER_TIMEOUT = 4;

/**
 * A connection that is without a request for less than this is not dropped: its request may be on
 * its way.
 */
const DROPPED_IDLE_MS_MIN = 100;

/** Bounds of connections and of what comes over them. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly bodyIdleTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly pipelinedRequestsMax: number;
}

/** A request that was not answered to its end yet. */
export interface InFlightRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The response was sent to its end, or its connection is gone. Called once or more. */
  close(): void;
  /** The body has not come to its end and is waited for no longer. */
  bodyLate(why: LateBody): void;
  /** The client sends no more, or is gone: to wait on for its sake makes no sense. */
  halfClosed(): void;
  /** The gateway stops: what has no end of its own is to end. */
  stopping(): void;
}

/** How long the bodies that are under way when the gateway stops may take to come to their end. */
const STOPPING_BODY_MS_MAX = 2000;

/** The rest of a body whose request was answered before it had come. */
interface UnreadBody {
  readonly request: IncomingMessage;
  /** When it was answered, on the monotonic clock. */
  readonly answeredAtMs: number;
}

/** An open connection and its unanswered requests; more than one where the client pipelines. */
export class Connection {
  readonly inFlight: InFlightRequest[] = [];
  /** Begin the requests that arrived when too many were in flight, in their order. */
  readonly heldBack: (() => void)[] = [];
  /** Requests of it have been held back at least once. */
  hasBeenHeld = false;
  /**
   * Ends the wait for a head that was late for node:http while the gateway did not read the rest.
   */
  headTimer: NodeJS.Timeout | undefined;
  /** Is read and thrown away by node:http. */
  unreadBody: UnreadBody | undefined;
  /** Ends the connection once all that is in flight is answered: nothing can be read behind it. */
  endAfterAnswers: (() => void) | undefined;
  /** Bytes received at the last sweep, and for how many sweeps no more came. */
  seenBytes = -1;
  idleSweeps = 0;
  readonly openedAtMs = performance.now();
  /** When its last request ended; until there was one, when it was opened. */
  withoutRequestSinceMs = this.openedAtMs;

  constructor(
    readonly socket: Socket,
    /** It was opened when all places were taken: its first request is refused. */
    readonly isOverLimit: boolean,
  ) {}
}

/**
 * All connections with what is in flight on each.
 *
 * Node tells of the end of a response only while that response has the connection: one that waits
 * in a pipeline behind another hears nothing when the connection dies. So the connection's own end
 * is what ends every request on it.
 *
 * One timer looks at all bodies now and then: a timer for each request would cost every small
 * request, whose body comes with its head. A body that the gateway itself does not read for now
 * (back-pressure) is not idle.
 */
export class ConnectionTable {
  readonly #connections = new Map<Socket, Connection>();
  /** Those without a request, the one that has been so for longest first. */
  readonly #withoutRequest = new Set<Connection>();
  readonly pipelines: Pipelines;
  readonly #limits: ConnectionLimits;
  readonly #events: FrontEvents;
  readonly #sweepTimer: NodeJS.Timeout;
  readonly #silenceTimer: NodeJS.Timeout;
  #inFlightCount = 0;
  #onIdle: (() => void) | undefined;

  /** @param memory counts the requests that are held back */
  constructor(limits: ConnectionLimits, memory: ByteAccount, events: FrontEvents) {
    this.#limits = limits;
    this.#events = events;
    this.pipelines = new Pipelines(limits.pipelinedRequestsMax, memory, events);
    this.#sweepTimer = setInterval(() => {
      this.#sweepBodies();
    }, limits.bodyIdleTimeoutMs / SWEEPS_PER_TIMEOUT).unref();
    this.#silenceTimer = setInterval(() => {
      this.#closeSilent();
    }, limits.firstByteTimeoutMs / SWEEPS_PER_TIMEOUT).unref();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  opened(socket: Socket): void {
    const isFull = this.#connections.size >= this.#limits.connectionsMax;
    const isOverLimit = isFull && !this.#dropIdlest();
    if (isOverLimit) this.#events.count('connectionRefused');
    const connection = new Connection(socket, isOverLimit);
    this.#connections.set(socket, connection);
    this.#withoutRequest.add(connection);
    socket.once('end', () => {
      for (const each of connection.inFlight) each.halfClosed();
    });
    socket.once('close', () => {
      this.#forget(connection);
      this.pipelines.closed(connection);
      clearTimeout(connection.headTimer);
      for (const each of connection.inFlight) this.finished(each);
    });
  }

  of(socket: Socket): Connection | undefined {
    return this.#connections.get(socket);
  }

  /** The head of a request has come to its end. */
  headArrived(connection: Connection): void {
    if (connection.headTimer === undefined) return;
    clearTimeout(connection.headTimer);
    connection.headTimer = undefined;
  }

  began(connection: Connection, inFlight: InFlightRequest): void {
    if (connection.inFlight.length === 0) this.#withoutRequest.delete(connection);
    connection.inFlight.push(inFlight);
    connection.seenBytes = -1;
    connection.unreadBody = undefined;
    this.#inFlightCount += 1;
  }

  /** Ends a request that is in flight; one that has ended already is left alone. */
  finished(inFlight: InFlightRequest): void {
    const connection = this.#connections.get(inFlight.request.socket);
    const place = connection?.inFlight.indexOf(inFlight) ?? -1;
    if (connection !== undefined && place >= 0) {
      connection.inFlight.splice(place, 1);
      this.#answered(connection, inFlight.request);
    }
    inFlight.close();
  }

  /** Goes on with what follows an answered request on its connection. */
  #answered(connection: Connection, request: IncomingMessage): void {
    if (connection.heldBack.length > 0) this.pipelines.proceed(connection);
    if (connection.inFlight.length > 0) return;
    const nowMs = performance.now();
    connection.withoutRequestSinceMs = nowMs;
    this.#withoutRequest.add(connection);
    if (!request.complete) connection.unreadBody = { request, answeredAtMs: nowMs };
    connection.endAfterAnswers?.();
  }

  /** The connection becomes a WebSocket: it is busy from now on. */
  upgraded(connection: Connection): void {
    this.#withoutRequest.delete(connection);
  }

  /** To be called by each request as it ends, once. */
  countFinished(): void {
    this.#inFlightCount -= 1;
    if (this.#inFlightCount === 0) this.#onIdle?.();
  }

  /**
   * Tells all that the gateway stops; resolves when nothing is in flight any more. Bodies that have
   * not come soon are refused, and answers that a client does not take are broken off.
   * @param answerMsMax how long clients may take to read what is in flight
   */
  async drained(answerMsMax: number): Promise<void> {
    for (const each of this.#allInFlight()) {
      // Answers that have not begun say that the connection ends with them.
      if (!each.response.headersSent) each.response.shouldKeepAlive = false;
      each.stopping();
    }
    const timers = [
      setTimeout(() => {
        this.#refuseLateBodies();
      }, STOPPING_BODY_MS_MAX),
      setTimeout(() => {
        for (const socket of this.#connections.keys()) socket.destroy();
      }, answerMsMax),
    ];
    if (this.#inFlightCount > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    for (const timer of timers) clearTimeout(timer);
    clearInterval(this.#sweepTimer);
    clearInterval(this.#silenceTimer);
  }

  /** Makes room for a new connection. @returns whether there was one without a request */
  #dropIdlest(): boolean {
    const [idlest] = this.#withoutRequest;
    if (idlest === undefined) return false;
    const idleMs = performance.now() - idlest.withoutRequestSinceMs;
    if (idleMs < DROPPED_IDLE_MS_MIN) return false;
    this.#events.count('connectionDropped');
    this.#forget(idlest);
    idlest.socket.destroy();
    return true;
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection.socket);
    this.#withoutRequest.delete(connection);
  }

  /** Closes connections on which nothing came. */
  #closeSilent(): void {
    const limitMs = performance.now() - this.#limits.firstByteTimeoutMs;
    for (const connection of this.#withoutRequest) {
      if (connection.openedAtMs > limitMs || connection.socket.bytesRead > 0) continue;
      this.#events.count('connectionSilent');
      connection.socket.destroy();
    }
  }

  #allInFlight(): InFlightRequest[] {
    return [...this.#connections.values()].flatMap((connection) => connection.inFlight);
  }

  #refuseLateBodies(): void {
    for (const each of this.#allInFlight()) {
      if (!each.request.complete) each.bodyLate('stopping');
    }
  }

  #sweepBodies(): void {
    for (const connection of this.#connections.values()) {
      if (connection.unreadBody !== undefined) this.#sweepUnread(connection, connection.unreadBody);
      // Requests are read one after the other: only the last one can have a body that still comes.
      const last = connection.inFlight.at(-1);
      if (last === undefined || last.request.complete) continue;
      const receivedBytes = connection.socket.bytesRead;
      if (receivedBytes !== connection.seenBytes || last.request.isPaused()) {
        connection.seenBytes = receivedBytes;
        connection.idleSweeps = 0;
      } else {
        connection.idleSweeps += 1;
        if (connection.idleSweeps !== SWEEPS_PER_TIMEOUT) continue;
        this.#events.count('bodyLate');
        last.bodyLate('idle');
      }
    }
  }

  /** Cuts a client that goes on sending what nobody wants: progress of it counts for nothing. */
  #sweepUnread(connection: Connection, { request, answeredAtMs }: UnreadBody): void {
    if (request.complete) {
      connection.unreadBody = undefined;
    } else if (performance.now() - answeredAtMs >= this.#limits.bodyIdleTimeoutMs) {
      this.#events.count('bodyUnread');
      connection.socket.destroy();
    }
  }
}
