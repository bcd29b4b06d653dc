/**
 * The records of `__consumer_offsets` as values (docs/reference/consumer-offsets.md). The state of
 * a group is the fold of its records in the order of the log; the newest record of each key is
 * enough, because the log is compacted.
 */
import type { LeaderEpoch, Offset } from '#protocol';
import type { RedriveState } from '../queue/redrive-state.js';
import type { ShareRecord } from '../queue/share-log-records.js';

/** The way in which a group hands out records; it has one until it is deleted or expires. */
export type GroupMode = 'stream' | 'queue';
/** Position of a partition for which the group has no committed offset. */
export type AutoOffsetReset = 'latest' | 'earliest' | 'none';
export type AssignorName = 'sticky' | 'range' | 'roundrobin';

export interface OffsetKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface OffsetValue {
  /**
   * Id of the topic. A committed offset ends with its topic: it counts only while the topic has
   * this id.
   */
  readonly topicId: string;
  readonly offset: Offset;
  readonly leaderEpoch: LeaderEpoch | null;
  readonly metadata: string | null;
  readonly committedAtMs: number;
}

/** The group itself; written with every change of an assignment. */
export interface GroupValue {
  /** Null until the first member joins. */
  readonly mode: GroupMode | null;
  /** Number of changes of the group's assignment. Only grows. */
  readonly generation: number;
  /** Time at which the last member left, by the broker's clock, ms; null with members. */
  readonly emptySinceMs: number | null;
}

/** A topic that the group has subscribed to, as it was then. */
export interface KnownTopicValue {
  /** Null when there was no such topic. */
  readonly topicId: string | null;
  /** Number of its partitions then: later partitions are read from offset 0. */
  readonly partitions: number;
  /** Policy of the member that subscribed first. */
  readonly reset: AutoOffsetReset;
  /**
   * Leader epoch of each of those partitions then; absent in records of an earlier version. A
   * partition whose leader could not be asked then is read with `latest` from the start of the next
   * epoch.
   */
  readonly leaderEpochs?: readonly LeaderEpoch[];
}

export interface MemberValue {
  readonly instanceId: string | null;
  readonly clientId: string | null;
  readonly topics: readonly string[];
  /** Patterns of whole topic names, RE2 syntax. */
  readonly patterns: readonly string[];
  readonly assignor: AssignorName;
  /** The member's own session time-out; null: the group's. */
  readonly sessionTimeoutMs: number | null;
  readonly maxPollIntervalMs: number;
  readonly autoOffsetReset: AutoOffsetReset;
  readonly autoCommit: boolean;
  /** Member ids of the processes that had this `instanceId` before, the latest first: fenced. */
  readonly replaced: readonly string[];
  /**
   * Broker epoch of the process that has the member's connection; absent without one. When that
   * process ends, the member leaves, unless it is static.
   */
  readonly brokerEpoch?: number;
  /** Caller that the member belongs to; absent in members that belong to everybody. */
  readonly owner?: MemberOwner;
}

/** The caller that added a member, as it was then. */
export interface MemberOwner {
  readonly principal: string;
  readonly groups: readonly string[];
  readonly isSuperUser: boolean;
}

export interface AssignmentValue {
  /** Generation in which the member's target last changed. */
  readonly generation: number;
  /** Partitions that only this member reads, each with the generation since which it has it. */
  readonly owned: readonly OwnedPartitions[];
  /** Partitions that the member should own. An owned one that is not among them is revoked. */
  readonly target: readonly TargetPartitions[];
}

export interface OwnedPartitions {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
  /** Generation since which the member owns each of them, in the same order. */
  readonly since: readonly number[];
}

export interface TargetPartitions {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
}

/** The latest credential of a member without a connection; a record only if it expires. */
interface CredentialValue {
  /** Time at which it expires, ms since the epoch. */
  readonly expiresAtMs: number;
}

interface PatternValue {
  /** Generation in which the group first subscribed to the pattern. */
  readonly generation: number;
}

interface ConfigsValue {
  readonly configs: readonly { readonly name: string; readonly value: string }[];
}

interface Keyed<Kind extends string, Key, Value> {
  readonly kind: Kind;
  readonly key: Key;
  /** Null removes the key. */
  readonly value: Value | null;
}

interface GroupKey {
  readonly group: string;
}

export type OffsetRecord = Keyed<'offset', OffsetKey, OffsetValue>;
type GroupHeadRecord = Keyed<'group', GroupKey, GroupValue>;
type ConfigsRecord = Keyed<'configs', GroupKey, ConfigsValue>;
type KnownTopicRecord = Keyed<'topic', GroupKey & { readonly topic: string }, KnownTopicValue>;
/** A pattern that the group has subscribed to: a new topic that it matches is read from 0. */
type PatternRecord = Keyed<'pattern', GroupKey & { readonly pattern: string }, PatternValue>;
type MemberKey = GroupKey & { readonly memberId: string };
export type MemberRecord = Keyed<'member', MemberKey, MemberValue>;
export type AssignmentRecord = Keyed<'assignment', MemberKey, AssignmentValue>;
export type CredentialRecord = Keyed<'credential', MemberKey, CredentialValue>;

/** The progress of putting dead letters of a partition of a dead-letter topic back. */
export type RedriveRecord = Keyed<'redrive', OffsetKey, RedriveState>;

export type GroupRecord =
  | ShareRecord
  | OffsetRecord
  | GroupHeadRecord
  | ConfigsRecord
  | KnownTopicRecord
  | PatternRecord
  | MemberRecord
  | AssignmentRecord
  | CredentialRecord
  | RedriveRecord;

export type GroupRecordKind = GroupRecord['kind'];
