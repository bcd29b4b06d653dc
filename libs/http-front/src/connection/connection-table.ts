import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ProtocolError } from '#protocol';
import type { ByteAccount, Clock, Scheduler, Timer } from '#runtime';
import { PrincipalMemory } from '#security';
import type { BodyTimeout } from '../body/body-timeout.js';
import type { FrontEvents } from '../front-events.js';
import type { FrontListener } from '../front-listener.js';
import { Pipelines } from './pipelines.js';
import type { RememberedCredential } from './remembered-credential.js';
import type { ClientCertificate } from './tls-options.js';

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
  /** Connections whose caller is not known yet; Infinity while authentication is off. */
  readonly unidentifiedConnectionsMax: number;
  readonly bodyIdleTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly pipelinedRequestsMax: number;
}

/** The collaborators of the connection table. */
export interface ConnectionParts {
  /** Returns the memory of a connection's held back requests. */
  readonly newMemory: () => ByteAccount;
  readonly events: FrontEvents;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
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
  /** True once it is a WebSocket. */
  isUpgraded = false;
  /** Ends the wait for a head that was late for node:http while the gateway did not read. */
  headTimer: Timer | undefined;
  /** node:http reads and discards this body. */
  unreadBody: UnreadBody | undefined;
  /** Ends the connection after all answers in flight: nothing can be read after them. */
  endAfterAnswers: (() => void) | undefined;
  /** Bytes received at the last sweep, and the number of sweeps without progress. */
  seenBytes = -1;
  idleSweeps = 0;
  /** The credential of its last request; undefined before the first one and without one. */
  remembered: RememberedCredential | undefined;
  #principal: string | undefined;
  /** Ends its count for the principal. */
  endOfPrincipal: (() => void) | undefined;
  /** Time at which its last request ended, or it was opened; monotonic clock. */
  withoutRequestSinceMs: number;

  /** Called when its first caller is known. */
  onIdentified: (() => void) | undefined;

  /** The client's certificate; none before the end of the TLS handshake. */
  certificate: ClientCertificate = { kind: 'none' };

  /** The listener that accepted it. */
  readonly listener: FrontListener;
  /** Monotonic clock. */
  readonly openedAtMs: number;
  /** True if it was opened when all places were taken: its first request is refused. */
  readonly isOverLimit: boolean;
  /** Counts held back requests. */
  readonly memory: ByteAccount;

  constructor(
    /** The accepted socket; the secure one above it after a TLS handshake. */
    public socket: Socket,
    opened: Pick<Connection, 'listener' | 'openedAtMs' | 'isOverLimit' | 'memory'>,
  ) {
    this.listener = opened.listener;
    this.openedAtMs = opened.openedAtMs;
    this.isOverLimit = opened.isOverLimit;
    this.memory = opened.memory;
    this.withoutRequestSinceMs = opened.openedAtMs;
  }

  /** The principal that this connection counts for; undefined before its first caller is known. */
  get principal(): string | undefined {
    return this.#principal;
  }

  /** Counts this connection, and what it holds, for a principal from now on. */
  belongTo(principal: string): void {
    this.#principal = principal;
    this.onIdentified?.();
    this.onIdentified = undefined;
    if (this.memory instanceof PrincipalMemory) this.memory.belongTo(principal);
  }
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
 *
 * Overlap: `drained` is called once; everything else is synchronous.
 */
export class ConnectionTable {
  readonly #connections = new Map<Socket, Connection>();
  /** Connections without a request, the longest idle first. */
  readonly #withoutRequest = new Set<Connection>();
  /** Connections whose caller is not known, the oldest first; empty while there is no limit. */
  readonly #unidentified = new Set<Connection>();
  readonly pipelines: Pipelines;
  readonly #newMemory: () => ByteAccount;
  readonly #limits: ConnectionLimits;
  readonly #events: FrontEvents;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #sweepTimer: Timer;
  readonly #silenceTimer: Timer;
  #inFlightCount = 0;
  #onIdle: (() => void) | undefined;

  constructor(limits: ConnectionLimits, { newMemory, events, clock, scheduler }: ConnectionParts) {
    this.#limits = limits;
    this.#events = events;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.pipelines = new Pipelines(limits.pipelinedRequestsMax, events);
    this.#newMemory = newMemory;
    const { bodyIdleTimeoutMs, firstByteTimeoutMs } = limits;
    this.#sweepTimer = this.#repeat(bodyIdleTimeoutMs / SWEEPS_PER_TIMEOUT, () => {
      this.#sweepBodies();
    });
    this.#silenceTimer = this.#repeat(firstByteTimeoutMs / SWEEPS_PER_TIMEOUT, () => {
      this.#closeSilent();
    });
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Adds an accepted connection. */
  opened(socket: Socket, listener: FrontListener): void {
    const places = this.#limits.connectionsMax + listener.connectionsReserved;
    const isFull = this.#connections.size >= places;
    const isOverLimit = isFull && !this.#dropIdlest();
    if (isOverLimit) this.#events.count('connectionRefused');
    const openedAtMs = this.#clock.monotonicMs();
    const memory = this.#newMemory();
    const connection = new Connection(socket, { listener, openedAtMs, isOverLimit, memory });
    this.#withoutRequest.add(connection);
    this.#watch(connection, socket);
    if (this.#limits.unidentifiedConnectionsMax < Number.POSITIVE_INFINITY) {
      this.#unidentified.add(connection);
      connection.onIdentified = () => this.#unidentified.delete(connection);
      this.#dropUnidentified();
    }
  }

  get unidentifiedCount(): number {
    return this.#unidentified.size;
  }

  /** True for a connection without a credential, while too many have none. */
  isTooMany(connection: Connection): boolean {
    const { unidentifiedConnectionsMax: max } = this.#limits;
    return this.#unidentified.size > max && this.#unidentified.has(connection);
  }

  /**
   * Resolves after a time, ms; at once for a connection without a credential, while too many have
   * none.
   */
  held(connection: Connection, delayMs: number): Promise<void> {
    if (this.isTooMany(connection)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#scheduler.after(delayMs, resolve);
    });
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED for a connection too many */
  assertIdentified(connection: Connection): void {
    if (!this.isTooMany(connection)) return;
    this.#events.count('unidentifiedRefused');
    throw tooManyUnidentified(this.#limits.unidentifiedConnectionsMax);
  }

  /** Continues with the secure socket of a connection after its TLS handshake. */
  secured(raw: Socket, secure: Socket): Connection | undefined {
    const connection = this.#connections.get(raw);
    if (connection === undefined) return undefined;
    this.#connections.delete(raw);
    connection.socket = secure;
    this.#watch(connection, secure);
    return connection;
  }

  #watch(connection: Connection, socket: Socket): void {
    this.#connections.set(socket, connection);
    socket.once('end', () => {
      for (const each of connection.inFlight) each.halfClosed();
    });
    socket.once('close', () => {
      // The plain socket below a secure one.
      if (connection.socket !== socket) return;
      this.#forget(connection);
      this.pipelines.closed(connection);
      connection.headTimer?.cancel();
      connection.endOfPrincipal?.();
      for (const each of connection.inFlight) this.finished(each);
    });
  }

  /** All open connections. */
  all(): Iterable<Connection> {
    return this.#connections.values();
  }

  of(socket: Socket): Connection | undefined {
    return this.#connections.get(socket);
  }

  /** Called at the end of a request's head. */
  headArrived(connection: Connection): void {
    if (connection.headTimer === undefined) return;
    connection.headTimer.cancel();
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
    const nowMs = this.#clock.monotonicMs();
    connection.withoutRequestSinceMs = nowMs;
    this.#withoutRequest.add(connection);
    if (!request.complete) connection.unreadBody = { request, answeredAtMs: nowMs };
    connection.endAfterAnswers?.();
  }

  /** Marks a connection as a WebSocket: it is busy from now on. */
  upgraded(connection: Connection): void {
    this.#withoutRequest.delete(connection);
    connection.isUpgraded = true;
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
      this.#scheduler.after(STOPPING_BODY_MS_MAX, () => {
        this.#refuseTimedOutBodies();
      }),
      this.#scheduler.after(answerMsMax, () => {
        for (const socket of this.#connections.keys()) socket.destroy();
      }),
    ];
    if (this.#inFlightCount > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    for (const timer of [...timers, this.#sweepTimer, this.#silenceTimer]) timer.cancel();
  }

  /** Calls the task at the end of every interval until the timer is cancelled. */
  #repeat(intervalMs: number, task: () => void): Timer {
    const turn = (): void => {
      timer = this.#scheduler.after(intervalMs, turn);
      task();
    };
    let timer = this.#scheduler.after(intervalMs, turn);
    return {
      cancel: () => {
        timer.cancel();
      },
    };
  }

  /** Closes an idle connection to free a place. @returns whether there was one without a request */
  #dropIdlest(): boolean {
    const [idlest] = this.#withoutRequest;
    if (idlest === undefined) return false;
    const idleMs = this.#clock.monotonicMs() - idlest.withoutRequestSinceMs;
    if (idleMs < DROPPED_IDLE_MS_MIN) return false;
    this.#events.count('connectionDropped');
    this.#forget(idlest);
    idlest.socket.destroy();
    return true;
  }

  /**
   * Closes connections whose caller is not known until they are few enough: those from which no
   * byte came first, because others are in a handshake or send a request.
   */
  #dropUnidentified(): void {
    const { unidentifiedConnectionsMax: max } = this.#limits;
    if (this.#unidentified.size <= max) return;
    const openedMsMax = this.#clock.monotonicMs() - DROPPED_IDLE_MS_MIN;
    let oldest: Connection | undefined;
    let silent: Connection | undefined;
    for (const each of this.#unidentified) {
      if (!this.#withoutRequest.has(each) || each.withoutRequestSinceMs > openedMsMax) continue;
      oldest ??= each;
      if (each.socket.bytesRead > 0) continue;
      silent = each;
      break;
    }
    const dropped = silent ?? oldest;
    if (dropped === undefined) return;
    this.#events.count('unidentifiedDropped');
    this.#forget(dropped);
    dropped.socket.destroy();
    this.#dropUnidentified();
  }

  #forget(connection: Connection): void {
    this.#unidentified.delete(connection);
    this.#connections.delete(connection.socket);
    this.#withoutRequest.delete(connection);
  }

  /** Closes connections on which nothing arrived. */
  #closeSilent(): void {
    const limitMs = this.#clock.monotonicMs() - this.#limits.firstByteTimeoutMs;
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
    } else if (this.#clock.monotonicMs() - answeredAtMs >= this.#limits.bodyIdleTimeoutMs) {
      this.#events.count('bodyUnread');
      connection.socket.destroy();
    }
  }
}

function tooManyUnidentified(max: number): ProtocolError {
  return new ProtocolError(
    'THROTTLING_QUOTA_EXCEEDED',
    `Connections without a credential use all of their ${max} places. Send a credential with the ` +
      'first request (SLUICE_UNIDENTIFIED_CONNECTIONS_PERCENT).',
    {
      outcome: 'failed',
      bound: 'SLUICE_UNIDENTIFIED_CONNECTIONS_PERCENT',
    },
  );
}
