import type { IncomingHttpHeaders } from 'node:http';
import { ProtocolError } from '#protocol';
import type { AcceptedSession, AcceptedSessions } from './authentication/accepted-sessions.js';
import type { PeerSecrets } from './authentication/peer-secrets.js';
import type { SessionParties } from './authentication/session-id.js';
import {
  authorizationToken,
  formatProtocolRange,
  HELLO_PATH,
  haveCommonVersion,
  PEER_HEADERS,
  PEER_PROTOCOL,
  type PeerIdentity,
  parseProtocolRange,
  parseSessionCredential,
} from './peer-protocol.js';

/** Status of a broker that starts or stops: its callers retry, and no operator needs to act. */
export const UNAVAILABLE = 503;

/** Reason for refusing a call, and the HTTP status that reports it. */
export interface PeerRefusal {
  readonly status: number;
  readonly error: ProtocolError;
}

/** The caller of a call, as its head shows it. */
export type Admitted =
  /** A broker at the other end of a secure channel. */
  | { readonly kind: 'channel' }
  /** A broker that opens a session, and the number of the secret that it knows. */
  | { readonly kind: 'hello'; readonly parties: SessionParties; readonly secret: number }
  /** A call within a session; its seal is checked when its body has arrived. */
  | {
      readonly kind: 'session';
      readonly session: AcceptedSession;
      readonly counter: number;
      readonly seal: string;
    }
  | ({ readonly kind: 'refused' } & PeerRefusal);

/** The head of a call. */
export interface CallHead {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Decides by the head of a call whether its caller is a broker of this cluster that addresses this
 * broker.
 */
export class PeerAdmission {
  readonly #brokerId: number;
  readonly #secrets: PeerSecrets;
  readonly #sessions: AcceptedSessions | undefined;

  /** @param sessions the open sessions; undefined on secure channels */
  constructor({ brokerId, secrets }: PeerIdentity, sessions: AcceptedSessions | undefined) {
    this.#brokerId = brokerId;
    this.#secrets = secrets;
    this.#sessions = sessions;
  }

  /** @param clusterUuid undefined until this broker has joined its cluster */
  admit(head: CallHead, clusterUuid: string | undefined): Admitted {
    const caller = this.#authenticate(head);
    if (caller.kind === 'refused') return caller;
    const refusal = this.#mismatch(head.headers, clusterUuid);
    return refusal === undefined ? caller : { kind: 'refused', ...refusal };
  }

  #authenticate({ url, headers }: CallHead): Admitted {
    const token = authorizationToken(headers[PEER_HEADERS.authorization]) ?? '';
    const parties = partiesOf(headers);
    const { clusterUuid, caller, callee, nonce } = parties;
    if (this.#sessions === undefined) {
      const statement = ['channel', clusterUuid, caller, callee] as const;
      const secret = this.#secrets.provenBy(statement, token);
      return secret === undefined ? this.#unproven() : { kind: 'channel' };
    }
    if (url === HELLO_PATH) {
      const statement = ['hello', clusterUuid, caller, callee, nonce] as const;
      const secret = nonce === '' ? undefined : this.#secrets.provenBy(statement, token);
      return secret === undefined ? this.#unproven() : { kind: 'hello', parties, secret };
    }
    const credential = parseSessionCredential(token);
    const session = credential && this.#sessions.find(credential.session);
    if (credential === undefined || session?.caller !== caller) return this.#withoutSession();
    return { kind: 'session', session, counter: credential.counter, seal: credential.seal };
  }

  #unproven(): Admitted {
    const detail = `The caller does not know the cluster secret of broker ${this.#brokerId} (SLUICE_CLUSTER_SECRET).`;
    return { kind: 'refused', ...unauthenticated(detail) };
  }

  #withoutSession(): Admitted {
    const detail = `Broker ${this.#brokerId} has no such session with the caller: it may have restarted.`;
    return { kind: 'refused', ...unauthenticated(detail) };
  }

  #mismatch(headers: IncomingHttpHeaders, clusterUuid: string | undefined) {
    const self = `broker ${this.#brokerId}`;
    const versionsHeader = headers[PEER_HEADERS.protocol];
    const callerVersions = parseProtocolRange(
      typeof versionsHeader === 'string' ? versionsHeader : undefined,
    );
    if (callerVersions === undefined || !haveCommonVersion(callerVersions, PEER_PROTOCOL)) {
      return mismatch(
        `The caller speaks protocol versions ${String(versionsHeader)}, ${self} ` +
          `${formatProtocolRange(PEER_PROTOCOL)}: brokers are upgraded from one version to the next.`,
      );
    }
    if (clusterUuid === undefined) {
      return unavailable(`The ${self} has not joined its cluster yet.`);
    }
    const cluster = headers[PEER_HEADERS.cluster];
    if (cluster !== clusterUuid) {
      return mismatch(
        `The caller belongs to cluster ${String(cluster)}, ${self} to ${clusterUuid}.`,
      );
    }
    const callee = headers[PEER_HEADERS.callee];
    if (callee !== String(this.#brokerId)) {
      const detail = `The caller means broker ${String(callee)}; this is ${self}.`;
      return { status: 421, error: new ProtocolError('BROKER_NOT_AVAILABLE', detail) };
    }
    return undefined;
  }
}

/** The caller is not known, or its call is not genuine. */
export function unauthenticated(detail: string): PeerRefusal {
  return { status: 401, error: new ProtocolError('SASL_AUTHENTICATION_FAILED', detail) };
}

function partiesOf(headers: IncomingHttpHeaders): SessionParties {
  const text = (name: string): string => String(headers[name] ?? '');
  return {
    clusterUuid: text(PEER_HEADERS.cluster),
    caller: text(PEER_HEADERS.caller),
    callee: text(PEER_HEADERS.callee),
    nonce: text(PEER_HEADERS.nonce),
  };
}

/** The broker accepts no calls at present. */
export function unavailable(detail: string): PeerRefusal {
  return { status: UNAVAILABLE, error: new ProtocolError('BROKER_NOT_AVAILABLE', detail) };
}

function mismatch(detail: string): PeerRefusal {
  return { status: 403, error: new ProtocolError('CLUSTER_AUTHORIZATION_FAILED', detail) };
}
