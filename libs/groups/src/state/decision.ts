import { type LeaderEpoch, ProtocolError } from '#protocol';
import type { GroupMode, GroupRecord } from '../log/group-records.js';
import type { Group } from './group.js';
import { admissionOf, type GroupRequest } from './group-state.js';
import { assertOwner, type MemberCaller } from './member-owner.js';

/** A topic as the coordinator's broker knows it. */
export interface TopicShape {
  readonly id: string;
  readonly partitionCount: number;
  /** True when records that all queue groups are done with are deleted. */
  readonly isDeletedOnAck: boolean;
  /** Queue groups that the topic's metadata lists. */
  readonly queueGroups: readonly string[];
  /** Leader epoch of each partition, as this broker knows it. */
  readonly leaderEpochs: readonly LeaderEpoch[];
}

/** The topics that members can subscribe to. */
export interface TopicCatalog {
  topic(name: string): TopicShape | undefined;
  /** Names of the topics that a pattern matches as a whole. */
  matching(pattern: string): Iterable<string>;
}

/** Bounds of groups, each a setting, and what is left of them now. */
export interface GroupLimits {
  /** Groups that this broker may still coordinate beside those that it does. */
  readonly groupsFree: number;
  readonly groupsMax: number;
  readonly membersMax: number;
  readonly memberTopicsMax: number;
  /** Bytes that the members, subscriptions and assignments of all groups may still grow by. */
  readonly stateBytesFree: number;
  readonly groupStateBytesMax: number;
  /** Dead letters of one partition that a redrive may leave behind. */
  readonly redriveWaitingMax: number;
}

/** The input of decisions beside the group. */
export interface DecisionContext {
  /** Wall-clock time of the decision, ms. */
  readonly nowMs: number;
  readonly topics: TopicCatalog;
  readonly limits: GroupLimits;
}

export function unknownGroupError(group: string): ProtocolError {
  return new ProtocolError('GROUP_ID_NOT_FOUND', `There is no group "${group}".`);
}

/** Records to write, in this order; none when nothing changes. */
export type Decision = readonly GroupRecord[];

const SENTENCES = {
  NON_EMPTY_GROUP: 'has members: this is possible when all of them have left.',
  GROUP_ID_NOT_FOUND: 'does not exist.',
  UNKNOWN_MEMBER_ID: 'has no members.',
} as const;

/** @throws ProtocolError when the state of the group does not admit a request */
export function assertAdmitted(group: Group, request: GroupRequest): void {
  const code = admissionOf(group.state, request);
  if (code === 'admitted') return;
  const sentence = SENTENCES[code as keyof typeof SENTENCES];
  throw new ProtocolError(code, `Group "${group.name}" ${sentence}`);
}

/**
 * Checks that a member is in the group, and belongs to the caller.
 * @throws ProtocolError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_AUTHORIZATION_FAILED
 */
export function assertMember(group: Group, memberId: string, caller: MemberCaller): void {
  const what = `Member "${memberId}" of group "${group.name}"`;
  assertOwner(group.members.get(memberId), caller, what);
  if (group.members.has(memberId)) return;
  if (group.replacementOf(memberId) !== undefined) {
    throw new ProtocolError(
      'FENCED_MEMBER_EPOCH',
      `Another process took over the instanceId of member "${memberId}". Join again to take it over.`,
    );
  }
  throw new ProtocolError(
    'UNKNOWN_MEMBER_ID',
    `Group "${group.name}" has no member "${memberId}": it has left, or its session is over. Join again.`,
  );
}

/**
 * Refuses a request of the other mode; a group has one mode until it is deleted.
 * @throws ProtocolError INCONSISTENT_GROUP_PROTOCOL
 */
export function assertMode(group: Group, mode: GroupMode): void {
  if (group.mode === null || group.mode === mode) return;
  throw new ProtocolError(
    'INCONSISTENT_GROUP_PROTOCOL',
    `Group "${group.name}" is in ${group.mode} mode until it is deleted; this needs ${mode} mode.`,
  );
}
