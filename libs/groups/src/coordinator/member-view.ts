import type { Offset, TopicPartition } from '#protocol';
import type { AutoOffsetReset } from '../log/group-records.js';
import type { Group } from '../state/group.js';
import type { TopicIdPartition } from '../state/member-assignment.js';

/** A member's part of its group, as its calls are answered. */
export interface MemberView {
  readonly memberId: string;
  readonly generation: number;
  readonly autoCommit: boolean;
  readonly autoOffsetReset: AutoOffsetReset;
  readonly sessionTimeoutMs: number;
  /** Partitions that the member reads, each with the next offset that it has not acknowledged. */
  readonly assignment: readonly AssignedPosition[];
  /** Partitions that the member is to release; it gets no more records of them. */
  readonly revoking: readonly TopicPartition[];
}

export interface AssignedPosition extends TopicPartition {
  readonly offset: Offset;
  /** Generation since which the member owns it. */
  readonly since: number;
}

/** Acknowledged positions that are not committed, for members without `autoCommit`. */
export type AcknowledgedOf = (target: TopicIdPartition) => Offset | undefined;

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
  return {
    memberId,
    generation: group.generation,
    autoCommit: member?.autoCommit ?? true,
    autoOffsetReset: member?.autoOffsetReset ?? 'latest',
    sessionTimeoutMs,
    assignment: assignment.assignedPartitions().map((target) => {
      const { topic, partition } = target;
      const committed = group.offsets.get(topic, partition)?.offset ?? 0;
      const offset = acknowledgedOf(target) ?? committed;
      return { topic, partition, offset, since: assignment.ownedSince(topic, partition) ?? 0 };
    }),
    revoking: assignment.revokingPartitions().map(({ topic, partition }) => ({ topic, partition })),
  };
}
