import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LateBody } from './late-body.js';

/** Looks at a body within its idle time-out; an idle one is found at most a quarter late. */
const SWEEPS_PER_TIMEOUT = 4;

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
  readonly #sweepTimer: NodeJS.Timeout;
  #inFlightCount = 0;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly connectionsMax: number,
    bodyIdleTimeoutMs: number,
  ) {
    const sweepMs = Math.max(1, bodyIdleTimeoutMs / SWEEPS_PER_TIMEOUT);
    this.#sweepTimer = setInterval(() => {
      this.#sweepBodies();
    }, sweepMs).unref();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  opened(socket: Socket): void {
    const isOverLimit = this.#connections.size >= this.connectionsMax;
    const connection = new Connection(socket, isOverLimit);
    this.#connections.set(socket, connection);
    socket.once('end', () => {
      for (const each of connection.inFlight) each.halfClosed();
    });
    socket.once('close', () => {
      this.#connections.delete(socket);
      for (const each of connection.inFlight) this.finished(each);
    });
  }

  of(socket: Socket): Connection | undefined {
    return this.#connections.get(socket);
  }

  began(connection: Connection, inFlight: InFlightRequest): void {
    connection.inFlight.push(inFlight);
    connection.seenBytes = -1;
    this.#inFlightCount += 1;
  }

  /** Ends a request that is in flight; one that has ended already is left alone. */
  finished(inFlight: InFlightRequest): void {
    const list = this.#connections.get(inFlight.request.socket)?.inFlight;
    const place = list?.indexOf(inFlight) ?? -1;
    if (place >= 0) list?.splice(place, 1);
    inFlight.close();
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
