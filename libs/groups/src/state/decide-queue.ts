/** Decisions about the records of queue groups: the share partitions' decisions as log records. */
import type { LeaderEpoch, Offset } from '#protocol';
import type { GroupRecord } from '../log/group-records.js';
import {
  type AckResult,
  acknowledgeRecords,
  type RecordAck,
} from '../queue/acknowledge-records.js';
import {
  type AcquiredRun,
  acquireRecords,
  hasDeliverable,
  lockedRuns,
} from '../queue/acquire-records.js';
import {
  type DueOffer,
  offerDue,
  offerRecords,
  offerTruncation,
  type RecordOffer,
  type TruncationOffer,
} from '../queue/offer-records.js';
import { isPaused, shareConfigOf } from '../queue/queue-config.js';
import type { QueueShare } from '../queue/queue-shares.js';
import { releaseExpired, releaseMember } from '../queue/release-records.js';
import type { ShareChange } from '../queue/share-change.js';
import type { ShareContext, ShareTimes } from '../queue/share-context.js';
import type { ShareRecord } from '../queue/share-log-records.js';
import { writeChanges, writeSnapshot } from '../queue/share-log-writer.js';
import { SharePartition } from '../queue/share-partition.js';
import type { Group } from './group.js';

/** Bytes that the lists of one log record may take: far below a batch. */
const PART_BYTES_MAX = 256 * 1024;

/** A partition of a topic as it is now. */
export interface SharePlace {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** Records that a broker found in one partition for a group. */
export interface PartitionOffer extends SharePlace {
  readonly records: RecordOffer | null;
  readonly due: DueOffer | null;
  /** Undefined if the log continues what the group has scanned. */
  readonly truncation?: TruncationOffer;
}

/** Records that a member got from one partition. */
export interface PartitionAcquisition extends SharePlace {
  readonly runs: readonly AcquiredRun[];
}

/** An ack with the partition of its record. */
export interface PartitionAck extends RecordAck, SharePlace {}

function shareContext(group: Group, times: ShareTimes): ShareContext {
  return { ...times, config: shareConfigOf(group) };
}

/** Begins the share partition of a place at a position, unless there is one. */
export function decideOpen(
  group: Group,
  place: SharePlace,
  { offset, leaderEpoch }: { readonly offset: Offset; readonly leaderEpoch?: LeaderEpoch | null },
): GroupRecord[] {
  const { topic, topicId, partition } = place;
  if (group.queue.get(topic, topicId, partition) !== undefined) return [];
  const key = { group: group.name, topic, partition };
  const epoch = group.queue.lastEpoch(topic, partition);
  const position = { topicId, epoch, slot: 0 };
  const state = new SharePartition(offset, leaderEpoch ?? undefined);
  const { records } = writeSnapshot(key, position, state, PART_BYTES_MAX);
  return [...records];
}

/** Takes a part of what a broker found. */
export function decideOffer(
  group: Group,
  offer: PartitionOffer,
  step: 'truncation' | 'due' | 'records',
  times: ShareTimes,
): GroupRecord[] {
  const share = group.queue.get(offer.topic, offer.topicId, offer.partition);
  if (share === undefined) return [];
  const context = shareContext(group, times);
  if (step === 'truncation') {
    const { truncation } = offer;
    const changes = truncation === undefined ? [] : offerTruncation(share.state, truncation);
    return recordsOf(group, share, changes);
  }
  if (step === 'due') {
    return offer.due === null
      ? []
      : recordsOf(group, share, offerDue(share.state, offer.due, context));
  }
  if (offer.records === null) return [];
  return recordsOf(group, share, offerRecords(share.state, offer.records, context));
}

/** Gives records of several partitions to a member, in the order of the places. */
export function decideAcquire(
  group: Group,
  places: readonly SharePlace[],
  command: { readonly member: string; readonly recordsMax: number; readonly receiveId?: string },
  times: ShareTimes,
): { records: GroupRecord[]; acquired: PartitionAcquisition[] } {
  const records: GroupRecord[] = [];
  const acquired: PartitionAcquisition[] = [];
  if (isPaused(group.configs)) return { records, acquired };
  const context = shareContext(group, times);
  const repeated = repeatedAnswer(group, places, command, context);
  if (repeated.length > 0) return { records, acquired: repeated };
  let recordsMax = command.recordsMax;
  for (const place of places) {
    const share = group.queue.get(place.topic, place.topicId, place.partition);
    if (share === undefined || recordsMax <= 0) continue;
    const decision = acquireRecords(
      share.state,
      { ...command, recordsMax, hasOthers: acquired.length > 0 },
      context,
    );
    if (decision.acquired.length === 0) continue;
    records.push(...recordsOf(group, share, decision.changes));
    const { topic, topicId, partition } = place;
    acquired.push({ topic, topicId, partition, runs: decision.acquired });
    for (const { first, last } of decision.acquired) recordsMax -= last - first + 1;
    if (decision.isSingle) break;
  }
  return { records, acquired };
}

/** The answer of an earlier poll with the same id, which was lost. */
function repeatedAnswer(
  group: Group,
  places: readonly SharePlace[],
  { member, receiveId }: { readonly member: string; readonly receiveId?: string },
  context: ShareContext,
): PartitionAcquisition[] {
  if (receiveId === undefined) return [];
  return places.flatMap(({ topic, topicId, partition }) => {
    const share = group.queue.get(topic, topicId, partition);
    const runs = share === undefined ? [] : lockedRuns(share.state, member, receiveId, context);
    return runs.length === 0 ? [] : [{ topic, topicId, partition, runs }];
  });
}

/** Takes acks of one member, in their order, whatever their partitions. */
export function decideAcks(
  group: Group,
  member: string,
  acks: readonly PartitionAck[],
  times: ShareTimes,
): { records: GroupRecord[]; results: AckResult[] } {
  const context = shareContext(group, times);
  const byPlace = new Map<string, { readonly share: QueueShare; readonly at: number[] }>();
  const results = acks.map((): AckResult => 'notAcquired');
  for (const [at, { topic, topicId, partition }] of acks.entries()) {
    const share = group.queue.get(topic, topicId, partition);
    if (share === undefined) continue;
    const key = `${topic} ${partition}`;
    const place = byPlace.get(key) ?? { share, at: [] };
    byPlace.set(key, place);
    place.at.push(at);
  }
  const records: GroupRecord[] = [];
  for (const { share, at } of byPlace.values()) {
    const some = at.map((index) => acks[index] as PartitionAck);
    const decision = acknowledgeRecords(share.state, member, some, context);
    records.push(...recordsOf(group, share, decision.changes));
    for (const [index, result] of decision.results.entries()) results[at[index] as number] = result;
  }
  return { records, results };
}

/** True when a member could get records now. */
export function hasAvailable(group: Group, times: ShareTimes): boolean {
  if (isPaused(group.configs)) return false;
  const context = shareContext(group, times);
  for (const { state } of group.queue.all()) {
    if (hasDeliverable(state, context)) return true;
  }
  return false;
}

/** Releases records whose locks are over. */
export function decideExpiredLocks(group: Group, times: ShareTimes): GroupRecord[] {
  const context = shareContext(group, times);
  return [...group.queue.all()].flatMap((share) =>
    recordsOf(group, share, releaseExpired(share.state, context)),
  );
}

/**
 * Releases the records of a member that is gone.
 * @param isCounted true when its session broke; see releaseMember
 */
export function decideMemberGone(
  group: Group,
  member: string,
  { isCounted, nowMs }: { readonly isCounted: boolean; readonly nowMs: number },
): GroupRecord[] {
  const context = { nowMs, config: shareConfigOf(group) };
  return [...group.queue.all()].flatMap((share) =>
    recordsOf(group, share, releaseMember(share.state, member, isCounted, context)),
  );
}

/** Removes all records of share partitions, or of those that a condition selects. */
export function decideShareRemoval(
  group: Group,
  isRemoved: (topic: string, topicId: string) => boolean,
): GroupRecord[] {
  const records: ShareRecord[] = [];
  for (const { topic, partition, position } of group.queue.all()) {
    if (!isRemoved(topic, position.topicId)) continue;
    const key = { group: group.name, topic, partition };
    for (let slot = 0; slot < position.slot; slot += 1) {
      records.push({ kind: 'share-delta', key: { ...key, slot }, value: null });
    }
    for (const half of [(position.epoch + 1) % 2, position.epoch % 2]) {
      records.push({ kind: 'share-snapshot', key: { ...key, half, chunk: 0 }, value: null });
    }
  }
  return records;
}

/** The records of changes of a share partition. */
export function recordsOf(
  group: Group,
  { topic, partition, position, state }: QueueShare,
  changes: readonly ShareChange[],
): GroupRecord[] {
  if (changes.length === 0) return [];
  const key = { group: group.name, topic, partition };
  const options = { changes, partBytesMax: PART_BYTES_MAX };
  return [...writeChanges(key, position, state, options).records];
}
