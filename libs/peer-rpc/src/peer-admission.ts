import type { IncomingHttpHeaders } from 'node:http';
import { ProtocolError } from '#protocol';
import {
  formatProtocolRange,
  haveCommonVersion,
  isSameAuthorization,
  PEER_HEADERS,
  PEER_PROTOCOL,
  type PeerIdentity,
  parseProtocolRange,
  peerAuthorization,
} from './peer-protocol.js';

/** Status of a broker that starts or stops: its callers retry, and no operator needs to act. */
export const UNAVAILABLE = 503;

/** Reason for refusing a call, and the HTTP status that reports it. */
export interface PeerRefusal {
  readonly status: number;
  readonly error: ProtocolError;
}

/**
 * Decides by the head of a call whether its caller is a broker of this cluster that addresses this
 * broker.
 */
export class PeerAdmission {
  readonly #brokerId: number;
  readonly #authorization: Buffer;

  constructor({ brokerId, clusterSecret }: PeerIdentity) {
    this.#brokerId = brokerId;
    this.#authorization = Buffer.from(peerAuthorization(clusterSecret));
  }

  /** @param clusterUuid undefined until this broker has joined its cluster */
  refusal(headers: IncomingHttpHeaders, clusterUuid: string | undefined): PeerRefusal | undefined {
    const self = `broker ${this.#brokerId}`;
    if (!isSameAuthorization(headers[PEER_HEADERS.authorization], this.#authorization)) {
      const detail = `The caller does not know the cluster secret of ${self} (SLUICE_CLUSTER_SECRET).`;
      return { status: 401, error: new ProtocolError('SASL_AUTHENTICATION_FAILED', detail) };
    }
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

/** The broker accepts no calls at present. */
export function unavailable(detail: string): PeerRefusal {
  return { status: UNAVAILABLE, error: new ProtocolError('BROKER_NOT_AVAILABLE', detail) };
}

function mismatch(detail: string): PeerRefusal {
  return { status: 403, error: new ProtocolError('CLUSTER_AUTHORIZATION_FAILED', detail) };
}
