/** The leader's comparison of a follower's position with its own log. */
import type { Offset } from '#protocol';
import type { Partition } from './partition.js';
import type { EpochEnd, ReplicaFetchFault, ReplicaFetchPosition } from './replica-protocol.js';

/** The position continues the leader's log, or why not. */
export type PositionVerdict =
  | { readonly kind: 'continues' }
  | { readonly kind: 'fault'; readonly fault: ReplicaFetchFault }
  | { readonly kind: 'diverging'; readonly diverging: EpochEnd };

const CONTINUES: PositionVerdict = { kind: 'continues' };

/**
 * Compares a position with the partition as this broker leads it. Only the leader of the election
 * that the follower follows makes statements about the logs (KIP-320). The last epoch of the
 * follower shows whether its log is a beginning of the leader's (KIP-101, KIP-279).
 */
export function comparePosition(
  partition: Partition | undefined,
  replicaId: number,
  position: ReplicaFetchPosition,
): PositionVerdict {
  const fault = leadershipFault(partition, replicaId, position);
  if (partition === undefined || fault !== undefined) {
    return { kind: 'fault', fault: fault ?? 'NOT_LEADER_OR_FOLLOWER' };
  }
  const diverging = divergence(partition, position);
  if (diverging !== undefined) return { kind: 'diverging', diverging };
  const { logStart, logEnd } = partition.log.offsets;
  const isInRange = position.fetchOffset >= logStart && position.fetchOffset <= logEnd;
  return isInRange ? CONTINUES : { kind: 'fault', fault: 'OFFSET_OUT_OF_RANGE' };
}

function leadershipFault(
  partition: Partition | undefined,
  replicaId: number,
  { topicId, leaderEpoch, electionId }: ReplicaFetchPosition,
): ReplicaFetchFault | undefined {
  if (partition === undefined || partition.isClosed) return 'NOT_LEADER_OR_FOLLOWER';
  if (partition.topicId !== topicId) return 'UNKNOWN_TOPIC_ID';
  const { metadata } = partition;
  if (leaderEpoch < metadata.leaderEpoch) return 'FENCED_LEADER_EPOCH';
  const isKnown = leaderEpoch === metadata.leaderEpoch && electionId === metadata.electionId;
  if (!isKnown) return 'UNKNOWN_LEADER_EPOCH';
  const isOfReplica = partition.isLeader && metadata.replicas.includes(replicaId);
  return isOfReplica ? undefined : 'NOT_LEADER_OR_FOLLOWER';
}

/** The end of the common history of both logs, when it is below the follower's end. */
function divergence(partition: Partition, position: ReplicaFetchPosition): EpochEnd | undefined {
  const { lastFetchedEpoch, lastElectionId, fetchOffset } = position;
  if (lastFetchedEpoch === null) return undefined;
  const end = partition.log.leadership.electionEnd(lastFetchedEpoch, lastElectionId ?? undefined);
  if (end === undefined) return { epoch: -1, electionId: null, endOffset: 0 };
  const { epoch, endOffset, electionId } = end;
  if (epoch === lastFetchedEpoch && endOffset >= fetchOffset) return undefined;
  return { epoch, endOffset, electionId: electionId ?? null };
}

/**
 * The offset at which a follower truncates its log after a divergence: the end of the greatest
 * epoch that both logs know as the same election (KIP-279). If the leader named an epoch that is
 * unknown here, the follower asks again from that offset.
 */
export function truncationOffset(partition: Partition, leader: EpochEnd): Offset {
  const { log } = partition;
  const ownEnd = log.leadership.electionEnd(leader.epoch, leader.electionId ?? undefined);
  if (ownEnd === undefined) return Math.min(leader.endOffset, log.offsets.logEnd);
  const end =
    ownEnd.epoch === leader.epoch ? Math.min(ownEnd.endOffset, leader.endOffset) : ownEnd.endOffset;
  return Math.min(end, log.offsets.logEnd);
}
