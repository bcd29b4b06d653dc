/**
 * The protocol of the private listener: its path, headers, versions and credentials.
 *
 * `POST /cluster/v1/<method>` with the headers below; body and answer are messages
 * (peer-message-codec.ts), an error is JSON (peer-failure-codec.ts).
 *
 * On a channel that TLS secures in both directions, each call proves that its caller knows the
 * cluster secret. Without TLS a caller first opens a session with `POST /cluster/v1/hello`: both
 * brokers draw a value and prove that they know the secret, and a key is derived from all of it.
 * Every call has a counter that is used once, and call and answer are sealed with that key
 * (peer-seal.ts). No clock is involved.
 */
import type { PeerSecrets } from './authentication/peer-secrets.js';

export const PEER_PATH = '/cluster/v1/';
/** Path that opens a session. */
export const HELLO_PATH = `${PEER_PATH}hello`;

/** Versions of the methods' bodies, from the oldest to the newest. */
export interface PeerProtocolRange {
  readonly min: number;
  readonly max: number;
}

/**
 * The versions that this broker speaks: brokers of **each** of them can read its messages, and it
 * reads the messages of each. So no negotiation precedes a call, and in a rolling upgrade N and N -
 * 1 work together (replication-safety 4.9).
 *
 * A version ignores unknown members of a body, and missing ones have a default: a new member needs
 * no new version. A change that N - 1 would misunderstand takes two releases: the first reads both
 * forms and raises `max`, the second writes the new one and raises `min`.
 */
export const PEER_PROTOCOL: PeerProtocolRange = { min: 1, max: 1 };

/** Formats a range for the header, for example `1-2`. */
export function formatProtocolRange({ min, max }: PeerProtocolRange): string {
  return `${min}-${max}`;
}

/** @returns undefined unless the text is one version, or a range from a lower to a higher one */
export function parseProtocolRange(text: string | undefined): PeerProtocolRange | undefined {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text ?? '');
  if (match === null) return undefined;
  const min = Number(match[1]);
  const max = Number(match[2] ?? match[1]);
  return min <= max ? { min, max } : undefined;
}

/** True when both ranges share a version. */
export function haveCommonVersion(left: PeerProtocolRange, right: PeerProtocolRange): boolean {
  return left.min <= right.max && right.min <= left.max;
}

export const PEER_HEADERS = {
  /**
   * `Sluice <proofs>` of a hello and on a secure channel; `Sluice <session>.<counter>.<seal>` of a
   * call within a session.
   */
  authorization: 'authorization',
  /** UUID of the cluster: two clusters may have the same name, and the same secret. */
  cluster: 'sluice-cluster',
  /** The versions that the caller speaks, as `formatProtocolRange` writes them. */
  protocol: 'sluice-protocol',
  caller: 'sluice-caller',
  /** The called broker: a free port may now belong to another broker. */
  callee: 'sluice-callee',
  /** Random value of the caller for a new session. */
  nonce: 'sluice-nonce',
  /** Id of the session that a hello opened. */
  session: 'sluice-session',
  /** Seal of an answer within a session. */
  seal: 'sluice-seal',
  /** Proofs of an answer that belongs to no session: to a hello, or a refusal. */
  proof: 'sluice-proof',
} as const;

export const PEER_CONTENT_TYPE = 'application/vnd.sluice.peer';

/** Identity of a broker within its cluster. */
export interface PeerIdentity {
  readonly brokerId: number;
  readonly secrets: PeerSecrets;
}

const SCHEME = 'Sluice ';

/** Formats an `authorization` header. */
export function peerAuthorization(token: string): string {
  return SCHEME + token;
}

/** @returns the token of an `authorization` header; undefined if it has another scheme */
export function authorizationToken(header: string | undefined): string | undefined {
  return header?.startsWith(SCHEME) === true ? header.slice(SCHEME.length) : undefined;
}

/** The credential of a call within a session. */
export interface SessionCredential {
  readonly session: string;
  readonly counter: number;
  readonly seal: string;
}

/** @returns undefined if the token does not have the form of a session's */
export function parseSessionCredential(token: string): SessionCredential | undefined {
  const match = /^([\w-]{22})\.(\d{1,15})\.([\w-]{22})$/.exec(token);
  if (match === null) return undefined;
  const [, session = '', counter = '', seal = ''] = match;
  return { session, counter: Number(counter), seal };
}

export function formatSessionCredential(credential: SessionCredential): string {
  return `${credential.session}.${credential.counter}.${credential.seal}`;
}
