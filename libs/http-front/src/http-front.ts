/**
 * The front: one listener on node:http that receives every request before the framework.
 *
 * It does everything that is the same for all requests (Origin, connections, requests in flight,
 * stopping, broken HTTP), answers the hot routes with plain handlers, and passes the others on.
 *
 * Overlap: requests overlap freely. `close` is called once.
 */

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type OperationSpec, type ProblemOptions, partitionNumber, problemDocument } from '#api';
import type { OutboundMemory } from '#delivery';
import { ProtocolError } from '#protocol';
import type { Clock, Logger, MemoryBudget, Scheduler } from '#runtime';
import { type Access, type EdgeSecurity, NO_ACCESS, type OpenUses } from '#security';
import { Admission } from './admission/admission.js';
import { RequestAudit } from './admission/request-audit.js';
import {
  memoryOfConnections,
  memoryOfRequests,
  unidentifiedMax,
} from './admission/shared-memory.js';
import { type AdmittedUse, waitForTurn } from './admission/wait-for-turn.js';
import type { ClientErrors } from './answer/client-errors.js';
import { FrontResponse } from './answer/front-response.js';
import { endWithProblem } from './answer/raw-problem.js';
import { stoppingError } from './body/body-timeout.js';
import { Acceptor } from './connection/acceptor.js';
import { answerClientError } from './connection/client-error.js';
import {
  type Connection,
  ConnectionTable,
  type InFlightRequest,
} from './connection/connection-table.js';
import type { TlsMaterial } from './connection/tls-options.js';
import { Exchange, type ReceivedHead } from './exchange.js';
import { FrameworkRequest } from './framework-request.js';
import type { FrontContext, HttpFrontOptions } from './front-context.js';
import { FrontEvents } from './front-events.js';
import type { FrontListener } from './front-listener.js';
import type { HotRoutes } from './hot-routes.js';
import { LongPolls } from './long-polls.js';
import type { FoundOperation } from './operation-router.js';
import { answerCors } from './request/answer-cors.js';
import { ForeignCallers } from './request/foreign-callers.js';
import { connectMethodError, headFault, unknownExpectationError } from './request/head-fault.js';
import { splitUrl } from './request/request-url.js';
import type { RequestObserver } from './request-observer.js';
import { type UpgradeHandler, Upgrades, upgradeRequiredError } from './upgrades.js';

/** Checks for late heads per head timeout. */
const CHECKS_PER_HEAD_TIMEOUT = 4;
/**
 * Connections over the limit that are accepted only to receive an error; further ones are dropped.
 */
const CONNECTIONS_OVER_LIMIT = 128;
/** Share of the stop timeout in which clients read their answers; the logs get the rest. */
const STOP_SHARE = 0.5;

/** A server that still answers a client which has closed its side. */
type HalfOpenServer = Server & { httpAllowHalfOpen?: boolean };

/** Handler and form of an operation of the plane `data`. */
type HotRoute = NonNullable<OperationSpec['route']>;

/** A request whose head has arrived, on its connection. */
interface ReceivedRequest extends ReceivedHead {
  readonly connection: Connection;
  /** Answers the requests that the front does not. */
  readonly next: RequestListener;
}

/** The parts that the front shares with the rest of the gateway, or passes requests to. */
export interface HttpFrontParts {
  /** The public listener. */
  readonly listener: FrontListener;
  readonly memory: MemoryBudget;
  readonly outbound: OutboundMemory;
  readonly observer: RequestObserver;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Errors of all requests, also of those that the front passes on. */
  readonly errors: ClientErrors;
  /** Handlers of the operations of the plane `data`. */
  readonly routes: HotRoutes;
  /** Handler of WebSocket requests; without it there is no WebSocket. */
  readonly sockets: UpgradeHandler | undefined;
  /** Certificates of TLS; without them the listener speaks plain HTTP. */
  readonly tls?: TlsMaterial | undefined;
  /** Undefined while authentication is off. */
  readonly security?: EdgeSecurity | undefined;
  /** Ends what callers have opened when they lose their permission. */
  readonly openUses?: OpenUses | undefined;
}

export class HttpFront {
  readonly context: FrontContext;
  readonly #listener: FrontListener;
  readonly #upgrades: Upgrades;
  readonly #servers: Server[] = [];
  readonly #routes: HotRoutes;
  readonly #sockets: UpgradeHandler | undefined;
  readonly #admission: Admission;
  #isStopping = false;
  readonly #acceptor: Acceptor;
  readonly #foreign: ForeignCallers;

  constructor(options: HttpFrontOptions, parts: HttpFrontParts) {
    const { memory, outbound, observer, clock, scheduler, logger, errors } = parts;
    this.#listener = parts.listener;
    this.#routes = parts.routes;
    this.#sockets = parts.sockets;
    this.#foreign = new ForeignCallers(logger);
    const events = new FrontEvents();
    const shares = parts.security?.shares;
    const newMemory = memoryOfConnections(memory, shares);
    const limits = { ...options, unidentifiedConnectionsMax: unidentifiedMax(options, shares) };
    this.context = {
      options,
      security: parts.security,
      audit: parts.security && new RequestAudit(parts.security),
      events,
      memory,
      outbound,
      memoryOf: memoryOfRequests(memory, shares),
      connections: new ConnectionTable(limits, { newMemory, events, clock, scheduler }),
      longPolls: new LongPolls(shares),
      openUses: parts.openUses,
      observer,
      clock,
      scheduler,
      errors,
    };
    this.#admission = new Admission(parts.security, this.context.connections);
    this.#acceptor = new Acceptor(this.context, parts.tls);
    this.#upgrades = new Upgrades(this.context, {
      handler: parts.sockets,
      admission: this.#admission,
      refusalOf: (request, connection) => this.#refusal(request, connection),
    });
  }

  /** Time that clients have for requests in flight when the gateway stops. */
  get answerMsMax(): number {
    return this.context.options.stopTimeoutMs * STOP_SHARE;
  }

  /**
   * Creates a server whose requests come here first; the others go to `next`.
   * @param listener what the server is; without one it is that of the public listener
   */
  createServer(next: RequestListener, listener = this.#listener): Server {
    const { headTimeoutMs, keepAliveTimeoutMs } = this.context.options;
    const server: HalfOpenServer = createServer({
      ServerResponse: FrontResponse,
      // Bodies may take any time if they make progress: the connection table finds idle ones.
      requestTimeout: 0,
      // Its default is the request timeout, which is disabled.
      headersTimeout: headTimeoutMs,
      connectionsCheckingInterval: Math.ceil(headTimeoutMs / CHECKS_PER_HEAD_TIMEOUT),
      keepAliveTimeout: keepAliveTimeoutMs,
      // The front refuses such requests with a problem.
      requireHostHeader: false,
      noDelay: true,
    });
    // A client that closes its side after the request still gets its answer.
    server.httpAllowHalfOpen = true;
    server.maxConnections = this.context.options.connectionsMax + CONNECTIONS_OVER_LIMIT;
    this.#acceptor.serve(server, listener);
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrades.handle(server, request, socket, head);
    });
    server.once('listening', () => {
      listener.listensOn((server.address() as AddressInfo).port);
    });
    this.#serveRequests(server, next, listener);
    this.#endConnections(server);
    this.#servers.push(server);
    return server;
  }

  /** Uses other TLS certificates from the next handshake on. */
  useTls(material: TlsMaterial): void {
    this.#acceptor.use(material);
  }

  #serveRequests(server: Server, next: RequestListener, { pathPrefix }: FrontListener): void {
    server.on('request', (request, response) => {
      this.#receive(request, response, next);
    });
    server.on('checkContinue', (request, response) => {
      this.#receive(request, response, next, 'continue');
    });
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      this.#receive(request, response, next, 'unknown');
    });
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      const problem = problemDocument(connectMethodError(), `${pathPrefix}/`, {
        status: 405,
        isWrite: true,
      });
      endWithProblem(socket, problem, this.context);
      request.destroy();
    });
  }

  /** Ends connections without requests. */
  #endConnections(server: Server): void {
    // node:http has no other timeout of a connection than keep-alive.
    server.on('timeout', (socket: Socket) => {
      this.context.events.count('keepAliveEnded');
      socket.destroy();
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      answerClientError(error, socket, this.context);
    });
  }

  /**
   * Stops accepting, refuses new requests on open connections, ends waits, and resolves when all
   * requests in flight are answered.
   */
  async close(): Promise<void> {
    this.#isStopping = true;
    for (const server of this.#servers) server.close();
    this.context.longPolls.releaseAll();
    await this.context.connections.drained(this.answerMsMax);
    // Everything is answered: only idle connections and unfinished heads are left.
    for (const server of this.#servers) server.closeAllConnections();
  }

  #receive(
    request: IncomingMessage,
    response: ServerResponse,
    next: RequestListener,
    expectation?: ReceivedHead['expectation'],
  ): void {
    const { connections } = this.context;
    const connection = connections.of(request.socket);
    // The connection broke while this request was read.
    if (connection === undefined) return;
    connections.headArrived(connection);
    const { path, search } = splitUrl(request.url ?? '/');
    const { listener } = connection;
    const received: ReceivedRequest = {
      connection,
      listener,
      request,
      response,
      next,
      expectation,
      path,
      search,
      startedMs: Number.NaN,
    };
    if (connections.pipelines.mayBegin(connection)) this.#handle(received);
    else {
      connections.pipelines.hold(connection, () => {
        this.#handle(received);
      });
    }
  }

  #handle(received: ReceivedRequest): void {
    const { connection, request, response, expectation, path, search } = received;
    // The only reading of the clock for a request, until its end.
    const nowMs = this.context.clock.monotonicMs();
    received.startedMs = nowMs;
    const fault = headFault(request);
    if (fault !== undefined) {
      response.shouldKeepAlive = false;
      this.#refuse(received, fault.error, { status: fault.status });
      return;
    }
    if (expectation === 'unknown') {
      this.#refuse(received, unknownExpectationError(request), { status: 417 });
      return;
    }
    const refusal = this.#refusal(request, connection);
    if (refusal !== undefined) {
      if (this.#isStopping || connection.isOverLimit) response.shouldKeepAlive = false;
      this.#auditEnd(
        received,
        connection.listener.operations.find(request.method, path),
        undefined,
      );
      this.#refuse(received, refusal);
      return;
    }
    const { listener } = connection;
    if (request.headers.origin !== undefined && answerCors(listener, request, response)) return;
    const found = listener.operations.find(request.method, path);
    try {
      const access = this.#admission.admit({ request, connection, search, found, nowMs });
      if (access instanceof Promise) this.#dispatchLater(received, found, access);
      else this.#dispatchInTime(received, found, access);
    } catch (error) {
      this.#refuseCaller(received, found, error);
    }
  }

  /** Dispatches a request that its caller may send, as soon as the quota allows it. */
  #dispatchInTime(
    received: ReceivedRequest,
    found: FoundOperation | undefined,
    access: Access,
  ): void {
    if (found?.operation.route === undefined) this.#auditEnd(received, found, access);
    try {
      this.context.connections.assertIdentified(received.connection);
      const waitMs = this.#admission.begin(access, found);
      if (waitMs <= 0) this.#dispatch(received, found, access);
      else this.#dispatchInTurn(waitMs, received, { found, access });
    } catch (error) {
      this.#refuseAdmitted(received, { found, access }, error);
    }
  }

  /** Dispatches a request after a wait for its quota. */
  #dispatchInTurn(waitMs: number, received: ReceivedRequest, use: AdmittedUse): void {
    const { found, access } = use;
    const goOn = this.#inFlight(received, (loss?: ProtocolError) => {
      if (loss === undefined) this.#dispatch(received, found, access);
      else this.#refuseAdmitted(received, use, loss);
    });
    waitForTurn(this.context, waitMs, use, goOn);
  }

  #refuseAdmitted(received: ReceivedRequest, { found, access }: AdmittedUse, error: unknown): void {
    // An exchange of a hot route reports its own refusal, without a listener for each request.
    if (found?.operation.route !== undefined) this.#auditEnd(received, found, access);
    this.#refuse(received, error);
  }

  /** Refuses a request whose caller is not known; failed logins are answered later. */
  #refuseCaller(
    received: ReceivedRequest,
    found: FoundOperation | undefined,
    error: unknown,
  ): void {
    const { request, search } = received;
    this.#auditEnd(received, found, undefined);
    const delayMs = this.#admission.refusalDelayMs(request, search, error);
    // While too many connections have no credential, none is held.
    const isHeld = delayMs > 0 && !this.context.connections.isTooMany(received.connection);
    if (!isHeld) {
      this.#refuse(received, error);
      return;
    }
    const refuse = this.#inFlight<void>(received, () => this.#refuse(received, error));
    this.context.scheduler.after(delayMs, refuse);
  }

  /** Counts a request that waits as in flight. @returns the task, without effect once it is gone */
  #inFlight<Outcome>(
    received: ReceivedRequest,
    task: (outcome: Outcome) => void,
  ): (outcome: Outcome) => void {
    const unadmitted = new FrameworkRequest(this.context, received, NO_ACCESS, undefined);
    const waiting = this.#begin(received.connection, unadmitted);
    return (outcome) => {
      if (waiting.isGone) return;
      received.startedMs = this.context.clock.monotonicMs();
      task(outcome);
    };
  }

  /** Reports the end of the request to the audit log, if it is a refusal or a change. */
  #auditEnd(
    { request, response }: ReceivedRequest,
    found: FoundOperation | undefined,
    access: Access | undefined,
  ): void {
    const audited = { request, response, found, caller: access?.caller };
    this.context.audit?.watch(audited, () => FrameworkRequest.of(request)?.input);
  }

  /** Dispatches a request whose caller is not known yet; meanwhile it is in flight. */
  #dispatchLater(
    received: ReceivedRequest,
    found: FoundOperation | undefined,
    admitted: Promise<Access>,
  ): void {
    const settle = this.#inFlight(received, (outcome: { access?: Access; error?: unknown }) => {
      if (outcome.access === undefined) this.#refuseCaller(received, found, outcome.error);
      else this.#dispatchInTime(received, found, outcome.access);
    });
    admitted.then(
      (access) => settle({ access }),
      (error: unknown) => settle({ error }),
    );
  }

  /** Passes an admitted request to the one that answers it. */
  #dispatch(received: ReceivedRequest, found: FoundOperation | undefined, access: Access): void {
    const { connection, request, response, next, path } = received;
    if (path === this.#sockets?.path) {
      this.#refuse(received, upgradeRequiredError(path), { status: 426 });
      return;
    }
    const route = found?.operation.route;
    if (found !== undefined && route !== undefined) {
      const exchange = new Exchange(this.context, received, {
        route: route.handler,
        access,
        found,
      });
      this.#serve(this.#begin(connection, exchange), found, route);
      return;
    }
    this.#begin(connection, new FrameworkRequest(this.context, received, access, found));
    next(request, response);
  }

  #refuse(received: ReceivedRequest, error: unknown, options?: ProblemOptions): void {
    const { connection } = received;
    if (this.context.connections.isTooMany(connection)) received.response.shouldKeepAlive = false;
    const refused = { route: 'refused', access: NO_ACCESS, found: undefined } as const;
    const exchange = new Exchange(this.context, received, refused);
    this.#begin(connection, exchange).fail(error, options);
  }

  #begin<Request extends InFlightRequest>(connection: Connection, begun: Request): Request {
    const { connections } = this.context;
    connections.began(connection, begun);
    begun.response.on('close', () => {
      connections.finished(begun);
    });
    return begun;
  }

  #serve(exchange: Exchange, { parameters }: FoundOperation, { handler, form }: HotRoute): void {
    const { topic = '', partition = '', group = '', memberId = '' } = parameters;
    try {
      switch (handler) {
        case 'produce':
          this.#routes.produce(exchange, topic, form);
          return;
        case 'fetch':
          this.#routes.fetch(exchange, { topic, partition: partitionNumber(partition), form });
          return;
        case 'events':
          this.#routes.events(exchange, topic);
          return;
        case 'poll':
          this.#routes.poll(exchange, { group, memberId });
          return;
        default:
          handler satisfies never;
      }
    } catch (error) {
      exchange.fail(error);
    }
  }

  /** Returns the reason for refusing the request, or undefined. */
  #refusal(request: IncomingMessage, connection: Connection): ProtocolError | undefined {
    if (this.#isStopping) {
      return stoppingError();
    }
    if (connection.certificate.kind === 'refused') return connection.certificate.error;
    if (connection.isOverLimit) {
      const { connectionsMax } = this.context.options;
      return new ProtocolError(
        'BROKER_NOT_AVAILABLE',
        `All ${connectionsMax} connections are in use (SLUICE_CONNECTIONS_MAX).`,
        { outcome: 'failed' },
      );
    }
    const refusal = connection.listener.refusal(request.headers);
    if (refusal !== undefined) this.#foreign.refused(request.headers, refusal);
    return refusal;
  }
}
