/**
 * What two brokers must have in common before they talk: the path, the headers, the version and the
 * secret of the private listener.
 *
 * `POST /cluster/v1/<method>` with the headers below; body and answer are messages
 * (peer-message-codec.ts), an error is JSON (peer-failure-codec.ts).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const PEER_PATH = '/cluster/v1/';

/** Of the methods' bodies. Raised with a change that the version before would misunderstand. */
export const PEER_PROTOCOL_VERSION = 1;
/** The oldest version that is served: in a rolling upgrade N and N - 1 work together. */
export const PEER_PROTOCOL_VERSION_MIN = 1;

export const PEER_HEADERS = {
  /** `Sluice <token>`. */
  authorization: 'authorization',
  /** UUID of the cluster: two clusters may have the same name, and the same secret. */
  cluster: 'sluice-cluster',
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
