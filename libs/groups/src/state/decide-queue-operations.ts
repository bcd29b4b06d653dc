/** Decisions about requests of operators for a queue group: purge, cancel, reset. */
import type { Offset } from '#protocol';
import type { GroupRecord } from '../log/group-records.js';
import { type CancelResult, cancelRecord } from '../queue/cancel-record.js';
import { purgeRecords, resetWindow } from '../queue/move-window.js';
import { shareConfigOf } from '../queue/queue-config.js';
import type { CancelledRecord } from '../queue/share-change.js';
import { positionRecord } from './assign.js';
import { decideOpen, recordsOf, type SharePlace } from './decide-queue.js';
import {
  assertAdmitted,
  assertMode,
  type Decision,
  type DecisionContext,
  unknownGroupError,
} from './decision.js';
import type { Group } from './group.js';

/** An offset of a partition. */
export interface PlaceOffset extends SharePlace {
  readonly offset: Offset;
}

/** @throws ProtocolError GROUP_ID_NOT_FOUND, INCONSISTENT_GROUP_PROTOCOL */
export function assertQueue(group: Group): void {
  if (group.isForgotten) throw unknownGroupError(group.name);
  assertMode(group, 'queue');
}

/**
 * Finishes the records below an offset of each partition that no member has.
 * @throws ProtocolError as assertQueue
 */
export function decidePurge(
  group: Group,
  ends: readonly PlaceOffset[],
  { nowMs }: Pick<DecisionContext, 'nowMs'>,
): Decision {
  assertQueue(group);
  return ends.flatMap(({ offset, ...place }): GroupRecord[] => {
    const share = group.queue.get(place.topic, place.topicId, place.partition);
    if (share !== undefined) return recordsOf(group, share, purgeRecords(share.state, offset));
    return [
      positionRecord(group.name, { ...place, offset }, nowMs),
      ...decideOpen(group, place, { offset }),
    ];
  });
}

/**
 * Begins the share partition of a place where the group has a position, and no member polled yet.
 * @throws ProtocolError as assertQueue
 */
export function decideOpenAtPosition(group: Group, place: SharePlace): Decision {
  assertQueue(group);
  const position = group.offsets.get(place.topic, place.partition);
  return position?.topicId === place.topicId ? decideOpen(group, place, position) : [];
}

/** Finishes one record that waits; undefined when the group does not have the partition. */
export function decideCancel(
  group: Group,
  { topic, topicId, partition }: SharePlace,
  record: CancelledRecord,
): { readonly result: CancelResult | undefined; readonly records: Decision } {
  const share = group.queue.get(topic, topicId, partition);
  if (share === undefined) return { result: undefined, records: [] };
  const { result, changes } = cancelRecord(share.state, record, { config: shareConfigOf(group) });
  return { result, records: recordsOf(group, share, changes) };
}

/**
 * Moves the group: delivery begins again at an offset of each partition, and what was known of its
 * records is forgotten.
 * @throws ProtocolError as assertQueue; NON_EMPTY_GROUP
 */
export function decideQueueReset(
  group: Group,
  targets: readonly PlaceOffset[],
  { nowMs }: Pick<DecisionContext, 'nowMs'>,
): Decision {
  assertQueue(group);
  assertAdmitted(group, 'offsetsFromOutside');
  return targets.flatMap((target): GroupRecord[] => {
    const { topic, topicId, partition, offset } = target;
    const share = group.queue.get(topic, topicId, partition);
    return [
      positionRecord(group.name, target, nowMs),
      ...(share === undefined ? [] : recordsOf(group, share, resetWindow(offset))),
    ];
  });
}
