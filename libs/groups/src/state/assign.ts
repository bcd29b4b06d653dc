/**
 * The assignment of a group: computed at once for all members (the target), and taken over
 * partition by partition. A partition that another member owns is granted when that member has
 * released it, and any partition only when its position is committed.
 */
import type { LeaderEpoch, Offset } from '#protocol';
import { type AssignedMember, chosenAssignor } from '../assignor/assignor.js';
import { ASSIGNORS } from '../assignor/assignors.js';
import type {
  AssignmentValue,
  AutoOffsetReset,
  GroupRecord,
  OwnedPartitions,
  TargetPartitions,
} from '../log/group-records.js';
import { AUTO_OFFSET_RESET_CONFIG } from '../queue/queue-config.js';
import type { Decision, DecisionContext, TopicShape } from './decision.js';
import type { Group } from './group.js';
import type { MemberAssignment, TopicIdPartition } from './member-assignment.js';
import { isReadFromZero, subscribedTopics } from './subscription.js';

/** A partition that can be granted once its position is committed. */
export interface PendingPosition extends TopicIdPartition {
  readonly reset: AutoOffsetReset;
  /**
   * Leader epoch when the group subscribed to the topic: with `latest`, records of later epochs
   * belong to the group. Undefined where it is not known.
   */
  readonly sinceEpoch: LeaderEpoch | undefined;
}

/**
 * Computes the target where members or topics changed, and grants partitions that nobody owns.
 * @param isRetargeted true when topics may have changed; a change of members is known to the group
 */
export function decideAssignment(
  group: Group,
  { isRetargeted }: { readonly isRetargeted: boolean },
  context: DecisionContext,
): Decision {
  const orphans = orphanedAssignments(group);
  if (group.members.size === 0) return orphans;
  const isAssigning = group.state === 'Assigning';
  const targets = isRetargeted || isAssigning ? computeTargets(group, context) : keptTargets(group);
  const generation = group.generation + 1;
  const owners = keptOwners(group, context);
  const positions = new Map<string, GroupRecord>();
  const changed: GroupRecord[] = [];
  for (const memberId of group.members.keys()) {
    const before = group.assignmentOf(memberId);
    const target = targets.get(memberId) ?? [];
    const owned = ownedAfter(
      { group, memberId, before, target, owners, positions, generation },
      context,
    );
    const isSameTarget = isSame(before.value.target, target);
    if (isSameTarget && owned === before.value.owned && group.assignments.has(memberId)) continue;
    const value: AssignmentValue = {
      generation: isSameTarget ? before.generation : generation,
      owned,
      target,
    };
    changed.push({ kind: 'assignment', key: { group: group.name, memberId }, value });
  }
  if (changed.length === 0 && orphans.length === 0 && !isAssigning) return [];
  const head = { ...group.head, generation, emptySinceMs: null };
  return [
    ...positions.values(),
    ...orphans,
    ...changed,
    { kind: 'group', key: { group: group.name }, value: head },
  ];
}

/** Target partitions that nobody owns and that lack a position. */
export function pendingPositions(group: Group, context: DecisionContext): PendingPosition[] {
  if (group.state !== 'Reconciling') return [];
  const owners = keptOwners(group, context);
  const pending: PendingPosition[] = [];
  // Members of a queue group share partitions.
  const listed = new Set<string>();
  for (const memberId of group.members.keys()) {
    for (const { topic, topicId, partitions } of group.assignmentOf(memberId).value.target) {
      for (const partition of partitions) {
        const target = { topic, topicId, partition };
        if (owners.has(keyOf(target)) || group.offsets.has(topic, topicId, partition)) continue;
        if (context.topics.topic(topic)?.id !== topicId) continue;
        if (listed.has(keyOf(target))) continue;
        listed.add(keyOf(target));
        const isNew = isReadFromZero(group, target);
        const reset = isNew ? 'earliest' : resetOf(group, topic, context);
        const sinceEpoch = group.knownTopics.get(topic)?.leaderEpochs?.[partition];
        pending.push({ ...target, reset, sinceEpoch });
      }
    }
  }
  return pending;
}

/**
 * The policy for a partition without a position. In a queue group a topic whose records are deleted
 * on ack is read from its start, and the group's config beats the members.
 */
function resetOf(
  { mode, configs, knownTopics }: Group,
  topic: string,
  { topics }: DecisionContext,
): AutoOffsetReset {
  if (mode === 'queue' && topics.topic(topic)?.isDeletedOnAck === true) return 'earliest';
  const config = mode === 'queue' ? configs.get(AUTO_OFFSET_RESET_CONFIG) : undefined;
  if (config === 'latest' || config === 'earliest') return config;
  return knownTopics.get(topic)?.reset ?? 'earliest';
}

/** Assignments whose member's record was lost with the end of a change in several batches. */
function orphanedAssignments(group: Group): GroupRecord[] {
  return [...group.assignments.keys()]
    .filter((memberId) => !group.members.has(memberId))
    .map((memberId) => ({ kind: 'assignment', key: { group: group.name, memberId }, value: null }));
}

type Targets = ReadonlyMap<string, readonly TargetPartitions[]>;

function keptTargets(group: Group): Targets {
  return new Map(
    Array.from(group.assignments, ([memberId, { value }]) => [memberId, value.target]),
  );
}

function computeTargets(group: Group, { topics: catalog }: DecisionContext): Targets {
  const topics = new Map<string, TopicShape>();
  const members: AssignedMember[] = [];
  for (const [memberId, member] of group.members) {
    const names = new Set<string>();
    for (const name of subscribedTopics(member, catalog)) {
      const shape = topics.get(name) ?? catalog.topic(name);
      if (shape === undefined) continue;
      topics.set(name, shape);
      names.add(name);
    }
    members.push({ memberId, instanceId: member.instanceId, topics: names });
  }
  if (group.mode === 'queue') return sharedTargets(members, topics);
  const assignor = chosenAssignor(Array.from(group.members.values(), (member) => member.assignor));
  const previous = previousOwners(group, topics);
  const assignment = ASSIGNORS[assignor]({
    members,
    topics: Array.from(topics, ([name, { partitionCount }]) => ({ name, partitionCount })),
    previousOwner: ({ topic, partition }) => previous.get(`${topic} ${partition}`),
  });
  return new Map(
    Array.from(assignment, ([memberId, byTopic]) => [
      memberId,
      Array.from(byTopic, ([topic, partitions]) => {
        return { topic, topicId: topics.get(topic)?.id ?? '', partitions };
      }),
    ]),
  );
}

/** The targets of a queue group: every member reads all partitions of its topics. */
function sharedTargets(
  members: readonly AssignedMember[],
  shapes: ReadonlyMap<string, TopicShape>,
): Targets {
  return new Map(
    members.map(({ memberId, topics }) => [
      memberId,
      Array.from(topics, (topic) => {
        const { id: topicId = '', partitionCount = 0 } = shapes.get(topic) ?? {};
        return {
          topic,
          topicId,
          partitions: Array.from({ length: partitionCount }, (_, at) => at),
        };
      }),
    ]),
  );
}

/** The member of each partition's last target; where there is none, the member that owns it. */
function previousOwners(
  group: Group,
  topics: ReadonlyMap<string, TopicShape>,
): Map<string, string> {
  const previous = new Map<string, string>();
  for (const part of ['owned', 'target'] as const) {
    for (const [memberId, { value }] of group.assignments) {
      if (!group.members.has(memberId)) continue;
      for (const { topic, topicId, partitions } of value[part]) {
        if (topics.get(topic)?.id !== topicId) continue;
        for (const partition of partitions) previous.set(`${topic} ${partition}`, memberId);
      }
    }
  }
  return previous;
}

/** Member by partition, without members and topics that are gone. */
function keptOwners(group: Group, { topics }: DecisionContext): Map<string, string> {
  const owners = new Map<string, string>();
  for (const [memberId, { value }] of group.assignments) {
    if (!group.members.has(memberId)) continue;
    for (const { topic, topicId, partitions } of value.owned) {
      if (topics.topic(topic)?.id !== topicId) continue;
      for (const partition of partitions)
        owners.set(keyOf({ topic, topicId, partition }), memberId);
    }
  }
  return owners;
}

interface Grant {
  readonly group: Group;
  readonly memberId: string;
  readonly before: MemberAssignment;
  readonly target: readonly TargetPartitions[];
  /** Owners of all partitions; grants are added. */
  readonly owners: Map<string, string>;
  /** Positions that are committed with this assignment. */
  readonly positions: Map<string, GroupRecord>;
  readonly generation: number;
}

/** The partitions that a member owns afterwards; the same list when nothing changes. */
function ownedAfter(grant: Grant, context: DecisionContext): readonly OwnedPartitions[] {
  const { group, memberId, before, target, owners, generation } = grant;
  const isShared = group.mode === 'queue';
  const wanted = new Set(target.map(({ topicId }) => topicId));
  const kept = before.value.owned.filter(({ topic, topicId }) => {
    const isThere = context.topics.topic(topic)?.id === topicId;
    // Nobody waits for a member of a queue to release a partition: the others have it already.
    return isThere && (!isShared || wanted.has(topicId));
  });
  const owned = new Map(kept.map((one) => [one.topic, one]));
  let isChanged = kept.length < before.value.owned.length;
  for (const { topic, topicId, partitions } of target) {
    const granted = partitions.filter((partition) => {
      const one = { topic, topicId, partition };
      const isOwned = isShared
        ? before.ownedSince(topic, partition) !== undefined && owned.get(topic)?.topicId === topicId
        : owners.has(keyOf(one));
      if (isOwned || !hasPosition(grant, one, context)) return false;
      owners.set(keyOf(one), memberId);
      return true;
    });
    if (granted.length === 0) continue;
    isChanged = true;
    const present = owned.get(topic);
    const since = granted.map(() => generation);
    owned.set(topic, {
      topic,
      topicId,
      partitions: [...(present?.partitions ?? []), ...granted],
      since: [...(present?.since ?? []), ...since],
    });
  }
  return isChanged ? [...owned.values()] : before.value.owned;
}

/** True when the position is committed, or is committed with this assignment because it is 0. */
function hasPosition(
  { group, positions }: Grant,
  target: TopicIdPartition,
  { nowMs, topics }: DecisionContext,
): boolean {
  const { topic, topicId, partition } = target;
  if (group.offsets.has(topic, topicId, partition)) return true;
  if (!isReadFromZero(group, target)) return false;
  // A queue gets its first position once the topic lists it: see QueueListings.
  const isListed = topics.topic(topic)?.queueGroups.includes(group.name) === true;
  if (group.mode === 'queue' && !isListed) return false;
  positions.set(keyOf(target), positionRecord(group.name, { ...target, offset: 0 }, nowMs));
  return true;
}

/** A position of a partition that the group reads for the first time, as a committed offset. */
export function positionRecord(
  group: string,
  {
    topic,
    topicId,
    partition,
    offset,
    leaderEpoch = null,
  }: TopicIdPartition & { readonly offset: Offset; readonly leaderEpoch?: LeaderEpoch | null },
  committedAtMs: number,
): GroupRecord {
  return {
    kind: 'offset',
    key: { group, topic, partition },
    value: { topicId, offset, leaderEpoch, metadata: null, committedAtMs },
  };
}

function isSame(one: readonly TargetPartitions[], other: readonly TargetPartitions[]): boolean {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  const byTopic = new Map(one.map((target) => [target.topic, target]));
  return other.every(({ topic, topicId, partitions }) => {
    const same = byTopic.get(topic);
    if (same?.topicId !== topicId || same.partitions.length !== partitions.length) return false;
    const wanted = new Set(same.partitions);
    return partitions.every((partition) => wanted.has(partition));
  });
}

function keyOf({ topicId, partition }: TopicIdPartition): string {
  return `${topicId} ${partition}`;
}
