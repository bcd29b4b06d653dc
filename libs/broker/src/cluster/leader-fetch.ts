import { NotLeaderError, type ReplicaManager } from '#replication';
import type { FetchRequest, FetchResult } from '../broker.js';

/**
 * Answers a fetch as the leader.
 *
 * A stream that has read in a later epoch has met a later leader, of which this broker has not
 * heard yet. A single request may name an epoch that never existed; its position is checked like
 * any other.
 * @throws NotLeaderError; ProtocolError as `ReplicaManager.fetch`
 */
export function fetchAtLeader(
  replicas: ReplicaManager,
  request: FetchRequest,
): Promise<FetchResult> {
  const { leaderEpoch, metadata } = replicas.table.leaderOrThrow(request);
  if (request.mayBeBehind === true && (request.leaderEpoch ?? 0) > leaderEpoch) {
    throw new NotLeaderError('UNKNOWN_LEADER_EPOCH', metadata.leader, leaderEpoch);
  }
  return replicas.fetch(request, request);
}
