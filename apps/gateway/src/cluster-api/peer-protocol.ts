/**
 * What two brokers must have in common before they talk: the path, the headers, a version and the
 * secret of the private listener.
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
 * The versions that this broker speaks: **each** of them can read what it sends, and it reads what
 * any of them sends. So nothing has to be agreed on before a call, and in a rolling upgrade N and N
 * - 1 work together (replication-safety 4.9).
 *
 * What a version does not know in a body it passes over, and what it lacks has a default: a new
 * member needs no new version. A change that N - 1 would misunderstand takes two releases: the
 * first reads both forms and raises `max`, the second writes the new one and raises `min`.
 */
export const PEER_PROTOCOL: PeerProtocolRange = { min: 1, max: 1 };

/** As the header has it: `1-2`. */
export function formatProtocolRange({ min, max }: PeerProtocolRange): string {
  return `${min}-${max}`;
}

/**
 * @returns undefined for anything else than versions from a lower to a higher one, or a single one
 */
export function parseProtocolRange(text: string | undefined): PeerProtocolRange | undefined {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text ?? '');
  if (match === null) return undefined;
  const min = Number(match[1]);
  const max = Number(match[2] ?? match[1]);
  return min <= max ? { min, max } : undefined;
}

/** Whether there is a version that both speak. */
export function haveCommonVersion(one: PeerProtocolRange, other: PeerProtocolRange): boolean {
  return one.min <= other.max && other.min <= one.max;
}

export const PEER_HEADERS = {
  /** `Sluice <token>`. */
  authorization: 'authorization',
  /** UUID of the cluster: two clusters may have the same name, and the same secret. */
  cluster: 'sluice-cluster',
  /** The versions that the caller speaks, as `formatProtocolRange` writes them. */
  protocol: 'sluice-protocol',
  caller: 'sluice-caller',
  /** Who is meant: a port that is free again may belong to another broker by now. */
  callee: 'sluice-callee',
} as const;

export const PEER_CONTENT_TYPE = 'application/vnd.sluice.peer';

/** Who a broker is among the others. */
export interface PeerIdentity {
  readonly brokerId: number;
  readonly clusterSecret: string;
}

const TOKEN_PURPOSE = 'sluice private listener';

/** Shows knowledge of the cluster secret without sending it: the `authorization` of every call. */
export function peerAuthorization(clusterSecret: string): string {
  const token = createHmac('sha256', clusterSecret).update(TOKEN_PURPOSE).digest('base64url');
  return `Sluice ${token}`;
}

/** Compares in a time that tells nothing about how much of it is right. */
export function isSameAuthorization(given: string | undefined, expected: Buffer): boolean {
  const bytes = Buffer.from(given ?? '');
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
