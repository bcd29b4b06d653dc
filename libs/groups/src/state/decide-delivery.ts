/** The decision who gets which records, for all members of a queue that a broker delivers to. */

import type { GroupRecord } from '../log/group-records.js';
import { availableCount, deliverable, isSuspect, runsOf } from '../queue/acquire-records.js';
import { fairShares } from '../queue/fair-shares.js';
import { rangesOf } from '../queue/offset-ranges.js';
import { isPaused, shareConfigOf } from '../queue/queue-config.js';
import type { QueueShare } from '../queue/queue-shares.js';
import type { ShareContext, ShareTimes } from '../queue/share-context.js';
import type { WindowRecord } from '../queue/window-record.js';
import { type PartitionAcquisition, recordsOf } from './decide-queue.js';
import type { Group } from './group.js';
import type { TopicIdPartition } from './member-assignment.js';

/** A member that has room for records. */
export interface MemberDemand {
  readonly memberId: string;
  readonly recordsMax: number;
}

interface DeliveryCommand {
  /** Members of the group. */
  readonly demands: readonly MemberDemand[];
  /** Other members that wait for records: their shares are kept for them. */
  readonly waiting: readonly MemberDemand[];
  /** Id of the call: a call with the same id is answered with the records of the first one. */
  readonly deliveryId: string;
  /** Records that a member may have. */
  readonly unacknowledgedMax: number;
  /** Number of the call: each begins with another partition and another member. */
  readonly turn: number;
}

interface DeliveryDecision {
  readonly records: readonly GroupRecord[];
  readonly acquired: ReadonlyMap<string, readonly PartitionAcquisition[]>;
  /** Members that wait, and for which records were left. */
  readonly keptFor: readonly string[];
}

/** A member that gets records in this decision. */
interface Taker {
  readonly memberId: string;
  readonly held: number;
  readonly room: number;
  /** False for a member that waits: records are left for it. */
  readonly isAsking: boolean;
}

/** A record that may be delivered, with its share partition. */
interface Candidate {
  readonly share: QueueShare;
  readonly record: WindowRecord;
}

/**
 * Gives available records to members, so that all have about the same number, together with the
 * members that wait at other brokers.
 *
 * A record that has used half of its deliveries is suspected of killing its workers: it is given to
 * a member that has no other record and gets none until it is done. While all members have records,
 * the one with the fewest gets no more of them until it has none.
 */
export function decideDelivery(
  group: Group,
  command: DeliveryCommand,
  times: ShareTimes,
): DeliveryDecision {
  const context = { ...times, config: shareConfigOf(group) };
  if (isPaused(group.configs)) return { records: [], acquired: new Map(), keptFor: [] };
  const held = new HeldRecords(group, command.deliveryId, context);
  if (held.repeated.size > 0) return { records: [], acquired: held.repeated, keptFor: [] };
  const keptFor: string[] = [];
  const given = new GivenRecords(command.deliveryId, context);
  for (const takers of takersByTopics(group, command, held)) {
    const [first] = takers;
    if (first === undefined) continue;
    const places = rotated(group.assignmentOf(first.memberId).assignedPartitions(), command.turn);
    keptFor.push(...give(takers, candidatesOf(group, places, takers, { given, context }), given));
  }
  return { ...given.decision(group), keptFor };
}

/** The places, beginning with another one at each turn. */
export function rotated<Place>(places: readonly Place[], turn: number): Place[] {
  const at = places.length === 0 ? 0 : turn % places.length;
  return [...places.slice(at), ...places.slice(0, at)];
}

/** The records that members have. */
class HeldRecords {
  /** Records of an earlier call with the same id. */
  readonly repeated = new Map<string, PartitionAcquisition[]>();
  /** Members that have a record which must be delivered alone. */
  readonly suspects = new Set<string>();
  readonly #counts = new Map<string, number>();

  constructor(group: Group, deliveryId: string, context: ShareContext) {
    for (const share of group.queue.all()) {
      if (share.state.acquired.size === 0) continue;
      for (const [memberId, count] of share.state.acquired) {
        this.#counts.set(memberId, this.count(memberId) + count);
      }
      this.#look(share, deliveryId, context);
    }
  }

  count(memberId: string): number {
    return this.#counts.get(memberId) ?? 0;
  }

  #look(share: QueueShare, deliveryId: string, context: ShareContext): void {
    const again = new Map<string, WindowRecord[]>();
    for (const record of share.state.window.records) {
      const { delivery } = record;
      if (delivery === undefined) continue;
      if (isSuspect(record, context)) this.suspects.add(delivery.member);
      const isAlive = delivery.lockUntilMs > context.monotonicMs;
      if (delivery.receiveId === deliveryId && isAlive) push(again, delivery.member, record);
    }
    const { topic, partition, position } = share;
    for (const [memberId, records] of again) {
      const { topicId } = position;
      push(this.repeated, memberId, { topic, topicId, partition, runs: runsOf(records) });
    }
  }
}

/** The records that this decision gives to members. */
class GivenRecords {
  readonly #context: ShareContext;
  readonly #byShare = new Map<
    string,
    { share: QueueShare; byMember: Map<string, WindowRecord[]> }
  >();
  readonly #records = new Set<WindowRecord>();

  constructor(
    readonly deliveryId: string,
    context: ShareContext,
  ) {
    this.#context = context;
  }

  has(record: WindowRecord): boolean {
    return this.#records.has(record);
  }

  add(memberId: string, { share, record }: Candidate): void {
    const key = `${share.topic} ${share.partition}`;
    const entry = this.#byShare.get(key) ?? { share, byMember: new Map<string, WindowRecord[]>() };
    this.#byShare.set(key, entry);
    push(entry.byMember, memberId, record);
    this.#records.add(record);
  }

  decision(group: Group): Omit<DeliveryDecision, 'keptFor'> {
    const { lockMs } = this.#context.config;
    const { deliveryId: receiveId } = this;
    const records: GroupRecord[] = [];
    const acquired = new Map<string, PartitionAcquisition[]>();
    for (const { share, byMember } of this.#byShare.values()) {
      const { topic, partition, position } = share;
      const changes = Array.from(byMember, ([member, some]) => {
        const ranges = rangesOf(some.map(({ offset }) => offset));
        return { kind: 'acquired', member, receiveId, lockMs, ranges } as const;
      });
      records.push(...recordsOf(group, share, changes));
      for (const [memberId, some] of byMember) {
        const runs = runsOf(some);
        push(acquired, memberId, { topic, topicId: position.topicId, partition, runs });
      }
    }
    return { records, acquired };
  }
}

/** Members that can take records, in groups of those that read the same partitions. */
function takersByTopics(
  group: Group,
  { demands, waiting, unacknowledgedMax, turn }: DeliveryCommand,
  held: HeldRecords,
): Iterable<readonly Taker[]> {
  const byTopics = new Map<string, Taker[]>();
  const asking = new Set(demands.map(({ memberId }) => memberId));
  // Members that ask come first: a rest that does not suffice for all is for one of them.
  for (const { memberId, recordsMax } of [...rotated(demands, turn), ...waiting]) {
    if (held.suspects.has(memberId)) continue;
    const count = held.count(memberId);
    const room = Math.min(recordsMax, unacknowledgedMax - count);
    if (room <= 0) continue;
    const topics = group.assignmentOf(memberId).value.owned.map(({ topic }) => topic);
    const isAsking = asking.has(memberId);
    push(byTopics, topics.join(' '), { memberId, held: count, room, isAsking });
  }
  return [...byTopics.values()].filter((takers) => takers.some(({ isAsking }) => isAsking));
}

/** Records of partitions that may be delivered: as many as there is room for, and suspects. */
function candidatesOf(
  group: Group,
  places: readonly TopicIdPartition[],
  takers: readonly Taker[],
  { given, context }: { readonly given: GivenRecords; readonly context: ShareContext },
): { readonly plain: Candidate[]; readonly suspects: Candidate[] } {
  const plain: Candidate[] = [];
  const suspects: Candidate[] = [];
  let room = takers.reduce((total, taker) => total + taker.room, 0);
  for (const { topic, topicId, partition } of places) {
    const share = group.queue.get(topic, topicId, partition);
    if (share === undefined) continue;
    for (const record of deliverable(share.state, context)) {
      if (room <= 0) return { plain, suspects };
      if (given.has(record)) continue;
      if (isSuspect(record, context)) {
        if (suspects.length < takers.length) suspects.push({ share, record });
        continue;
      }
      plain.push({ share, record });
      room -= 1;
    }
  }
  return { plain, suspects };
}

/**
 * Gives suspects to members without records, and divides the other records among the rest.
 * @returns members that wait, and for which records were left
 */
function give(
  takers: readonly Taker[],
  { plain, suspects }: { readonly plain: Candidate[]; readonly suspects: Candidate[] },
  given: GivenRecords,
): string[] {
  const idle = takers
    .filter(({ held, isAsking }) => isAsking && held === 0)
    .slice(0, suspects.length);
  for (const [at, { memberId }] of idle.entries()) {
    const suspect = suspects[at];
    if (suspect !== undefined) given.add(memberId, suspect);
  }
  const excluded = new Set(idle);
  if (suspects.length > idle.length) {
    const draining = leastOf(takers.filter((one) => one.isAsking && !excluded.has(one)));
    if (draining !== undefined) excluded.add(draining);
  }
  const others = takers.filter((taker) => !excluded.has(taker));
  const keptFor: string[] = [];
  let at = 0;
  for (const [index, share] of fairShares(others, plain.length).entries()) {
    const { memberId = '', isAsking = true } = others[index] ?? {};
    if (!isAsking) {
      if (share > 0) keptFor.push(memberId);
      continue;
    }
    for (const candidate of plain.slice(at, at + share)) given.add(memberId, candidate);
    at += share;
  }
  return keptFor;
}

/**
 * The records that a member may get which asks alone: its share beside the members that wait.
 * @returns its share, and the members that wait and have one, too
 */
export function shareBesideWaiting(
  group: Group,
  { memberId, recordsMax }: MemberDemand,
  waiting: readonly MemberDemand[],
  times: ShareTimes,
): { readonly recordsMax: number; readonly keptFor: readonly string[] } {
  const topicsOf = (id: string): string =>
    group
      .assignmentOf(id)
      .value.owned.map(({ topic }) => topic)
      .join(' ');
  const topics = topicsOf(memberId);
  const others = waiting.filter((one) => {
    return group.members.has(one.memberId) && topicsOf(one.memberId) === topics;
  });
  if (others.length === 0 || recordsMax <= 0) return { recordsMax, keptFor: [] };
  const context = { ...times, config: shareConfigOf(group) };
  let available = 0;
  for (const { state } of group.queue.all()) available += availableCount(state, context);
  const takers = [{ memberId, recordsMax }, ...others].map((one) => {
    return { held: heldCount(group, one.memberId), room: one.recordsMax };
  });
  const [own = 0, ...rest] = fairShares(takers, available);
  const keptFor = others.filter((_, at) => (rest[at] ?? 0) > 0).map((one) => one.memberId);
  return { recordsMax: own, keptFor };
}

/** Number of records that a member has. */
export function heldCount(group: Group, memberId: string): number {
  let held = 0;
  for (const { state } of group.queue.all()) held += state.acquired.get(memberId) ?? 0;
  return held;
}

/** The member with the fewest records; the same one in the next call as long as that is so. */
function leastOf(takers: readonly Taker[]): Taker | undefined {
  return takers.toSorted(
    (one, other) => one.held - other.held || (one.memberId < other.memberId ? -1 : 1),
  )[0];
}

function push<Item>(map: Map<string, Item[]>, key: string, item: Item): void {
  const items = map.get(key);
  if (items === undefined) map.set(key, [item]);
  else items.push(item);
}
