import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { problemDocument, retryAfterSeconds, statusOf } from '#api';
import { ProtocolError } from '#protocol';
import type { Access } from '#security';
import type { Admission } from './admission/admission.js';
import { assertNoQueryCredential } from './admission/query-credential.js';
import { CHALLENGE } from './answer/problem-answer.js';
import { endWithProblem } from './answer/raw-problem.js';
import type { Connection } from './connection/connection-table.js';
import type { FrontContext } from './front-context.js';
import { headFault } from './request/head-fault.js';
import { parseQuery } from './request/query.js';
import { splitUrl } from './request/request-url.js';

/** Parameters of the query of a request for a WebSocket. */
const PARAMETERS = ['ticket'];
/** Default of `server.maxHeadersCount` of node:http. */
const HEADERS_KEPT_MAX = 2000;

/** Statuses of requests that the audit log has. */
const REFUSED: ReadonlySet<number> = new Set([401, 403]);

/** Reason for refusing an upgrade. */
export interface UpgradeRefusal {
  readonly error: ProtocolError;
  /** Replaces the status of the code. */
  readonly status?: number;
  /** Additional headers, names and values in turn. */
  readonly headers?: readonly string[];
}

/** A request for a WebSocket that may be accepted. */
export interface AdmittedUpgrade {
  /** Permissions of the caller; undefined if the request has no credential. */
  readonly access: Access | undefined;
  readonly refuse: (refusal: UpgradeRefusal) => void;
  /** Counts the connection, and what it holds, for a principal that becomes known later. */
  readonly belongTo: (principal: string) => void;
}

/** Accepts connections that become WebSockets. */
export interface UpgradeHandler {
  /** The only path that it serves. */
  readonly path: string;
  refusal(request: IncomingMessage): UpgradeRefusal | undefined;
  /**
   * Accepts the connection, or refuses it after all.
   * @param head bytes that came after the request
   */
  accept(request: IncomingMessage, socket: Socket, head: Buffer, admitted: AdmittedUpgrade): void;
}

/** The parts that decide about a request for a WebSocket. */
interface UpgradeParts {
  /** Undefined if there is no WebSocket. */
  readonly handler: UpgradeHandler | undefined;
  readonly admission: Admission;
  /** Returns the reason for not serving a request, whoever sends it. */
  readonly refusalOf: (
    request: IncomingMessage,
    connection: Connection,
  ) => ProtocolError | undefined;
}

/**
 * Handles requests to change the protocol of a connection. A request for WebSocket is checked like
 * every request, and passed to the handler. Any other (h2c, which some clients request every time)
 * is served as if it did not ask for an upgrade (RFC 9110, section 7.8).
 */
export class Upgrades {
  readonly #handler: UpgradeHandler | undefined;
  readonly #context: FrontContext;
  readonly #admission: Admission;
  readonly #refusalOf: UpgradeParts['refusalOf'];

  constructor(context: FrontContext, { handler, admission, refusalOf }: UpgradeParts) {
    this.#context = context;
    this.#handler = handler;
    this.#admission = admission;
    this.#refusalOf = refusalOf;
  }

  /** @param head bytes that came after the request */
  handle(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.#context.connections.of(socket);
    // No error can be sent in the middle of an answer to an earlier request.
    const isAnswering = connection?.inFlight.some(({ response }) => !response.writableFinished);
    const isHeld = connection !== undefined && connection.heldBack.length > 0;
    if (connection === undefined || isAnswering === true || isHeld) {
      socket.destroy();
      return;
    }
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      serveWithoutUpgrade(server, request, socket, head);
      return;
    }
    const { clock } = this.#context;
    const startedMs = clock.monotonicMs();
    const { path, search } = splitUrl(request.url ?? '/');
    const instance = connection.listener.pathPrefix + path;
    const refuse = (refusal: UpgradeRefusal): void => {
      const status = refuseUpgrade(socket, instance, refusal, this.#context);
      this.#context.events.count('upgradeRefused');
      this.#context.observer.requestEnded('refused', status, clock.monotonicMs() - startedMs);
    };
    const refusal = this.#refusal(request, connection, path);
    if (refusal !== undefined) {
      this.#audit(request, refusal.error);
      refuse(refusal);
      return;
    }
    const accept = (access: Access | undefined): void => {
      if (socket.destroyed) return;
      this.#context.connections.assertIdentified(connection);
      const belongTo = (principal: string): void => connection.belongTo(principal);
      this.#context.connections.upgraded(connection);
      this.#handler?.accept(request, socket, head, { access, refuse, belongTo });
    };
    try {
      assertNoQueryCredential(search);
      parseQuery(search, PARAMETERS);
      const access = this.#admission.admitSocket({ request, connection, search });
      if (access instanceof Promise) {
        access.then(accept, (error: unknown) => this.#refuseLater(request, error, refuse));
      } else accept(access);
    } catch (error) {
      this.#refuseLater(request, error, refuse);
    }
  }

  /** Refuses a caller; failed logins are answered later. */
  #refuseLater(
    request: IncomingMessage,
    error: unknown,
    refuse: (refusal: UpgradeRefusal) => void,
  ): void {
    const { search } = splitUrl(request.url ?? '/');
    const delayMs = this.#admission.refusalDelayMs(request, search, error);
    const answer = (): void => refuse(this.#shownAs(error));
    this.#audit(request, error);
    if (delayMs === 0) answer();
    else this.#context.scheduler.after(delayMs, answer);
  }

  /** Reports a request that was refused for its caller, or for the page that sent it. */
  #audit(request: IncomingMessage, error: unknown): void {
    const { security } = this.#context;
    if (security === undefined || !(error instanceof ProtocolError)) return;
    if (!REFUSED.has(statusOf(error.code))) return;
    const address = security.logins.addressOf(request);
    const use = { caller: undefined, address, operation: 'WebSocket', resources: [] };
    security.audit.add(use, 'refused', error.code);
  }

  #shownAs(error: unknown): UpgradeRefusal {
    return { error: this.#context.errors.toProtocolError(error) };
  }

  #refusal(
    request: IncomingMessage,
    connection: Connection,
    path: string,
  ): UpgradeRefusal | undefined {
    const fault = headFault(request);
    if (fault !== undefined) return fault;
    const error = this.#refusalOf(request, connection);
    if (error !== undefined) return { error };
    const handler = this.#handler;
    if (handler?.path !== path) {
      const detail = `There is no WebSocket at ${path}${handler === undefined ? '' : `, only at ${handler.path}`}.`;
      return { error: new ProtocolError('INVALID_REQUEST', detail), status: 404 };
    }
    if (request.method !== 'GET') {
      const detail = `A WebSocket is requested with GET, not with ${request.method}.`;
      const headers = ['Allow', 'GET'];
      return { error: new ProtocolError('INVALID_REQUEST', detail), status: 405, headers };
    }
    return handler.refusal(request);
  }
}

/** Error for a plain request to the path of the WebSocket. */
export function upgradeRequiredError(path: string): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `${path} is a WebSocket: it answers requests with "Upgrade: websocket" only.`,
  );
}

/** @returns the status of the answer */
function refuseUpgrade(
  socket: Socket,
  instance: string,
  refusal: UpgradeRefusal,
  context: FrontContext,
): number {
  const { error, headers = [], status = statusOf(error.code) } = refusal;
  // A client that has disconnected meanwhile gets no answer.
  socket.on('error', () => socket.destroy());
  const retryAfter = retryAfterSeconds(error, status);
  const problem = problemDocument(error, instance, { status });
  endWithProblem(socket, problem, context, [
    ...headers,
    ...(retryAfter === undefined ? [] : ['Retry-After', String(retryAfter)]),
    ...(status === 401 ? ['WWW-Authenticate', CHALLENGE] : []),
  ]);
  return status;
}

/**
 * Returns the connection to node:http, which has released it: the request is put before the
 * following bytes again, without the headers that request an upgrade.
 */
function serveWithoutUpgrade(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  // node:http may have dropped headers beyond its limit, among them those that give the body's
  // length.
  if (rawHeaders.length >= 2 * HEADERS_KEPT_MAX) {
    socket.destroy();
    return;
  }
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const lowerName = name.toLowerCase();
    if (lowerName === 'upgrade' || lowerName === 'http2-settings') continue;
    const kept = lowerName === 'connection' ? withoutUpgrade(value) : value;
    // Other headers may be empty.
    if (kept !== '' || kept === value) lines.push(`${name}: ${kept}`);
  }
  const again = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  socket.unshift(Buffer.concat([again, head]));
  server.emit('connection', socket);
}

/** Returns the options of `Connection` without those of the upgrade. */
function withoutUpgrade(value: string): string {
  const options = value.split(',').map((option) => option.trim());
  return options
    .filter((option) => !['upgrade', 'http2-settings'].includes(option.toLowerCase()))
    .join(', ');
}
