import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ByteAccount } from '#runtime';
import type { FrontEvents } from '../../shared/front-events.js';
import type { BodyTimeout } from './body-timeout.js';
import { Pipelines } from './pipelines.js';

/** Checks of bodies per idle timeout; an idle body is found at most a quarter late. */
const SWEEPS_PER_TIMEOUT = 4;

/**
 * A connection that has been without a request for less than this is not dropped, because a request
 * may be on its way.
 */
const DROPPED_IDLE_MS_MIN = 100;

/** Bounds of connections and of the data on them. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly bodyIdleTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly pipelinedRequestsMax: number;
}

/** A request whose answer is not complete. */
export interface InFlightRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Called once or more, when the response is complete or its connection is gone. */
  close(): void;
  /** The body is incomplete, and the gateway no longer waits for it. */
  bodyTimedOut(why: BodyTimeout): void;
  /** The client sends no more data or has disconnected, so waits for it should end. */
  halfClosed(): void;
  /** The gateway stops, so endless answers should end. */
  stopping(): void;
}

/** Time that bodies have to arrive when the gateway stops. */
const STOPPING_BODY_MS_MAX = 2000;

/** The rest of a body whose request was answered before the body was complete. */
interface UnreadBody {
  readonly request: IncomingMessage;
  /** Time of the answer, monotonic clock. */
  readonly answeredAtMs: number;
}

/** An open connection and its unanswered requests; more than one if the client pipelines. */
export class Connection {
  readonly inFlight: InFlightRequest[] = [];
  /** Start the requests that arrived when too many were in flight, in order. */
  readonly heldBack: (() => void)[] = [];
  /** True after requests of it were held back at least once. */
  hasBeenHeld = false;
  /** Ends the wait for a head that was late for node:http while the gateway did not read. */
  headTimer: NodeJS.Timeout | undefined;
  /** node:http reads and discards this body. */
  unreadBody: UnreadBody | undefined;
  /** Ends the connection after all answers in flight: nothing can be read after them. */
  endAfterAnswers: (() => void) | undefined;
  /** Bytes received at the last sweep, and the number of sweeps without progress. */
  seenBytes = -1;
  idleSweeps = 0;
  readonly openedAtMs = performance.now();
  /** Time at which its last request ended, or it was opened. */
  withoutRequestSinceMs = this.openedAtMs;

  constructor(
    readonly socket: Socket,
    /** True if it was opened when all places were taken: its first request is refused. */
    readonly isOverLimit: boolean,
  ) {}
}

/**
 * All connections with the requests in flight on each.
 *
 * Node reports the end of a response only while that response owns the connection: a pipelined
 * response that waits behind another gets no event when the connection dies. Therefore the end of
 * the connection ends every request on it.
 *
 * One timer checks all bodies periodically: a timer per request would slow down every small
 * request, whose body arrives with its head. A body that the gateway itself does not read at the
 * moment (back-pressure) is not idle.
 */
export class ConnectionTable {
  readonly #connections = new Map<Socket, Connection>();
  /** Connections without a request, the longest idle first. */
  readonly #withoutRequest = new Set<Connection>();
  readonly pipelines: Pipelines;
  readonly #limits: ConnectionLimits;
  readonly #events: FrontEvents;
  readonly #sweepTimer: NodeJS.Timeout;
  readonly #silenceTimer: NodeJS.Timeout;
  #inFlightCount = 0;
  #onIdle: (() => void) | undefined;

  /** @param memory counts held back requests */
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

  /** Called at the end of a request's head. */
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

  /** Ends a request in flight; an ended request is ignored. */
  finished(inFlight: InFlightRequest): void {
    const connection = this.#connections.get(inFlight.request.socket);
    const place = connection?.inFlight.indexOf(inFlight) ?? -1;
    if (connection !== undefined && place >= 0) {
      connection.inFlight.splice(place, 1);
      this.#answered(connection, inFlight.request);
    }
    inFlight.close();
  }

  /** Continues with the next request after an answered one on its connection. */
  #answered(connection: Connection, request: IncomingMessage): void {
    if (connection.heldBack.length > 0) this.pipelines.proceed(connection);
    if (connection.inFlight.length > 0) return;
    const nowMs = performance.now();
    connection.withoutRequestSinceMs = nowMs;
    this.#withoutRequest.add(connection);
    if (!request.complete) connection.unreadBody = { request, answeredAtMs: nowMs };
    connection.endAfterAnswers?.();
  }

  /** Marks a connection as a WebSocket: it is busy from now on. */
  upgraded(connection: Connection): void {
    this.#withoutRequest.delete(connection);
  }

  /** Each request calls this once, at its end. */
  countFinished(): void {
    this.#inFlightCount -= 1;
    if (this.#inFlightCount === 0) this.#onIdle?.();
  }

  /**
   * Signals the stop to all requests; resolves when none is in flight. Bodies that do not arrive
   * soon are refused, and answers that a client does not read are broken off.
   * @param answerMsMax time that clients have to read their answers
   */
  async drained(answerMsMax: number): Promise<void> {
    for (const each of this.#allInFlight()) {
      // Answers that have not begun announce the end of the connection.
      if (!each.response.headersSent) each.response.shouldKeepAlive = false;
      each.stopping();
    }
    const timers = [
      setTimeout(() => {
        this.#refuseTimedOutBodies();
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

  /** Closes an idle connection to free a place. @returns whether there was one without a request */
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

  /** Closes connections on which nothing arrived. */
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

  #refuseTimedOutBodies(): void {
    for (const each of this.#allInFlight()) {
      if (!each.request.complete) each.bodyTimedOut('stopping');
    }
  }

  #sweepBodies(): void {
    for (const connection of this.#connections.values()) {
      if (connection.unreadBody !== undefined) this.#sweepUnread(connection, connection.unreadBody);
      // Requests are read one after the other, so only the last one can have an unfinished body.
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
        last.bodyTimedOut('idle');
      }
    }
  }

  /** Cuts a client that keeps sending an unwanted body, whatever its progress. */
  #sweepUnread(connection: Connection, { request, answeredAtMs }: UnreadBody): void {
    if (request.complete) {
      connection.unreadBody = undefined;
    } else if (performance.now() - answeredAtMs >= this.#limits.bodyIdleTimeoutMs) {
      this.#events.count('bodyUnread');
      connection.socket.destroy();
    }
  }
}
