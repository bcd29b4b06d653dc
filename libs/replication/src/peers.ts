/**
 * The interface by which brokers of one cluster call each other, over any transport: HTTP between
 * processes, an object in a simulation. A call is answered once or fails. Calls overlap freely and
 * may overtake each other.
 */
import type { ProtocolError } from '#protocol';
import type { GroupPeerMethod } from './group-peer-calls.js';

/** The content of a call or its answer: a small JSON value, with byte strings beside it. */
export interface PeerMessage {
  /** JSON, of the shape that the method has in PEER_CALLS. */
  readonly body: unknown;
  readonly blobs: readonly Buffer[];
}

export interface PeerCallOptions {
  /** Time in ms after which the call fails with an unknown outcome. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The other brokers, as one calls them. */
export interface Peers {
  /**
   * Calls a method of a broker.
   * @throws ProtocolError as the other broker refused it; PeerUnreachableError without an answer;
   *   NotLeaderError where the method says so
   */
  call(
    brokerId: number,
    method: PeerMethod,
    message: PeerMessage,
    options: PeerCallOptions,
  ): Promise<PeerMessage>;
}

/** The peers of a broker that has none. */
export const NO_PEERS: Peers = {
  call: (brokerId) => Promise.reject(new PeerUnreachableError(brokerId, false, undefined)),
};

/** The methods of the private listener. */
export type PeerMethod =
  | 'replica-fetch'
  | 'produce'
  | 'fetch'
  | 'list-offset'
  | 'list-delayed'
  | 'delete-records'
  | 'give-up-lost-records'
  | 'partition-status'
  | 'apply-metadata'
  | 'commit-offsets'
  | 'committed-offsets'
  | 'exchange-revocations'
  | 'security-commits'
  | 'redeem-ticket'
  | GroupPeerMethod;

/** Serves one method. `signal` is aborted when the caller is gone. */
export type PeerHandler = (
  message: PeerMessage,
  context: { readonly signal: AbortSignal },
) => Promise<PeerMessage>;

export type PeerHandlers = Readonly<Partial<Record<PeerMethod, PeerHandler>>>;

/**
 * The bytes are not a message, or the message does not have the shape of its call. Nothing was
 * done.
 */
export class MalformedPeerMessageError extends Error {
  override readonly name = 'MalformedPeerMessageError';
}

/** The other broker gave no answer. */
export class PeerUnreachableError extends Error {
  override readonly name = 'PeerUnreachableError';

  /**
   * @param wasSent whether the call may have reached the other broker: false only where it surely
   *   did not, such as a refused connection
   */
  constructor(
    readonly brokerId: number,
    readonly wasSent: boolean,
    cause: unknown,
  ) {
    super(`broker ${brokerId} gave no answer`, { cause });
  }
}

/** The reason why a replica does not answer for a partition (KIP-320, with election ids). */
export type LeadershipFault =
  /** It does not lead the partition; `leader` and `leaderEpoch` are its knowledge of the leader. */
  | 'NOT_LEADER_OR_FOLLOWER'
  /** The asker's leader epoch is an older one. */
  | 'FENCED_LEADER_EPOCH'
  /** The asker's leader epoch is a newer one, or has another election id. */
  | 'UNKNOWN_LEADER_EPOCH';

/** The asked broker does not lead the partition in the asker's epoch. Nothing was done. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError';

  constructor(
    readonly fault: LeadershipFault,
    readonly leader: number | null,
    readonly leaderEpoch: number,
    options: { readonly cause?: ProtocolError } = {},
  ) {
    super(`${fault}: leader ${leader ?? 'none'} in epoch ${leaderEpoch}`, options);
  }
}
