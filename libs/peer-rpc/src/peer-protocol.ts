/**
 * The protocol of the private listener: its path, headers, versions and shared secret.
 *
 * `POST /cluster/v1/<method>` with the headers below; body and answer are messages
 * (peer-message-codec.ts), an error is JSON (peer-failure-codec.ts).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const PEER_PATH = '/cluster/v1/';

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
  /** `Sluice <token>`. */
  authorization: 'authorization',
  /** UUID of the cluster: two clusters may have the same name, and the same secret. */
  cluster: 'sluice-cluster',
  /** The versions that the caller speaks, as `formatProtocolRange` writes them. */
  protocol: 'sluice-protocol',
  caller: 'sluice-caller',
  /** The called broker: a free port may now belong to another broker. */
  callee: 'sluice-callee',
} as const;

export const PEER_CONTENT_TYPE = 'application/vnd.sluice.peer';

/** Identity of a broker within its cluster. */
export interface PeerIdentity {
  readonly brokerId: number;
  readonly clusterSecret: string;
}

const TOKEN_PURPOSE = 'sluice private listener';

/** Proves knowledge of the cluster secret without sending it: the `authorization` of every call. */
export function peerAuthorization(clusterSecret: string): string {
  const token = createHmac('sha256', clusterSecret).update(TOKEN_PURPOSE).digest('base64url');
  return `Sluice ${token}`;
}

/** Compares in constant time, so that an attacker learns nothing about a partial match. */
export function isSameAuthorization(header: string | undefined, expected: Buffer): boolean {
  const bytes = Buffer.from(header ?? '');
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
