/** Decisions about putting dead letters of queue groups back into their topics. */
import type { GroupRecord } from '../log/group-records.js';
import {
  afterRedriven,
  afterScan,
  newRedrive,
  type RedrivePlan,
  type RedriveState,
  type ScannedDeadLetters,
} from '../queue/redrive-state.js';
import type { SharePlace } from './decide-queue.js';
import { assertQueue } from './decide-queue-operations.js';
import type { Decision, GroupLimits } from './decision.js';
import type { Group } from './group.js';

/** The progress in a dead-letter partition; that of another topic of the name does not count. */
export function redriveOf(group: Group, { topic, topicId, partition }: SharePlace): RedriveState {
  const known = group.redrives.get(`${topic} ${partition}`)?.state;
  return known?.topicId === topicId ? known : newRedrive(topicId);
}

/**
 * Records which dead letters were scanned.
 * @throws ProtocolError GROUP_ID_NOT_FOUND, INCONSISTENT_GROUP_PROTOCOL, POLICY_VIOLATION
 */
export function decideScanned(
  group: Group,
  place: SharePlace,
  seen: ScannedDeadLetters,
  { redriveWaitingMax }: Pick<GroupLimits, 'redriveWaitingMax'>,
): Decision {
  assertQueue(group);
  const before = redriveOf(group, place);
  const state = afterScan(before, seen, redriveWaitingMax);
  const isSame = JSON.stringify(state) === JSON.stringify(before);
  return isSame ? [] : [redriveRecord(group, place, state)];
}

/** Plans a batch, unless another one is under way. @throws ProtocolError as decideScanned */
export function decideRedrivePlan(group: Group, place: SharePlace, plan: RedrivePlan): Decision {
  assertQueue(group);
  const state = redriveOf(group, place);
  return state.plan === null ? [redriveRecord(group, place, { ...state, plan })] : [];
}

/**
 * Ends a plan: its dead letters are archived, or with `isWritten` of false wait again.
 * @throws ProtocolError as decideScanned
 */
export function decideRedriveEnd(
  group: Group,
  place: SharePlace,
  { plan, isWritten }: { readonly plan: RedrivePlan; readonly isWritten: boolean },
): Decision {
  assertQueue(group);
  const state = redriveOf(group, place);
  const { producerId, sequence } = state.plan ?? {};
  if (producerId !== plan.producerId || sequence !== plan.sequence) return [];
  const next = isWritten ? afterRedriven(state) : { ...state, plan: null };
  return [redriveRecord(group, place, next)];
}

function redriveRecord(
  { name: group }: Group,
  { topic, partition }: SharePlace,
  value: RedriveState,
): GroupRecord {
  return { kind: 'redrive', key: { group, topic, partition }, value };
}
