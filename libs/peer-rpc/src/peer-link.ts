import type { Readable } from 'node:stream';
import { ProtocolError } from '#protocol';
import type { PeerMethod } from '#replication';
import type { Scheduler } from '#runtime';
import { type HelloAnswer, HelloCall } from './authentication/hello-call.js';
import { OpenedSession } from './authentication/opened-session.js';
import { refusalStatement } from './authentication/refusal-statement.js';
import { partsOf, type SessionParties, unguessable } from './authentication/session-id.js';
import type { OutgoingCall } from './outgoing-call.js';
import { UNAVAILABLE } from './peer-admission.js';
import { PeerConnections, type PeerConnectionsOptions } from './peer-connections.js';
import { decodePeerFailure } from './peer-failure-codec.js';
import type { EncodedPeerMessage } from './peer-message-codec.js';
import {
  formatSessionCredential,
  HELLO_PATH,
  PEER_HEADERS,
  PEER_PATH,
  type PeerIdentity,
  peerAuthorization,
} from './peer-protocol.js';

/** Time for the answer to a hello, which needs no disk and no other broker. */
const HELLO_TIMEOUT_MS = 5000;
const UNAUTHENTICATED = 401;

/** The two brokers of a link, and what they authenticate with. */
export interface PeerLinkOptions extends PeerIdentity, PeerConnectionsOptions {
  readonly clusterUuid: string;
  /** True if TLS proves both ends of each connection: calls need no session then. */
  readonly isChannelSecure: boolean;
  /** Id of the called broker. */
  readonly callee: number;
  /** Headers of every call, names and values in turn. */
  readonly headers: readonly string[];
}

/** The other broker refused to open a session, or is not one of this cluster. */
class SessionRefusedError extends Error {
  override readonly name = 'SessionRefusedError';

  /** @param needsOperator true if the two brokers stay incompatible until an operator acts */
  constructor(
    readonly needsOperator: boolean,
    cause: Error,
  ) {
    super(cause.message, { cause });
  }
}

/** A call that is ready to be sent. */
export interface PreparedCall {
  readonly method: PeerMethod;
  readonly encoded: EncodedPeerMessage;
  readonly body: Buffer | Readable;
}

/**
 * The link to one address of another broker: its connections, and without TLS the session in which
 * the calls are sealed. The first call opens the session; calls that come meanwhile wait for it.
 *
 * Overlap: calls are sent at any time until `retire` or `destroy`, of which one is called once.
 */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #scheduler: Scheduler;
  readonly #connections: PeerConnections;
  #session: OpenedSession | undefined;
  #opening: Promise<OpenedSession> | undefined;

  constructor(
    readonly url: string,
    options: PeerLinkOptions,
    scheduler: Scheduler,
  ) {
    this.#options = options;
    this.#scheduler = scheduler;
    this.#connections = new PeerConnections(url, options);
  }

  /** Sends a call, after a session is open; a call that has ended meanwhile is not sent. */
  send(prepared: PreparedCall, call: OutgoingCall): void {
    if (this.#options.isChannelSecure) this.#sendOnChannel(prepared, call);
    else if (this.#session !== undefined) this.#sendInSession(this.#session, prepared, call);
    else void this.#sendWhenOpen(prepared, call);
  }

  /** Closes the connections, each when its call has ended. */
  retire(): void {
    this.#connections.retire();
  }

  /** Ends all calls and connections. */
  destroy(reason: Error): Promise<void> {
    return this.#connections.destroy(reason);
  }

  async #sendWhenOpen(prepared: PreparedCall, call: OutgoingCall): Promise<void> {
    try {
      this.#opening ??= this.#open();
      const session = await this.#opening;
      if (!call.hasEnded) this.#sendInSession(session, prepared, call);
    } catch (error) {
      const isRefused = error instanceof SessionRefusedError;
      call.refuse(isRefused ? error.cause : error, isRefused && error.needsOperator);
    }
  }

  #sendOnChannel(prepared: PreparedCall, call: OutgoingCall): void {
    const { secrets, clusterUuid, brokerId, callee } = this.#options;
    const token = secrets.proofs(['channel', clusterUuid, String(brokerId), String(callee)]);
    this.#dispatch(prepared, peerAuthorization(token), call);
  }

  #sendInSession(session: OpenedSession, prepared: PreparedCall, call: OutgoingCall): void {
    const { method, encoded } = prepared;
    const path = PEER_PATH + method;
    const { counter, seal } = session.seal(path, encoded.sizeBytes, encoded.chunks);
    const credential = { session: session.id, counter, seal };
    const authorization = peerAuthorization(formatSessionCredential(credential));
    call.isGenuine = (status, headers, body) => {
      const sealed = { status, seal: textOf(headers[PEER_HEADERS.seal]), body };
      if (session.isGenuine(counter, sealed)) return true;
      const statement = refusalStatement(authorization, status, [body]);
      const proofs = textOf(headers[PEER_HEADERS.proof]);
      if (this.#options.secrets.provenBy(statement, proofs) === undefined) return false;
      if (status === UNAUTHENTICATED && this.#session === session) this.#session = undefined;
      return true;
    };
    this.#dispatch(prepared, authorization, call);
  }

  #dispatch({ method, encoded, body }: PreparedCall, authorization: string, call: OutgoingCall) {
    const headers = [
      ...this.#options.headers,
      PEER_HEADERS.authorization,
      authorization,
      'content-length',
      String(encoded.sizeBytes),
    ];
    const options = { method: 'POST', path: PEER_PATH + method, headers, body } as const;
    this.#connections.dispatch(method, options, call);
  }

  /** @throws SessionRefusedError; an error of the network */
  async #open(): Promise<OpenedSession> {
    try {
      const session = await this.#greet();
      this.#session = session;
      return session;
    } finally {
      this.#opening = undefined;
    }
  }

  /** @throws SessionRefusedError; an error of the network */
  async #greet(): Promise<OpenedSession> {
    const { clusterUuid, brokerId, callee } = this.#options;
    const caller = String(brokerId);
    const parties = { clusterUuid, caller, callee: String(callee), nonce: unguessable() };
    const { status, headers, body } = await this.#sendHello(parties);
    if (status !== 200) throw refusalOf(status, body);
    return this.#welcomed(parties, headers);
  }

  #sendHello(parties: SessionParties): Promise<HelloAnswer> {
    const { secrets, headers } = this.#options;
    const authorization = peerAuthorization(secrets.proofs(['hello', ...partsOf(parties)]));
    const ofHello = [PEER_HEADERS.authorization, authorization, PEER_HEADERS.nonce, parties.nonce];
    return new Promise((resolve, reject) => {
      const hello = new HelloCall((answer) => {
        timer.cancel();
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
      const timer = this.#scheduler.after(HELLO_TIMEOUT_MS, () => {
        hello.abandon(new Error(`no answer to a hello within ${HELLO_TIMEOUT_MS} ms`));
      });
      this.#connections.dispatch(
        'hello',
        { method: 'POST', path: HELLO_PATH, headers: [...headers, ...ofHello] },
        hello,
      );
    });
  }

  /** @throws SessionRefusedError if the other broker does not know the secret */
  #welcomed(
    parties: SessionParties,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): OpenedSession {
    const { secrets, callee } = this.#options;
    const id = textOf(headers[PEER_HEADERS.session]) ?? '';
    const statement = ['welcome', ...partsOf(parties), id] as const;
    const secret = secrets.provenBy(statement, textOf(headers[PEER_HEADERS.proof]));
    if (secret !== undefined) return new OpenedSession(id, secrets, secret, parties);
    const detail = `Whoever answers at ${this.url} does not know the cluster secret of broker ${callee} (SLUICE_CLUSTER_SECRET).`;
    throw new SessionRefusedError(true, new ProtocolError('SASL_AUTHENTICATION_FAILED', detail));
  }
}

function refusalOf(status: number, body: Buffer): SessionRefusedError {
  const failure = decodePeerFailure(body);
  const cause =
    failure?.error ?? new Error(`the answer has status ${status} and is not one of a broker`);
  return new SessionRefusedError(failure !== undefined && status !== UNAVAILABLE, cause);
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
