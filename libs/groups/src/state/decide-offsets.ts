/** Decisions about committed offsets: by members, by clients outside the group, and resets. */
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import type { GroupRecord } from '../log/group-records.js';
import { positionRecord } from './assign.js';
import { assertAdmitted, assertMember, type Decision, type DecisionContext } from './decision.js';
import type { Group } from './group.js';
import type { TopicIdPartition } from './member-assignment.js';
import { credentialGone } from './member-credential.js';
import type { MemberCaller } from './member-owner.js';

/** A position to be committed. Offsets and metadata have been checked. */
export interface CommitEntry extends TopicIdPartition {
  readonly offset: Offset;
  readonly leaderEpoch: LeaderEpoch | null;
  readonly metadata: string | null;
}

/** Position up to which a partition was read. */
export interface ReadPosition {
  readonly offset: Offset;
  /** Epoch of the leader from which the records before it were read, if that is known. */
  readonly leaderEpoch?: LeaderEpoch;
}

/** The content of a poll's cursor: it says what the member received. */
export interface Acknowledgement {
  /** Generation of the answer that the member received. */
  readonly generation: number;
  /** Next offsets of that answer's partitions. */
  readonly positions: readonly (TopicPartition & ReadPosition)[];
}

/** @throws ProtocolError NON_EMPTY_GROUP, INCONSISTENT_GROUP_PROTOCOL */
export function decideCommit(
  group: Group,
  offsets: readonly CommitEntry[],
  context: DecisionContext,
): Decision {
  assertStreamMode(group);
  assertAdmitted(group, 'offsetsFromOutside');
  return offsets.map((entry) => commitRecord(group.name, entry, context));
}

/**
 * Commits offsets of partitions that the member has owned since `generation`, all or none.
 * @throws ProtocolError ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH
 */
export function decideMemberCommit(
  group: Group,
  commit: {
    readonly memberId: string;
    readonly generation: number;
    readonly offsets: readonly CommitEntry[];
    readonly caller?: MemberCaller;
  },
  context: DecisionContext,
): Decision {
  const { memberId, generation, offsets } = commit;
  assertMember(group, memberId, commit.caller);
  for (const { topic, partition } of offsets) {
    if (isOwnedSince(group, memberId, { topic, partition, generation })) continue;
    throw new ProtocolError(
      'ILLEGAL_GENERATION',
      `Member "${memberId}" has not owned partition ${partition} of topic "${topic}" since ` +
        `generation ${generation}; the group is in generation ${group.generation}. Nothing was committed.`,
    );
  }
  return offsets.map((entry) => commitRecord(group.name, entry, context));
}

/**
 * Records what a member received, with `autoCommit` as a commit, and releases the partitions that
 * the member should release. Without `autoCommit` the member learns of the release first, so that
 * it can commit before.
 * @throws ProtocolError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH
 */
export function decidePoll(
  group: Group,
  poll: {
    readonly memberId: string;
    readonly acknowledged: Acknowledgement | null;
    readonly caller?: MemberCaller;
  },
  context: DecisionContext,
): Decision {
  const { memberId, acknowledged } = poll;
  assertMember(group, memberId, poll.caller);
  const member = group.members.get(memberId);
  const records: GroupRecord[] = [];
  if (member?.autoCommit === true && acknowledged !== null) {
    for (const position of acceptedPositions(group, memberId, acknowledged)) {
      const committed = group.offsets.get(position.topic, position.partition)?.offset ?? 0;
      if (position.offset <= committed) continue;
      records.push(positionRecord(group.name, position, context.nowMs));
    }
  }
  const wasTold =
    acknowledged === null || acknowledged.generation >= group.assignmentOf(memberId).generation;
  if (member?.autoCommit !== true && !wasTold) return records;
  return [...records, ...release(group, memberId)];
}

/** A heartbeat of a member. */
export interface HeartbeatCommand {
  readonly memberId: string;
  /**
   * Generation of an answer that the member received; partitions that this answer named as revoked
   * are released. Null releases nothing.
   */
  readonly generation: number | null;
  /** Epoch of the process that has the member's connection, if it has one. */
  readonly brokerEpoch?: number | undefined;
  readonly caller?: MemberCaller;
}

/**
 * Keeps a member, and records the process that has its connection now. With the generation of an
 * answer that the member received it releases the partitions which that answer named as revoked.
 * @throws ProtocolError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH
 */
export function decideHeartbeat(group: Group, heartbeat: HeartbeatCommand): Decision {
  const { memberId, generation, brokerEpoch, caller } = heartbeat;
  assertMember(group, memberId, caller);
  const member = group.members.get(memberId);
  const records: GroupRecord[] = [];
  if (member !== undefined && brokerEpoch !== undefined && member.brokerEpoch !== brokerEpoch) {
    const key = { group: group.name, memberId };
    records.push({ kind: 'member', key, value: { ...member, brokerEpoch } });
    records.push(...credentialGone(group, memberId));
  }
  if (generation === null || generation < group.assignmentOf(memberId).generation) return records;
  return [...records, ...release(group, memberId)];
}

/** Releases the partitions that a member should have released and did not in time. */
export function decideOverdueRelease(group: Group, memberId: string): Decision {
  return group.members.has(memberId) ? release(group, memberId) : [];
}

/** Positions of a member's acknowledgement in partitions that it has owned since. */
export function acceptedPositions(
  group: Group,
  memberId: string,
  { generation, positions }: Acknowledgement,
): (TopicIdPartition & ReadPosition)[] {
  const { owned } = group.assignmentOf(memberId);
  const accepted: (TopicIdPartition & ReadPosition)[] = [];
  for (const position of positions) {
    const { topic, partition } = position;
    const topicId = owned.get(topic)?.topicId;
    if (topicId === undefined) continue;
    if (!isOwnedSince(group, memberId, { topic, partition, generation })) continue;
    accepted.push({ ...position, topicId });
  }
  return accepted;
}

function isOwnedSince(
  group: Group,
  memberId: string,
  { topic, partition, generation }: TopicPartition & { readonly generation: number },
): boolean {
  const since = group.assignmentOf(memberId).ownedSince(topic, partition);
  return since !== undefined && since <= generation && generation <= group.generation;
}

function release(group: Group, memberId: string): GroupRecord[] {
  const assignment = group.assignmentOf(memberId);
  if (assignment.revokingPartitions().length === 0) return [];
  const key = { group: group.name, memberId };
  return [{ kind: 'assignment', key, value: assignment.released() }];
}

function assertStreamMode(group: Group): void {
  if (group.mode !== 'queue') return;
  throw new ProtocolError(
    'INCONSISTENT_GROUP_PROTOCOL',
    `Group "${group.name}" is in queue mode: its positions follow from acknowledgements. Use a reset.`,
  );
}

function commitRecord(
  group: string,
  { topic, partition, ...value }: CommitEntry,
  { nowMs }: DecisionContext,
): GroupRecord {
  return {
    kind: 'offset',
    key: { group, topic, partition },
    value: { ...value, committedAtMs: nowMs },
  };
}
