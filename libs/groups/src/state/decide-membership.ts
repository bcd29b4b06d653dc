/** Decisions about joining and leaving. */
import { ProtocolError } from '#protocol';
import type {
  AssignorName,
  AutoOffsetReset,
  GroupMode,
  GroupRecord,
  MemberValue,
} from '../log/group-records.js';
import { decideMemberGone } from './decide-queue.js';
import { assertAdmitted, assertMode, type Decision, type DecisionContext } from './decision.js';
import type { Group } from './group.js';
import { MemberAssignment } from './member-assignment.js';
import { credentialGone, credentialOfJoin } from './member-credential.js';
import { assertOwner, type MemberCaller, ownerOf } from './member-owner.js';
import { isReadFromZero, subscribedTopics } from './subscription.js';

/** Replaced processes of one `instanceId` that are remembered. */
const REPLACED_MAX = 8;

/** A request to join. Ids, names and patterns have been checked. */
export interface JoinCommand {
  readonly kind: 'join';
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string | null;
  readonly topics: readonly string[];
  readonly patterns: readonly string[];
  readonly mode: GroupMode;
  readonly assignor: AssignorName;
  readonly sessionTimeoutMs: number | null;
  readonly maxPollIntervalMs: number;
  readonly autoOffsetReset: AutoOffsetReset;
  readonly autoCommit: boolean;
  /** Broker epoch of the process that has the member's connection, if it has one. */
  readonly brokerEpoch?: number;
  /** The member belongs to this caller. */
  readonly caller?: MemberCaller;
}

/**
 * Adds a member, or does nothing when the same join was decided before. A process with the instance
 * id of another member replaces that member and has its partitions at once.
 * @throws ProtocolError INCONSISTENT_GROUP_PROTOCOL, UNRELEASED_INSTANCE_ID,
 *   GROUP_MAX_SIZE_REACHED, POLICY_VIOLATION, NO_OFFSET_FOR_PARTITION, GROUP_AUTHORIZATION_FAILED
 *   for the id of a member of another principal
 */
export function decideJoin(group: Group, join: JoinCommand, context: DecisionContext): Decision {
  assertAdmitted(group, 'join');
  assertGroupRoom(group, context);
  assertMode(group, join.mode);
  assertNotFenced(group, join);
  assertIdsAreOwn(group, join);
  const { memberId, instanceId } = join;
  const present = group.members.get(memberId);
  const replaced = instanceId === null ? undefined : group.memberOfInstance(instanceId);
  const isTakeover = replaced !== undefined && replaced !== memberId;
  if (present === undefined && !isTakeover) assertRoom(group, context);
  assertTopicCount(join, context);
  const fenced = isTakeover ? idsFencedWith(group, replaced) : (present?.replaced ?? []);
  const member = memberValue(join, fenced);
  const credential = credentialOfJoin(group, join);
  if (present !== undefined && isSameMember(present, member)) return credential;
  const topics = newTopics(group, join, context);
  if (join.autoOffsetReset === 'none') assertPositions(group, join, topics, context);
  const records: GroupRecord[] = [];
  const { generation } = group;
  const head = { mode: join.mode, generation, emptySinceMs: null };
  if (isTakeover) records.push(...takeover(group, replaced, join, context));
  else if (group.members.size === 0) records.push(groupRecord(group, head));
  records.push(...topics, ...newPatterns(group, join));
  records.push({ kind: 'member', key: { group: group.name, memberId }, value: member });
  records.push(...credential);
  assertStateBytes(records, context);
  return records;
}

/**
 * Removes a member; nothing when it is gone already. Records that it has in a queue return to it,
 * and with `isDeliveryCounted` their deliveries count: one of them may have ended the member.
 */
export function decideRemoval(
  group: Group,
  memberId: string,
  {
    nowMs,
    isDeliveryCounted: isCounted = false,
  }: Pick<DecisionContext, 'nowMs'> & { readonly isDeliveryCounted?: boolean },
): Decision {
  if (!group.members.has(memberId)) return [];
  const key = { group: group.name, memberId };
  const records: GroupRecord[] = [
    ...decideMemberGone(group, memberId, { isCounted, nowMs }),
    ...credentialGone(group, memberId),
    { kind: 'assignment', key, value: null },
    { kind: 'member', key, value: null },
  ];
  if (group.members.size > 1) return records;
  return [...records, groupRecord(group, { ...group.head, emptySinceMs: nowMs })];
}

/** @throws ProtocolError GROUP_AUTHORIZATION_FAILED */
function assertIdsAreOwn(group: Group, { memberId, instanceId, caller }: JoinCommand): void {
  const { members } = group;
  assertOwner(members.get(memberId), caller, `Member "${memberId}" of group "${group.name}"`);
  if (instanceId === null) return;
  const replaced = group.memberOfInstance(instanceId);
  const member = replaced === undefined ? undefined : members.get(replaced);
  assertOwner(member, caller, `instanceId "${instanceId}" of group "${group.name}"`);
}

/** Stops a replaced process from taking its instance id back by repeating its join. */
function assertNotFenced(group: Group, { memberId, instanceId }: JoinCommand): void {
  const replacement = group.replacementOf(memberId);
  if (replacement === undefined) return;
  const name = instanceId === null ? 'this member' : `instanceId "${instanceId}"`;
  throw new ProtocolError(
    'UNRELEASED_INSTANCE_ID',
    `Another process has taken over ${name} and is a member. ` +
      'Stop that process, or join without this memberId to replace it.',
  );
}

function assertRoom(group: Group, { limits: { membersMax } }: DecisionContext): void {
  if (group.members.size < membersMax) return;
  throw new ProtocolError(
    'GROUP_MAX_SIZE_REACHED',
    `A group has at most ${membersMax} members (SLUICE_GROUP_MEMBERS_MAX).`,
    { bound: 'SLUICE_GROUP_MEMBERS_MAX' },
  );
}

/** @throws ProtocolError POLICY_VIOLATION */
export function assertGroupRoom(group: Group, { limits }: DecisionContext): void {
  if (!group.isForgotten || limits.groupsFree > 0) return;
  throw new ProtocolError(
    'POLICY_VIOLATION',
    `A broker coordinates at most ${limits.groupsMax} groups (SLUICE_GROUPS_MAX). Delete groups ` +
      'that are not used any more.',
    { bound: 'SLUICE_GROUPS_MAX' },
  );
}

function assertTopicCount(join: JoinCommand, { limits }: DecisionContext): void {
  const count = join.topics.length + join.patterns.length;
  if (count <= limits.memberTopicsMax) return;
  throw new ProtocolError(
    'POLICY_VIOLATION',
    `A member subscribes to at most ${limits.memberTopicsMax} topics and patterns ` +
      `(SLUICE_GROUP_MEMBER_TOPICS_MAX), this one to ${count}.`,
    { bound: 'SLUICE_GROUP_MEMBER_TOPICS_MAX' },
  );
}

function assertStateBytes(records: readonly GroupRecord[], { limits }: DecisionContext): void {
  if (JSON.stringify(records).length <= limits.stateBytesFree) return;
  throw new ProtocolError(
    'POLICY_VIOLATION',
    `A broker keeps at most ${limits.groupStateBytesMax} bytes of members, subscriptions and ` +
      'assignments (SLUICE_GROUP_STATE_BYTES). Use fewer groups or members.',
    { bound: 'SLUICE_GROUP_STATE_BYTES' },
  );
}

/** Returns the ids that are fenced once a member is replaced: its own, and those it replaced. */
function idsFencedWith(group: Group, memberId: string): readonly string[] {
  const earlier = group.members.get(memberId)?.replaced ?? [];
  return [memberId, ...earlier].slice(0, REPLACED_MAX);
}

function memberValue(join: JoinCommand, replaced: readonly string[]): MemberValue {
  const { kind: _, memberId: __, mode: ___, caller, ...member } = join;
  const owner = ownerOf(caller);
  return { ...member, replaced, ...(owner === undefined ? undefined : { owner }) };
}

function isSameMember(one: MemberValue, other: MemberValue): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof MemberValue>;
  return [...names].every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}

/** Records of the topics that the group subscribes to for the first time. */
function newTopics(group: Group, join: JoinCommand, context: DecisionContext): GroupRecord[] {
  const records: GroupRecord[] = [];
  const reset = join.autoOffsetReset;
  const added = new Set<string>();
  const add = (topic: string): void => {
    if (group.knownTopics.has(topic) || added.has(topic)) return;
    added.add(topic);
    const shape = context.topics.topic(topic);
    const value = {
      topicId: shape?.id ?? null,
      partitions: shape?.partitionCount ?? 0,
      reset,
      leaderEpochs: shape?.leaderEpochs ?? [],
    };
    records.push({ kind: 'topic', key: { group: group.name, topic }, value });
  };
  for (const topic of join.topics) add(topic);
  for (const pattern of join.patterns) {
    // A topic that matches a known pattern and is not known itself is younger than the pattern.
    if (group.patterns.has(pattern)) continue;
    for (const topic of context.topics.matching(pattern)) add(topic);
  }
  return records;
}

function newPatterns(group: Group, { patterns }: JoinCommand): GroupRecord[] {
  const { name, generation } = group;
  return patterns
    .filter((pattern) => !group.patterns.has(pattern))
    .map((pattern) => ({ kind: 'pattern', key: { group: name, pattern }, value: { generation } }));
}

/** @throws ProtocolError NO_OFFSET_FOR_PARTITION */
function assertPositions(
  group: Group,
  join: JoinCommand,
  added: readonly GroupRecord[],
  { topics }: DecisionContext,
): void {
  const isAdded = new Set(added.map(({ key }) => ('topic' in key ? key.topic : '')));
  for (const topic of subscribedTopics(join, topics)) {
    const shape = topics.topic(topic);
    if (shape === undefined) continue;
    for (let partition = 0; partition < shape.partitionCount; partition += 1) {
      if (group.offsets.has(topic, shape.id, partition)) continue;
      const target = { topic, topicId: shape.id, partition };
      if (!isAdded.has(topic) && isReadFromZero(group, target)) continue;
      throw new ProtocolError(
        'NO_OFFSET_FOR_PARTITION',
        `Group "${group.name}" has no committed offset for partition ${partition} of topic ` +
          `"${topic}", and autoOffsetReset is "none". Commit one, or join with "earliest" or "latest".`,
      );
    }
  }
}

/** Moves what a member owns and does not have to release to the process that replaces it. */
function takeover(
  group: Group,
  replaced: string,
  { memberId, mode }: JoinCommand,
  { nowMs }: DecisionContext,
): GroupRecord[] {
  const generation = group.generation + 1;
  const { owned, target } = new MemberAssignment(group.assignmentOf(replaced).released()).value;
  const since = owned.map((one) => ({ ...one, since: one.partitions.map(() => generation) }));
  const { name } = group;
  return [
    groupRecord(group, { mode, generation, emptySinceMs: null }),
    // The process that is replaced has died, perhaps because of a record.
    ...decideMemberGone(group, replaced, { isCounted: true, nowMs }),
    ...credentialGone(group, replaced),
    { kind: 'assignment', key: { group: name, memberId: replaced }, value: null },
    {
      kind: 'assignment',
      key: { group: name, memberId },
      value: { generation, owned: since, target },
    },
    { kind: 'member', key: { group: name, memberId: replaced }, value: null },
  ];
}

function groupRecord(group: Group, value: Group['head']): GroupRecord {
  return { kind: 'group', key: { group: group.name }, value };
}
