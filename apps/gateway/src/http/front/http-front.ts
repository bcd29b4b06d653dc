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
import { type OperationSpec, partitionNumber, problemDocument } from '#api';
import type { OutboundMemory } from '#delivery';
import { ProtocolError } from '#protocol';
import type { Logger, MemoryBudget } from '#runtime';
import { FrontEvents } from '../../shared/front-events.js';
import type { PublicAddress } from '../../shared/public-address.js';
import type { FrontRoute, RequestObserver } from '../../shared/request-observer.js';
import { stoppingError } from './body-timeout.js';
import { answerClientError } from './client-error.js';
import { type Connection, ConnectionTable, type InFlightRequest } from './connection-table.js';
import { Exchange } from './exchange.js';
import { ForeignCallers } from './foreign-callers.js';
import type { FrontContext, HttpFrontOptions } from './front-context.js';
import { FrontResponse } from './front-response.js';
import { headFault, notAProxy } from './head-fault.js';
import type { HotRoutes } from './hot-routes.js';
import { LongPolls } from './long-polls.js';
import type { FoundOperation, OperationRouter } from './operation-router.js';
import { corsHeaders, OriginPolicy, preflightHeaders } from './origin-policy.js';
import { PassedOnRequest } from './passed-on-request.js';
import { endWithProblem } from './raw-problem.js';
import { splitUrl } from './request-url.js';
import { type UpgradeHandler, Upgrades, upgradeMissing } from './upgrades.js';

/** Checks for late heads per head timeout. */
const CHECKS_PER_HEAD_TIMEOUT = 4;
/**
 * Connections over the limit that are accepted only to receive an error; further ones are dropped.
 */
const CONNECTIONS_OVER_LIMIT = 128;
const RETRY_AFTER_MS = 1000;
/** Share of the stop timeout in which clients read their answers; the logs get the rest. */
const STOP_SHARE = 0.5;

/** A server that still answers a client which has closed its side. */
type HalfOpenServer = Server & { httpAllowHalfOpen?: boolean };

/** Handler and form of an operation of the plane `data`. */
type HotRoute = NonNullable<OperationSpec['route']>;

/** Meaning of a request's `Expect` header: `100-continue`, or anything else. */
type Expectation = 'continue' | 'unknown';

/** A request whose head has arrived. */
interface ReceivedRequest {
  readonly connection: Connection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Answers the requests that the front does not. */
  readonly next: RequestListener;
  readonly expectation: Expectation | undefined;
}

/** The parts that the front shares with the rest of the gateway, or passes requests to. */
export interface HttpFrontParts {
  readonly address: PublicAddress;
  readonly memory: MemoryBudget;
  readonly outbound: OutboundMemory;
  readonly observer: RequestObserver;
  readonly logger: Logger;
  /** Finds the operations of requests: those of the plane `data` go to `routes`. */
  readonly operations: OperationRouter;
  readonly routes: HotRoutes;
  /** Handler of WebSocket requests; without it there is no WebSocket. */
  readonly sockets: UpgradeHandler | undefined;
}

export class HttpFront {
  readonly context: FrontContext;
  readonly #address: PublicAddress;
  /** Replaced when the server listens, because a free port is known only then. */
  #origins: OriginPolicy;
  readonly #upgrades: Upgrades;
  readonly #servers: Server[] = [];
  readonly #operations: OperationRouter;
  readonly #routes: HotRoutes;
  readonly #sockets: UpgradeHandler | undefined;
  #isStopping = false;
  readonly #foreign: ForeignCallers;

  constructor(options: HttpFrontOptions, parts: HttpFrontParts) {
    const { address, memory, outbound, observer, logger } = parts;
    this.#address = address;
    this.#operations = parts.operations;
    this.#routes = parts.routes;
    this.#sockets = parts.sockets;
    this.#origins = this.#originPolicy(options);
    this.#foreign = new ForeignCallers(logger);
    const events = new FrontEvents();
    this.context = {
      options,
      pathPrefix: address.pathPrefix,
      events,
      memory,
      outbound,
      connections: new ConnectionTable(options, memory, events),
      longPolls: new LongPolls(),
      observer,
      logger,
    };
    this.#upgrades = new Upgrades(this.context, parts.sockets, (request, connection) =>
      this.#refusal(request, connection),
    );
  }

  /** Time that clients have for requests in flight when the gateway stops. */
  get answerMsMax(): number {
    return this.context.options.stopTimeoutMs * STOP_SHARE;
  }

  /** Creates a server whose requests come here first; the others go to `next`. */
  createServer(next: RequestListener): Server {
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
    server.on('connection', (socket: Socket) => {
      // A connection that was returned to node:http comes a second time.
      if (this.context.connections.of(socket) === undefined) {
        this.context.connections.opened(socket);
      }
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrades.handle(server, request, socket, head);
    });
    server.once('listening', () => {
      this.#address.listensOn((server.address() as AddressInfo).port);
      this.#origins = this.#originPolicy(this.context.options);
    });
    this.#serveRequests(server, next);
    this.#endConnections(server);
    this.#servers.push(server);
    return server;
  }

  #originPolicy({ host, corsOrigins }: HttpFrontOptions): OriginPolicy {
    return new OriginPolicy({ host, corsOrigins, publicUrl: this.#address.url });
  }

  #serveRequests(server: Server, next: RequestListener): void {
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
      const instance = `${this.context.pathPrefix}/`;
      const problem = problemDocument(notAProxy(), instance, { status: 405, isWrite: true });
      endWithProblem(socket, problem, this.context.options.bodyIdleTimeoutMs);
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
    expectation?: Expectation,
  ): void {
    const { connections } = this.context;
    const connection = connections.of(request.socket);
    // The connection broke while this request was read.
    if (connection === undefined) return;
    connections.headArrived(connection);
    const received = { connection, request, response, next, expectation };
    if (connections.pipelines.mayBegin(connection)) this.#handle(received);
    else {
      connections.pipelines.hold(connection, () => {
        this.#handle(received);
      });
    }
  }

  #handle({ connection, request, response, next, expectation }: ReceivedRequest): void {
    const expectsContinue = expectation === 'continue';
    const { path, search } = splitUrl(request.url ?? '/');
    const open = (route: FrontRoute): Exchange => {
      const { context } = this;
      return new Exchange({ context, request, response, path, search, route, expectsContinue });
    };
    const fault = headFault(request);
    if (fault !== undefined) {
      response.shouldKeepAlive = false;
      this.#begin(connection, open('refused')).fail(fault.error, { status: fault.status });
      return;
    }
    if (expectation === 'unknown') {
      this.#begin(connection, open('refused')).fail(unknownExpectation(request), { status: 417 });
      return;
    }
    const refusal = this.#refusal(request, connection);
    if (refusal !== undefined) {
      if (this.#isStopping || connection.isOverLimit) response.shouldKeepAlive = false;
      this.#begin(connection, open('refused')).fail(refusal);
      return;
    }
    if (request.headers.origin !== undefined && this.#answerCors(request, response)) return;
    if (path === this.#sockets?.path) {
      this.#begin(connection, open('refused')).fail(upgradeMissing(path), { status: 426 });
      return;
    }
    const found = this.#operations.find(request.method, path);
    const route = found?.operation.route;
    if (found !== undefined && route !== undefined) {
      this.#serve(this.#begin(connection, open(route.handler)), found, route);
      return;
    }
    const { context } = this;
    this.#begin(connection, new PassedOnRequest(context, request, response, path, expectsContinue));
    next(request, response);
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
    if (connection.isOverLimit) {
      const { connectionsMax } = this.context.options;
      return new ProtocolError(
        'BROKER_NOT_AVAILABLE',
        `All ${connectionsMax} connections are in use (SLUICE_CONNECTIONS_MAX).`,
        { outcome: 'failed', retryAfterMs: RETRY_AFTER_MS },
      );
    }
    const refusal = this.#origins.refusal(request.headers);
    if (refusal !== undefined) this.#foreign.refused(request.headers, refusal);
    return refusal;
  }

  /**
   * Lets an allowed page of another origin read the answer; returns true if the request was only a
   * preflight.
   */
  #answerCors(request: IncomingMessage, response: ServerResponse): boolean {
    const { headers, method } = request;
    if (headers.origin === undefined || !this.#origins.isCrossOrigin(headers)) return false;
    for (const [name, value] of corsHeaders(headers.origin)) response.setHeader(name, value);
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) {
      return false;
    }
    for (const [name, value] of preflightHeaders(headers)) response.setHeader(name, value);
    response.writeHead(204).end();
    return true;
  }
}

function unknownExpectation({ headers }: IncomingMessage): ProtocolError {
  const expected = JSON.stringify(headers.expect);
  const detail = `Expect: ${expected} is not supported; only 100-continue is.`;
  return new ProtocolError('INVALID_REQUEST', detail, { outcome: 'failed' });
}
