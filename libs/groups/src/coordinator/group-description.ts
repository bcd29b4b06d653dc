import type { Offset, TopicPartition } from '#protocol';
import type { GroupMode } from '../log/group-records.js';
import type { QueueShare } from '../queue/queue-shares.js';
import type { Group } from '../state/group.js';
import type { GroupState } from '../state/group-state.js';
import { offsetOf } from './committed-offsets.js';

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
  /** Number of dead letters that were not put back; null for a group that is not a queue. */
  readonly deadLetters: number | null;
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
  /** Null for a group that is not a queue, and before the first poll. */
  readonly queue: QueueSnapshot | null;
}

/** Numbers of records of a queue in one partition. */
interface QueueSnapshot {
  /** Offset of the first record that was not scanned. */
  readonly scanOffset: Offset;
  /** Records that wait for a member. */
  readonly available: number;
  /** Records that members have. */
  readonly acquired: number;
  /** Records that wait for a time. */
  readonly delayed: number;
  /** Records whose dead letters are being written. */
  readonly archiving: number;
}

/** A line of the list of groups. */
export interface GroupListing {
  readonly group: string;
  readonly mode: GroupMode | null;
  readonly state: GroupState;
  readonly members: number;
}

/**
 * @param isCurrent true when a topic has this id now
 * @param monotonicMs time by the clock of the group's locks
 */
export function groupSnapshot(
  group: Group,
  isCurrent: (topic: string, topicId: string) => boolean,
  monotonicMs: number,
): GroupSnapshot {
  const partitions = new Map<string, PartitionSnapshot>();
  for (const { topic, partition, value } of group.offsets.entries()) {
    if (!isCurrent(topic, value.topicId)) continue;
    const { topicId } = value;
    const offset = offsetOf(group, { topic, topicId, partition }, value.offset);
    const share = group.queue.get(topic, topicId, partition);
    const queue = share === undefined ? null : queueSnapshot(share, monotonicMs);
    partitions.set(`${topic} ${partition}`, { topic, partition, offset, owner: null, queue });
  }
  const members = Array.from(group.members, ([memberId, { instanceId, clientId }]) => {
    const assignment: TopicPartition[] = [];
    for (const { topic, partition } of group.assignmentOf(memberId).ownedPartitions()) {
      assignment.push({ topic, partition });
      const key = `${topic} ${partition}`;
      const known = partitions.get(key) ?? { topic, partition, offset: null, queue: null };
      // Members of a queue share its partitions: none of them owns one.
      partitions.set(key, { ...known, owner: group.mode === 'queue' ? null : memberId });
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
    deadLetters: mode === 'queue' ? deadLetterCount(group) : null,
  };
}

function queueSnapshot({ state }: QueueShare, monotonicMs: number): QueueSnapshot {
  const { scanOffset, pendingCount } = state;
  const counts = { available: 0, acquired: 0, delayed: pendingCount, archiving: 0 };
  for (const record of state.window.records) {
    counts[record.isRetriedLater(monotonicMs) ? 'delayed' : record.state] += 1;
  }
  return { scanOffset, ...counts };
}

/** Dead letters that were written and not put back. */
function deadLetterCount({ queue, redrives }: Group): number {
  let count = 0;
  for (const { state } of queue.all()) count += state.deadLetterCount;
  for (const { state } of redrives.values()) count -= state.redrivenCount;
  // The counts of a topic end with it.
  return Math.max(0, count);
}

export function groupListing({ name, mode, state, members }: Group): GroupListing {
  return { group: name, mode, state, members: members.size };
}

export function byTopicAndPartition(one: TopicPartition, other: TopicPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}
