/** Decisions that remove a group or parts of it, and its configs. */
import { FaultList, ProtocolError } from '#protocol';
import type { GroupRecord } from '../log/group-records.js';
import { AUTO_OFFSET_RESET_CONFIG, KEY_ORDERED_CONFIG } from '../queue/queue-config.js';
import { assertGroupRoom, decideRemoval } from './decide-membership.js';
import { decideShareRemoval } from './decide-queue.js';
import { assertAdmitted, type Decision, type DecisionContext } from './decision.js';
import type { Group } from './group.js';
import { credentialGone } from './member-credential.js';

/** Removes a group without members. @throws ProtocolError NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND */
export function decideDeletion(group: Group): Decision {
  assertAdmitted(group, 'delete');
  return removalRecords(group);
}

/**
 * Removes a group that has had neither members nor commits since a time.
 * @param sinceMs wall-clock time, ms
 */
export function decideExpiry(group: Group, sinceMs: number): Decision {
  if (group.members.size > 0) return [];
  const usedMs = Math.max(
    group.emptySinceMs ?? Number.NEGATIVE_INFINITY,
    group.offsets.lastCommitMs,
  );
  // A group that has only configs was never used.
  if (usedMs === Number.NEGATIVE_INFINITY || usedMs > sinceMs) return [];
  return removalRecords(group);
}

/**
 * Removes a member whose latest credential has expired; nothing when a request with a newer one was
 * decided first.
 */
export function decideExpiredCredential(
  group: Group,
  memberId: string,
  context: DecisionContext,
): Decision {
  const expiresAtMs = group.credentials.get(memberId);
  if (expiresAtMs === undefined || expiresAtMs > context.nowMs) return [];
  if (group.members.has(memberId)) return decideRemoval(group, memberId, context);
  // A coordinator of an earlier version has removed the member.
  return credentialGone(group, memberId);
}

/** Removes the offsets of topics that are gone. */
export function decideStaleOffsets(
  group: Group,
  isStale: (topic: string, topicId: string) => boolean,
): Decision {
  const records: GroupRecord[] = [];
  for (const { topic, partition, value } of group.offsets.entries()) {
    if (!isStale(topic, value.topicId)) continue;
    records.push({ kind: 'offset', key: { group: group.name, topic, partition }, value: null });
  }
  records.push(...decideShareRemoval(group, isStale), ...redriveRemovals(group, isStale));
  return records;
}

/**
 * Sets configs; null resets one to its default. Names and values have been checked.
 * @throws ProtocolError NON_EMPTY_GROUP when the order of keys changes while members may hold
 *   records of one key
 */
export function decideConfigs(
  group: Group,
  changes: ReadonlyMap<string, string | null>,
  context: DecisionContext,
): Decision {
  assertGroupRoom(group, context);
  const configs = new Map(group.configs);
  for (const [name, value] of changes) {
    if (value === null) configs.delete(name);
    else configs.set(name, value);
  }
  const isOrdered = (of: ReadonlyMap<string, string>): boolean =>
    of.get(KEY_ORDERED_CONFIG) === 'true';
  if (isOrdered(configs) !== isOrdered(group.configs) && group.members.size > 0) {
    throw new ProtocolError(
      'NON_EMPTY_GROUP',
      `${KEY_ORDERED_CONFIG} of group "${group.name}" changes only while it has no members.`,
    );
  }
  assertNotLatest(group, changes, context);
  const listed = Array.from(configs, ([name, value]) => ({ name, value }));
  const value = listed.length === 0 ? null : { configs: listed };
  return [{ kind: 'configs', key: { group: group.name }, value }];
}

/**
 * A queue reads topics whose records are deleted on ack from their start.
 * @throws ProtocolError INVALID_CONFIG
 */
function assertNotLatest(
  { mode, knownTopics }: Group,
  changes: ReadonlyMap<string, string | null>,
  { topics }: DecisionContext,
): void {
  if (mode !== 'queue' || changes.get(AUTO_OFFSET_RESET_CONFIG) !== 'latest') return;
  for (const name of knownTopics.keys()) {
    if (topics.topic(name)?.isDeletedOnAck !== true) continue;
    const faults = new FaultList();
    faults.add(
      `/configs/${AUTO_OFFSET_RESET_CONFIG}`,
      `topic "${name}" of this group has sluice.delete.on.ack: a queue reads it from "earliest"`,
    );
    throw new ProtocolError('INVALID_CONFIG', `${faults.sentence}.`, faults.asOptions);
  }
}

/** Removes the progress of redrives in the topics that a condition selects. */
function redriveRemovals(
  { name, redrives }: Group,
  isRemoved: (topic: string, topicId: string) => boolean,
): GroupRecord[] {
  return [...redrives.values()]
    .filter(({ topic, state }) => isRemoved(topic, state.topicId))
    .map(({ topic, partition }) => {
      return { kind: 'redrive', key: { group: name, topic, partition }, value: null };
    });
}

/** The group's own record is last: a group that lost the end of its removal still expires. */
function removalRecords(group: Group): GroupRecord[] {
  const { name } = group;
  const records: GroupRecord[] = [];
  for (const { topic, partition } of group.offsets.entries()) {
    records.push({ kind: 'offset', key: { group: name, topic, partition }, value: null });
  }
  for (const topic of group.knownTopics.keys()) {
    records.push({ kind: 'topic', key: { group: name, topic }, value: null });
  }
  for (const pattern of group.patterns) {
    records.push({ kind: 'pattern', key: { group: name, pattern }, value: null });
  }
  for (const memberId of group.credentials.keys()) records.push(...credentialGone(group, memberId));
  const all = (): boolean => true;
  records.push(...decideShareRemoval(group, all), ...redriveRemovals(group, all));
  if (group.configs.size > 0) records.push({ kind: 'configs', key: { group: name }, value: null });
  records.push({ kind: 'group', key: { group: name }, value: null });
  return records;
}
