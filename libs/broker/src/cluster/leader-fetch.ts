import { NotLeaderError, type ReplicaManager } from '#replication';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { LeadershipCheck } from './leadership-check.js';

/** The replicas of this broker, as far as a fetch needs them. */
interface LeaderReplicas extends Pick<ReplicaManager, 'fetch'> {
  readonly table: Pick<ReplicaManager['table'], 'leaderOrThrow'>;
}

/**
 * Answers a fetch as the leader.
 *
 * A stream that has read in a later epoch has met a later leader, of which this broker has not
 * heard yet. A single request may name an epoch that never existed; its position is checked like
 * any other. A position is refused only when the leadership is confirmed: a reader whose position
 * is refused moves to another one, and may read records twice or never.
 * @throws NotLeaderError; ProtocolError as `ReplicaManager.fetch` and `LeadershipCheck.atLeader`
 */
export function fetchAtLeader(
  replicas: LeaderReplicas,
  leadership: Pick<LeadershipCheck, 'atLeader'>,
  request: FetchRequest,
): Promise<FetchResult> {
  const { leaderEpoch, metadata } = replicas.table.leaderOrThrow(request);
  if (request.mayBeBehind === true && (request.leaderEpoch ?? 0) > leaderEpoch) {
    throw new NotLeaderError('UNKNOWN_LEADER_EPOCH', metadata.leader, leaderEpoch);
  }
  return leadership.atLeader(request, () => replicas.fetch(request, request));
}
