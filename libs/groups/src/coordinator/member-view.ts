import type { TopicPartition } from '#protocol';
import type { AutoOffsetReset } from '../log/group-records.js';
import type { ReadPosition } from '../state/decide-offsets.js';
import type { Group } from '../state/group.js';
import type { TopicIdPartition } from '../state/member-assignment.js';

/** A member's part of its group, as its calls are answered. */
export interface MemberView {
  readonly memberId: string;
  readonly generation: number;
  readonly autoCommit: boolean;
  /** Position where the records are gone: in a queue, which reads all, the oldest one. */
  readonly autoOffsetReset: AutoOffsetReset;
  readonly sessionTimeoutMs: number;
  /**
   * Partitions that the member reads, each with the next offset that it has not acknowledged; in a
   * queue the next one that the group has not scanned.
   */
  readonly assignment: readonly AssignedPosition[];
  /** Partitions that the member must release; it gets no more records of them. */
  readonly revoking: readonly TopicPartition[];
}

/** The view of a member that polls. */
export interface PollView extends MemberView {
  /**
   * True when the member was not told its assignment: it changed after the answer whose cursor the
   * poll has, or, without a cursor, after the last answer to the member. Absent at brokers of
   * earlier versions.
   */
  readonly isNewAssignment?: boolean;
}

export interface AssignedPosition extends TopicPartition, ReadPosition {
  /** Generation since which the member owns it. */
  readonly since: number;
}

/** Acknowledged positions that are not committed, for members without `autoCommit`. */
export type AcknowledgedOf = (target: TopicIdPartition) => ReadPosition | undefined;

/** The view of a member that is in the group. */
export function memberView(
  group: Group,
  memberId: string,
  {
    sessionTimeoutMs,
    acknowledgedOf,
  }: { readonly sessionTimeoutMs: number; readonly acknowledgedOf: AcknowledgedOf },
): MemberView {
  const member = group.members.get(memberId);
  const assignment = group.assignmentOf(memberId);
  const isQueue = group.mode === 'queue';
  return {
    memberId,
    generation: group.generation,
    autoCommit: member?.autoCommit ?? true,
    autoOffsetReset: isQueue ? 'earliest' : (member?.autoOffsetReset ?? 'latest'),
    sessionTimeoutMs,
    assignment: assignment.assignedPartitions().map((target) => {
      const { topic, topicId, partition } = target;
      const scanned = group.queue.get(topic, topicId, partition)?.state.scanOffset;
      const position =
        scanned === undefined
          ? (acknowledgedOf(target) ?? committedOf(group, target))
          : { offset: scanned };
      const since = assignment.ownedSince(topic, partition) ?? 0;
      return { topic, partition, ...position, since };
    }),
    revoking: assignment.revokingPartitions().map(({ topic, partition }) => ({ topic, partition })),
  };
}

function committedOf(group: Group, { topic, partition }: TopicIdPartition): ReadPosition {
  const { offset = 0, leaderEpoch = null } = group.offsets.get(topic, partition) ?? {};
  return leaderEpoch === null ? { offset } : { offset, leaderEpoch };
}
