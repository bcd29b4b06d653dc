/**
 * The part of the `Broker` port for consumer groups. Any broker takes any call; the group's
 * coordinator decides it, and the broker that was called reads the records.
 */
import type { JoinRequest, MemberCommit } from '#groups';
import type { RecordBatch } from '#log';
import type { LeaderEpoch, Offset, ProtocolError, TopicPartition } from '#protocol';
import type { Requester } from '../requester.js';
import type { GroupMembers } from './group-members.js';
import type { QueueRead } from './queue-receiver.js';
import type { Queues } from './queues.js';

export type { JoinRequest, TopicChoice } from '#groups';
export type { QueueRead } from './queue-receiver.js';

export interface Groups {
  /** The same groups for the requests of one requester; see `Broker.as`. */
  as(requester: Requester): Groups;
  /** Members whose connections this broker has. */
  readonly members: GroupMembers;
  /** Operations on queue groups. */
  readonly queues: Queues;
  /**
   * Adds a member and answers its assignment once the positions of its partitions are committed. A
   * join with the same `memberId` may be repeated.
   * @throws ProtocolError INVALID_REQUEST, INCONSISTENT_GROUP_PROTOCOL, UNRELEASED_INSTANCE_ID,
   *   GROUP_MAX_SIZE_REACHED, NO_OFFSET_FOR_PARTITION, POLICY_VIOLATION, COORDINATOR_NOT_AVAILABLE
   */
  join(group: string, request: JoinRequest): Promise<MemberState>;
  /**
   * Renews a member's session.
   * @param generation of an answer that the member received: releases the partitions that this
   *   answer named as revoked
   * @throws ProtocolError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, COORDINATOR_NOT_AVAILABLE
   */
  heartbeat(group: string, memberId: string, generation?: number): Promise<MemberHeartbeatState>;
  /**
   * Reads records of the member's partitions; in a queue group, gets records under locks.
   * @throws ProtocolError as heartbeat; INVALID_REQUEST for a cursor of another origin
   */
  poll(
    group: string,
    memberId: string,
    request: MemberPollRequest,
  ): Promise<MemberRecords | QueueRecords>;
  /** Applies the acks of a queue's member. @returns one result per ack, in their order */
  acknowledge(
    group: string,
    memberId: string,
    acks: readonly QueueAck[],
  ): Promise<readonly QueueAckResult[]>;
  /** Commits offsets of a member, all or none. @throws ProtocolError ILLEGAL_GENERATION */
  commitAsMember(commit: MemberCommit): Promise<void>;
  /** Removes a member; does nothing for one that has left already. */
  leave(group: string, memberId: string): Promise<void>;
  /** Groups by name. */
  list(request: GroupListRequest): Promise<GroupList>;
  /** @throws ProtocolError GROUP_ID_NOT_FOUND */
  describe(group: string): Promise<GroupDescription>;
  /** @throws ProtocolError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
  delete(group: string): Promise<void>;
  configs(group: string): Promise<GroupConfigsDescription>;
  /** Sets configs of a group, which may not exist yet; null resets one. */
  alterConfigs(
    group: string,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<GroupConfigsDescription>;
  /** Moves the committed offsets of a topic. @throws ProtocolError NON_EMPTY_GROUP */
  resetOffsets(group: string, request: OffsetResetRequest): Promise<OffsetMove[]>;
}

export interface MemberState {
  readonly memberId: string;
  readonly generation: number;
  readonly assignment: readonly TopicPartition[];
  /** Partitions that the member must release: it gets no more records of them. */
  readonly revoking: readonly TopicPartition[];
}

/** A member as a heartbeat answers it. */
export interface MemberHeartbeatState extends MemberState {
  /** Positions that the next poll moves, because their records are gone. */
  readonly resets: readonly PositionReset[];
}

export interface MemberPollRequest {
  /** Cursor of the last answer that arrived; it acknowledges the records of that answer. */
  readonly cursor?: string;
  /**
   * An id of this poll, in a queue group: while its records are locked, a poll with the same id is
   * answered with the same records.
   */
  readonly receiveId?: string;
  /** Number of records. */
  readonly limit: number;
  /** Bytes of records; the first record always fits. */
  readonly maxBytes: number;
  /** Longest wait for records, in ms. */
  readonly waitMs: number;
  /**
   * Called when the poll begins to wait, which most polls never do.
   * @returns ends the wait at once
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED when the caller may not wait
   */
  readonly beginWait?: () => AbortSignal;
}

/** A poll and its requester, who is undefined while authentication is off. */
export type RequestedPoll = MemberPollRequest & { readonly requester?: Requester | undefined };

/** Records that a member of a queue group received under locks. */
export interface QueueRecords {
  readonly generation: number;
  readonly assignment: readonly TopicPartition[];
  /** Partitions whose next records were deleted before the group scanned them. */
  readonly resets: readonly PositionReset[];
  /** Reads in the order in which their records are answered. */
  readonly reads: readonly QueueRead[];
}

export interface QueueAck extends TopicPartition {
  readonly offset: Offset;
  readonly type: 'ack' | 'nack' | 'extend' | 'reject';
  /** The delivery that the ack is for; by default the current one. */
  readonly deliveryCount?: number;
  /** Time until a nacked record is delivered again, ms. */
  readonly delayMs?: number;
  /** Text that the dead letter of a rejected record carries. */
  readonly reason?: string;
}

export interface QueueAckResult extends TopicPartition {
  readonly offset: Offset;
  /** Undefined when the ack was applied. */
  readonly error: ProtocolError | undefined;
}

/** Records of several partitions, as batches that the transport renders. */
export interface MemberRecords extends MemberState {
  /** Reads in the order in which their records are answered. */
  readonly reads: readonly PartitionRead[];
  /** Positions that were moved because their records are gone. */
  readonly resets: readonly PositionReset[];
  /**
   * The cursor of the answer.
   * @param nextOffsets offset after the last answered record of each read, in the order of `reads`
   */
  readonly cursorAfter: (nextOffsets: readonly Offset[]) => string;
}

export interface PartitionRead extends TopicPartition {
  /** Offset of the first record to answer; the first batch may begin below it. */
  readonly offset: Offset;
  /** Epoch of the leader that answered. */
  readonly leaderEpoch: LeaderEpoch;
  readonly batches: readonly RecordBatch[];
}

export interface PositionReset extends TopicPartition {
  readonly from: Offset;
  readonly to: Offset;
  readonly reason: string;
}

export interface GroupListRequest {
  /** The list begins after this name. */
  readonly after?: string;
  readonly limit: number;
}

export interface GroupList {
  readonly groups: readonly GroupListEntry[];
  /** Name to continue after; null at the end of the list. */
  readonly nextAfter: string | null;
}

export interface GroupListEntry {
  readonly group: string;
  /** Null where no member has joined yet. */
  readonly mode: 'stream' | 'queue' | null;
  readonly state: string;
  readonly members: number;
}

export interface GroupDescription {
  readonly group: string;
  readonly mode: 'stream' | 'queue' | null;
  readonly state: string;
  /** Id of the broker that coordinates the group; null when it is not known. */
  readonly coordinator: number | null;
  readonly generation: number;
  readonly members: readonly GroupMemberDescription[];
  readonly partitions: readonly GroupPartitionDescription[];
  /** Sum of the lags; null when one is not known. */
  readonly lag: number | null;
  /** Number of dead letters; null for a group that is not a queue. */
  readonly deadLetters: number | null;
}

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string | null;
  readonly assignment: readonly TopicPartition[];
  readonly lag: number | null;
}

export interface GroupPartitionDescription extends TopicPartition {
  readonly offset: Offset | null;
  readonly lag: number | null;
  /** Member that owns the partition; null in a queue, whose members share it. */
  readonly owner: string | null;
  /** Records of a queue that wait for a member; null for other groups and while unknown. */
  readonly available: number | null;
  /** Records that members of a queue have. */
  readonly acquired: number | null;
  /** Records of a queue that wait for a time. */
  readonly delayed: number | null;
}

export interface GroupConfigsDescription {
  readonly configs: Readonly<Record<string, string>>;
  readonly configSources: Readonly<Record<string, 'group' | 'default'>>;
}

/** The offset to which a reset moves a group. Beyond an end of the log, it is that end. */
export type OffsetResetTarget =
  | 'earliest'
  | 'latest'
  | { readonly timestampMs: number }
  | { readonly offset: Offset }
  /** Records forward from the committed offset, or backward when negative. */
  | { readonly shift: number };

export interface OffsetResetRequest {
  readonly topic: string;
  /** All partitions unless given. */
  readonly partitions?: readonly number[];
  readonly to: OffsetResetTarget;
  /** Answers without committing. */
  readonly dryRun: boolean;
}

export interface OffsetMove extends TopicPartition {
  /** Null where nothing was committed. */
  readonly from: Offset | null;
  readonly to: Offset;
}
