import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ProtocolError } from '#protocol';
import {
  type Access,
  type EdgeSecurity,
  NO_ACCESS,
  notAccepted,
  OPEN_ACCESS,
  type PresentedCredential,
  presentedCredential,
} from '#security';
import type { Connection, ConnectionTable } from '../connection/connection-table.js';
import { RememberedCredential } from '../connection/remembered-credential.js';
import type { AcceptedCertificate } from '../connection/tls-options.js';
import type { FoundOperation } from '../operation-router.js';
import { assertPermitted } from './assert-permitted.js';
import { assertNoQueryCredential } from './query-credential.js';

/** The spellings of most clients, which are recognised without a copy. */
const AUTHORIZATION = 'Authorization';
const AUTHORIZATION_LOWER_CASE = 'authorization';

/** A request whose head has arrived. */
export interface ArrivedRequest {
  readonly request: IncomingMessage;
  readonly connection: Connection;
  /** Query of the URL, without the question mark. */
  readonly search: string;
  /** Undefined for a path or method that nothing serves. */
  readonly found: FoundOperation | undefined;
  /** The monotonic time, ms. */
  readonly nowMs: number;
}

/**
 * Decides whether a request may proceed: it identifies the caller before the request is routed, and
 * checks the permissions that the path needs before the body is read.
 *
 * Overlap: `admit` may overlap; each call is about one request.
 */
export class Admission {
  readonly #security: EdgeSecurity | undefined;
  readonly #connections: Pick<ConnectionTable, 'held'>;

  /** @param security undefined while authentication is off */
  constructor(security: EdgeSecurity | undefined, connections: Pick<ConnectionTable, 'held'>) {
    this.#security = security;
    this.#connections = connections;
  }

  /**
   * Returns the time for which the refusal of a request is held back, ms: only failed logins are,
   * after several from one address.
   */
  refusalDelayMs(request: IncomingMessage, search: string, error: unknown): number {
    if (this.#security === undefined) return 0;
    const { logins } = this.#security;
    const isPresented =
      request.headers.authorization !== undefined || ticketOf(search) !== undefined;
    return logins.refusalDelayMs(logins.addressOf(request), error, isPresented);
  }

  /**
   * Takes a request from the quota of its caller, also if it is refused, and checks the permissions
   * that its path needs.
   * @returns the time that the request waits for the quota, ms
   * @throws ProtocolError the error of a missing permission, or THROTTLING_QUOTA_EXCEEDED
   */
  begin(access: Access, found: FoundOperation | undefined): number {
    if (this.#security === undefined) return 0;
    if (found?.needs.isPublic === true) return 0;
    const waitMs = this.#security.quotas.take(access.caller.principal, 'request_rate', 1);
    if (found !== undefined) assertPermitted(access, found);
    return waitMs;
  }

  /**
   * Returns the permissions of the caller; a promise if the credential is a token or a ticket.
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED, or INVALID_REQUEST for a credential in the
   *   query
   */
  admit(arrived: ArrivedRequest): Access | Promise<Access> {
    if (this.#security === undefined) return OPEN_ACCESS;
    assertNoQueryCredential(arrived.search);
    const { found } = arrived;
    if (found?.needs.isPublic === true) return this.#ofPublic(arrived);
    return this.#identifyBy(arrived);
  }

  /**
   * Identifies the caller of a request for a WebSocket.
   * @returns undefined if the request has no credential: a message may bring it
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED for a credential that is not accepted
   */
  admitSocket({
    request,
    connection,
    search,
  }: Omit<ArrivedRequest, 'found' | 'nowMs'>): Access | undefined | Promise<Access> {
    if (this.#security === undefined) return OPEN_ACCESS;
    const ticket = ticketOf(search);
    if (ticket !== undefined) return this.#redeem(request, connection, ticket);
    const hasCredential =
      request.headers.authorization !== undefined || connection.certificate.kind === 'accepted';
    const { isAnonymousAllowed } = this.#security.authenticator;
    if (!hasCredential && !isAnonymousAllowed) return undefined;
    return this.identify(request, connection);
  }

  /**
   * Identifies the caller of a request.
   * @param nowMs the monotonic time, if it is known
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED
   */
  identify(
    request: IncomingMessage,
    connection: Connection,
    nowMs?: number,
  ): Access | Promise<Access> {
    if (this.#security === undefined) return OPEN_ACCESS;
    const { authenticator } = this.#security;
    const header = request.headers.authorization ?? '';
    if (header === '' && connection.certificate.kind === 'accepted') {
      return this.#remember(connection, '', this.#ofCertificate(request, connection.certificate));
    }
    const { remembered } = connection;
    if (remembered?.isOf(header) === true && authorizations(request) === 1) {
      if (remembered.isBasic) assertNotCrossSite(request.headers);
      authenticator.assertValid(remembered.access, nowMs);
      return remembered.access;
    }
    const presented = presentedCredential(request.rawHeaders);
    assertSameSite(request, presented);
    const access = authenticator.authenticate(presented);
    if (access instanceof Promise) {
      return access.then((known) => this.#remember(connection, header, known));
    }
    return this.#remember(connection, header, access);
  }

  /** Identifies the caller by the header, or by the ticket of an operation that accepts one. */
  #identifyBy({
    request,
    connection,
    search,
    found,
    nowMs,
  }: ArrivedRequest): Access | Promise<Access> {
    const ticket = found?.needs.acceptsTicket === true ? ticketOf(search) : undefined;
    if (ticket === undefined) return this.identify(request, connection, nowMs);
    return this.#redeem(request, connection, ticket);
  }

  /** @throws ProtocolError SASL_AUTHENTICATION_FAILED, INVALID_REQUEST beside another credential */
  async #redeem(request: IncomingMessage, connection: Connection, ticket: string): Promise<Access> {
    if (this.#security === undefined) return OPEN_ACCESS;
    if (request.headers.authorization !== undefined) throw twoCredentials();
    const { authenticator, tickets } = this.#security;
    const caller = await tickets.redeem(ticket);
    if (caller === undefined) throw notAccepted();
    return this.#remember(connection, '', authenticator.accessOfCaller(caller));
  }

  /**
   * Remembers the caller of the connection, which counts as one of its connections.
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if the caller has too many connections
   */
  #remember(connection: Connection, header: string, access: Access): Access {
    const { principal } = access.caller;
    if (connection.principal !== principal) {
      connection.endOfPrincipal?.();
      connection.endOfPrincipal = undefined;
      connection.endOfPrincipal = this.#security?.quotas.openConnection(principal);
      connection.belongTo(principal);
    }
    if (header !== '') {
      connection.remembered = RememberedCredential.of(header, access, connection.remembered);
    }
    return access;
  }

  /** @throws ProtocolError SASL_AUTHENTICATION_FAILED once the certificate has expired */
  #ofCertificate({ headers }: IncomingMessage, certificate: AcceptedCertificate): Access {
    if (this.#security === undefined) return OPEN_ACCESS;
    const { authenticator } = this.#security;
    assertNotCrossSite(headers);
    certificate.access ??= authenticator.authenticateCertificate(certificate.identity);
    authenticator.assertValid(certificate.access);
    return certificate.access;
  }

  /** A public operation is served with any credential; one that is not valid counts as none. */
  #ofPublic(arrived: ArrivedRequest): Access | Promise<Access> {
    const { request, connection } = arrived;
    try {
      const access = this.identify(request, connection);
      if (!(access instanceof Promise)) return access;
      return access.catch((error: unknown) => this.#withoutCredential(arrived, error));
    } catch (error) {
      return this.#withoutCredential(arrived, error);
    }
  }

  /**
   * Such an answer is held back like the refusal of a failed login: it tells as much about a guess.
   * @throws any error but those of the contract
   */
  #withoutCredential(
    { request, connection, search }: ArrivedRequest,
    error: unknown,
  ): Access | Promise<Access> {
    if (!(error instanceof ProtocolError)) throw error;
    const delayMs = this.refusalDelayMs(request, search, error);
    if (delayMs === 0) return NO_ACCESS;
    return this.#connections.held(connection, delayMs).then(() => NO_ACCESS);
  }
}

function twoCredentials(): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    'A request has either a ticket or an Authorization header, not both.',
  );
}

/** Returns the ticket in a query; several are none that is valid. */
function ticketOf(search: string): string | undefined {
  if (!search.includes('ticket=')) return undefined;
  const tickets = new URLSearchParams(search).getAll('ticket');
  return tickets.length === 0 ? undefined : tickets.join();
}

/** Several headers are refused, because a proxy may have checked another one than this broker. */
function authorizations({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length !== AUTHORIZATION.length) continue;
    if (
      name === AUTHORIZATION_LOWER_CASE ||
      name === AUTHORIZATION ||
      name.toLowerCase() === AUTHORIZATION_LOWER_CASE
    ) {
      count += 1;
    }
  }
  return count;
}

/**
 * Refuses a page of another site whose browser has added the credential by itself.
 * @throws ProtocolError CLUSTER_AUTHORIZATION_FAILED
 */
function assertSameSite({ headers }: IncomingMessage, presented: PresentedCredential): void {
  const isBasic = presented.kind === 'key' && presented.isBasic;
  if (isBasic) assertNotCrossSite(headers);
}

/** @throws ProtocolError CLUSTER_AUTHORIZATION_FAILED */
function assertNotCrossSite(headers: IncomingHttpHeaders): void {
  if (headers['sec-fetch-site'] !== 'cross-site') return;
  throw new ProtocolError(
    'CLUSTER_AUTHORIZATION_FAILED',
    'A page of another site may not use a credential that the browser adds by itself.',
  );
}
