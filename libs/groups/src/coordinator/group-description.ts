import type { Offset, TopicPartition } from '#protocol';
import type { GroupMode } from '../log/group-records.js';
import type { Group } from '../state/group.js';
import type { GroupState } from '../state/group-state.js';

/** A group as its coordinator knows it; lags are the asking broker's to add. */
export interface GroupSnapshot {
  readonly group: string;
  /** Null until the first member has joined. */
  readonly mode: GroupMode | null;
  readonly state: GroupState;
  readonly generation: number;
  readonly members: readonly MemberSnapshot[];
  /** Committed offsets and owned partitions, by topic and partition. */
  readonly partitions: readonly PartitionSnapshot[];
}

export interface MemberSnapshot {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string | null;
  readonly assignment: readonly TopicPartition[];
}

export interface PartitionSnapshot extends TopicPartition {
  readonly offset: Offset | null;
  /** Member that owns the partition; null when none does. */
  readonly owner: string | null;
}

/** A line of the list of groups. */
export interface GroupListing {
  readonly group: string;
  readonly mode: GroupMode | null;
  readonly state: GroupState;
  readonly members: number;
}

/** @param isCurrent true when a topic has this id now */
export function groupSnapshot(
  group: Group,
  isCurrent: (topic: string, topicId: string) => boolean,
): GroupSnapshot {
  const partitions = new Map<string, PartitionSnapshot>();
  for (const { topic, partition, value } of group.offsets.entries()) {
    if (!isCurrent(topic, value.topicId)) continue;
    const { offset } = value;
    partitions.set(`${topic} ${partition}`, { topic, partition, offset, owner: null });
  }
  const members = Array.from(group.members, ([memberId, { instanceId, clientId }]) => {
    const assignment: TopicPartition[] = [];
    for (const { topic, partition } of group.assignmentOf(memberId).ownedPartitions()) {
      assignment.push({ topic, partition });
      const key = `${topic} ${partition}`;
      const offset = partitions.get(key)?.offset ?? null;
      partitions.set(key, { topic, partition, offset, owner: memberId });
    }
    return { memberId, instanceId, clientId, assignment };
  });
  const { name, mode, state, generation } = group;
  return {
    group: name,
    mode,
    state,
    generation,
    members,
    partitions: [...partitions.values()].toSorted(byTopicAndPartition),
  };
}

export function groupListing({ name, mode, state, members }: Group): GroupListing {
  return { group: name, mode, state, members: members.size };
}

export function byTopicAndPartition(one: TopicPartition, other: TopicPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}
