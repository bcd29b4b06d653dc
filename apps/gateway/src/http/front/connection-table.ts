import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LateBody } from './late-body.js';

/** Looks at a body within its idle time-out; an idle one is found at most a quarter late. */
const SWEEPS_PER_TIMEOUT = 4;

/** A connection that is without a request for less than this is not dropped: its request may be on its way. */
const DROPPED_IDLE_MS_MIN = 100;

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

/** An open connection and its unanswered requests; more than one where the client pipelines. */
export class Connection {
  readonly inFlight: InFlightRequest[] = [];
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
 * Node tells of the end of a response only while that response has the connection: one that waits in
 * a pipeline behind another hears nothing when the connection dies. So the connection's own end is
 * what ends every request on it.
 *
 * One timer looks at all bodies now and then: a timer for each request would cost every small request,
 * whose body comes with its head. A body that the gateway itself does not read for now (back-pressure)
 * is not idle.
 */
export class ConnectionTable {
  readonly #connections = new Map<Socket, Connection>();
  /** Those without a request, the one that has been so for longest first. */
  readonly #withoutRequest = new Set<Connection>();
  readonly #firstByteTimeoutMs: number;
  #droppedTotal = 0;
  #refusedTotal = 0;
  #silentTotal = 0;
  readonly #sweepTimer: NodeJS.Timeout;
  readonly #silenceTimer: NodeJS.Timeout;
  #inFlightCount = 0;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly connectionsMax: number,
    bodyIdleTimeoutMs: number,
    firstByteTimeoutMs: number,
  ) {
    this.#firstByteTimeoutMs = firstByteTimeoutMs;
    this.#sweepTimer = setInterval(() => {
      this.#sweepBodies();
    }, bodyIdleTimeoutMs / SWEEPS_PER_TIMEOUT).unref();
    this.#silenceTimer = setInterval(() => {
      this.#closeSilent();
    }, firstByteTimeoutMs / SWEEPS_PER_TIMEOUT).unref();
  }

  /** Closed for a newer one, when all places were taken. */
  get droppedTotal(): number {
    return this.#droppedTotal;
  }

  /** Refused: all places were taken by connections with a request. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /** Closed because no byte of a request came. */
  get silentTotal(): number {
    return this.#silentTotal;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  opened(socket: Socket): void {
    const isFull = this.#connections.size >= this.connectionsMax;
    const isOverLimit = isFull && !this.#dropIdlest();
    if (isOverLimit) this.#refusedTotal += 1;
    const connection = new Connection(socket, isOverLimit);
    this.#connections.set(socket, connection);
    this.#withoutRequest.add(connection);
    socket.once('end', () => {
      for (const each of connection.inFlight) each.halfClosed();
    });
    socket.once('close', () => {
      this.#forget(connection);
      for (const each of connection.inFlight) this.finished(each);
    });
  }

  of(socket: Socket): Connection | undefined {
    return this.#connections.get(socket);
  }

  began(connection: Connection, inFlight: InFlightRequest): void {
    if (connection.inFlight.length === 0) this.#withoutRequest.delete(connection);
    connection.inFlight.push(inFlight);
    connection.seenBytes = -1;
    this.#inFlightCount += 1;
  }

  /** Ends a request that is in flight; one that has ended already is left alone. */
  finished(inFlight: InFlightRequest): void {
    const connection = this.#connections.get(inFlight.request.socket);
    const place = connection?.inFlight.indexOf(inFlight) ?? -1;
    if (connection !== undefined && place >= 0) {
      connection.inFlight.splice(place, 1);
      if (connection.inFlight.length === 0) {
        connection.withoutRequestSinceMs = performance.now();
        this.#withoutRequest.add(connection);
      }
    }
    inFlight.close();
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
    this.#droppedTotal += 1;
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
    const limitMs = performance.now() - this.#firstByteTimeoutMs;
    for (const connection of this.#withoutRequest) {
      if (connection.openedAtMs > limitMs || connection.socket.bytesRead > 0) continue;
      this.#silentTotal += 1;
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
      // Requests are read one after the other: only the last one can have a body that still comes.
      const last = connection.inFlight.at(-1);
      if (last === undefined || last.request.complete) continue;
      const receivedBytes = connection.socket.bytesRead;
      if (receivedBytes !== connection.seenBytes || last.request.isPaused()) {
        connection.seenBytes = receivedBytes;
        connection.idleSweeps = 0;
      } else {
        connection.idleSweeps += 1;
        if (connection.idleSweeps === SWEEPS_PER_TIMEOUT) last.bodyLate('idle');
      }
    }
  }
}
