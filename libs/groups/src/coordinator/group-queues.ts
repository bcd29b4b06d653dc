/**
 * Requests of members of queue groups at their coordinator. Each is decided in the coordinator's
 * rounds and answered when its changes are committed.
 *
 * Overlap: all calls may overlap; the coordinator orders them.
 */

import type { LeaderEpoch, Offset } from '#protocol';
import type { Clock } from '#runtime';
import type { GroupRecord } from '../log/group-records.js';
import type { AckResult } from '../queue/acknowledge-records.js';
import { isPaused, shareConfigOf } from '../queue/queue-config.js';
import type { DueCursor } from '../queue/share-change.js';
import type { ShareTimes } from '../queue/share-context.js';
import {
  decideDelivery,
  heldCount,
  type MemberDemand,
  rotated,
  shareBesideWaiting,
} from '../state/decide-delivery.js';
import {
  decideAcks,
  decideAcquire,
  decideOffer,
  decideOpen,
  type PartitionAck,
  type PartitionAcquisition,
  type PartitionOffer,
  type SharePlace,
} from '../state/decide-queue.js';
import { assertMode } from '../state/decision.js';
import type { Group } from '../state/group.js';
import type { TopicIdPartition } from '../state/member-assignment.js';
import type { MemberCaller } from '../state/member-owner.js';
import type { GroupCoordinator } from './group-coordinator.js';

/** A poll of a member, as its broker passes it on. */
export interface QueuePoll {
  readonly group: string;
  readonly memberId: string;
  readonly caller?: MemberCaller;
  readonly receiveId: string | null;
  /** Records that the member may get. */
  readonly recordsMax: number;
  /** Time for which the poll waits when it gets none, ms; 0 or none when it does not. */
  readonly waitMs?: number;
  /** Records that its broker has found since the last call. */
  readonly offers: readonly PartitionOffer[];
}

/** A call for all members that a broker delivers to and that have room. */
export interface QueueDelivery {
  readonly group: string;
  /** Id of the call, by which a repeated one is known: see `decideDelivery`. */
  readonly deliveryId: string;
  readonly demands: readonly MemberDemand[];
  /** Records that the broker has found since the last call. */
  readonly offers: readonly PartitionOffer[];
}

export interface QueueDeliveryAnswer {
  readonly generation: number;
  readonly lockMs: number;
  readonly isKeyOrdered: boolean;
  readonly members: readonly {
    readonly memberId: string;
    readonly acquired: readonly PartitionAcquisition[];
  }[];
  /** Members that are not in the group, or not any more. */
  readonly unknown: readonly string[];
  /** None while the group is paused. */
  readonly reads: readonly QueueRead[];
}

/** Acks of a member, as its broker passes them on. */
export interface QueueAcks {
  readonly group: string;
  readonly memberId: string;
  readonly caller?: MemberCaller;
  readonly acks: readonly PartitionAck[];
}

/** A partition in which more records can be looked for. */
interface QueueRead extends SharePlace {
  readonly scanOffset: Offset;
  /** See `SharePartition.scanEpoch`. */
  readonly scanEpoch?: LeaderEpoch;
  readonly due: DueCursor;
  /** No record below it is pending. */
  readonly pendingFrom: Offset;
  /** True when delayed records may have become due. */
  readonly hasPending: boolean;
  /** Records that the window has room for. */
  readonly room: number;
}

export interface QueuePollAnswer {
  readonly generation: number;
  readonly sessionTimeoutMs: number;
  readonly isKeyOrdered: boolean;
  readonly assignment: readonly TopicIdPartition[];
  readonly acquired: readonly PartitionAcquisition[];
  /** None while the group is paused. */
  readonly reads: readonly QueueRead[];
}

interface GroupQueuesOptions {
  /** @throws ProtocolError UNKNOWN_MEMBER_ID, COORDINATOR_NOT_AVAILABLE */
  readonly coordinatorOf: (group: string, memberId: string) => Promise<GroupCoordinator>;
  /** Records that a member may have without having acknowledged them. */
  readonly unacknowledgedMax: number;
  readonly clock: Clock;
}

export class GroupQueues {
  readonly #options: GroupQueuesOptions;
  /** Counts polls, so that each begins with another partition. */
  #polls = 0;

  constructor(options: GroupQueuesOptions) {
    this.#options = options;
  }

  /**
   * Takes what the member's broker has found, and gives records to the member.
   * @throws ProtocolError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, INCONSISTENT_GROUP_PROTOCOL
   */
  async poll(poll: QueuePoll): Promise<QueuePollAnswer> {
    const { group, memberId, caller, receiveId, recordsMax, waitMs = 0, offers } = poll;
    const member = { memberId, caller };
    const coordinator = await this.#options.coordinatorOf(group, memberId);
    this.#polls += 1;
    const turn = this.#polls;
    const times = this.#times();
    // All of these are decided in the same round, each on the state that the ones before lead to.
    const steps = [
      (state: Group) => {
        assertMode(state, 'queue');
        return openShares(state, state.assignmentOf(memberId).assignedPartitions());
      },
      ...takeOffers(offers, times),
    ].map((decide) => coordinator.runAsMember(group, member, { decide, answer: () => undefined }));
    let acquired: readonly PartitionAcquisition[] = [];
    const answer = coordinator.runAsMember(group, member, {
      decide: (state): GroupRecord[] => {
        const places = rotated(state.assignmentOf(memberId).assignedPartitions(), turn);
        const demand = { memberId, recordsMax: this.#roomOf(state, memberId, recordsMax) };
        const { waiting } = coordinator;
        const share = shareBesideWaiting(state, demand, waiting.others(group, [demand]), times);
        const command = { member: memberId, recordsMax: share.recordsMax };
        const receive = receiveId === null ? {} : { receiveId };
        const decision = decideAcquire(state, places, { ...command, ...receive }, times);
        ({ acquired } = decision);
        waiting.keep(group, share.keptFor);
        waiting.set(group, demand, acquired.length > 0 ? 0 : waitMs);
        return decision.records;
      },
      answer: (state) => ({
        generation: state.generation,
        sessionTimeoutMs: coordinator.sessionTimeoutOf(state, memberId),
        isKeyOrdered: shareConfigOf(state).isKeyOrdered,
        assignment: state.assignmentOf(memberId).assignedPartitions(),
        acquired,
        reads: readsOf(state, rotated(state.assignmentOf(memberId).assignedPartitions(), turn)),
      }),
    });
    const [result] = await Promise.all([answer, ...steps]);
    return result;
  }

  /**
   * Takes what a broker has found, and divides records among members that it delivers to.
   * @throws ProtocolError INCONSISTENT_GROUP_PROTOCOL
   */
  async deliver({
    group,
    deliveryId,
    demands,
    offers,
  }: QueueDelivery): Promise<QueueDeliveryAnswer> {
    const coordinator = await this.#options.coordinatorOf(group, demands[0]?.memberId ?? '');
    const { unacknowledgedMax } = this.#options;
    this.#polls += 1;
    const turn = this.#polls;
    const times = this.#times();
    const present = (state: Group) => demands.filter(({ memberId }) => state.members.has(memberId));
    // All of these are decided in the same round, each on the state that the ones before lead to.
    const steps = [
      (state: Group) => {
        assertMode(state, 'queue');
        return openShares(state, placesOf(state, present(state)));
      },
      ...takeOffers(offers, times),
    ].map((decide) => coordinator.run({ group, decide, answer: () => undefined }));
    let decision: ReturnType<typeof decideDelivery> | undefined;
    const answer = coordinator.run({
      group,
      decide: (state): readonly GroupRecord[] => {
        const asking = present(state);
        const { waiting: waits } = coordinator;
        const waiting = waits
          .others(group, asking)
          .filter((one) => state.members.has(one.memberId));
        const command = { demands: asking, waiting, deliveryId, unacknowledgedMax, turn };
        decision = decideDelivery(state, command, times);
        waits.keep(group, decision.keptFor);
        for (const { memberId, recordsMax } of asking) {
          const room = recordsMax - countOf(decision.acquired.get(memberId) ?? []);
          waits.set(group, { memberId, recordsMax: room }, Number.POSITIVE_INFINITY);
        }
        return decision.records;
      },
      answer: (state): QueueDeliveryAnswer => {
        const { lockMs, isKeyOrdered } = shareConfigOf(state);
        const acquired = decision?.acquired ?? new Map<string, readonly PartitionAcquisition[]>();
        return {
          generation: state.generation,
          lockMs,
          isKeyOrdered,
          members: Array.from(acquired, ([memberId, some]) => ({ memberId, acquired: some })),
          unknown: demands
            .map(({ memberId }) => memberId)
            .filter((memberId) => !state.members.has(memberId)),
          reads: readsOf(state, rotated(placesOf(state, present(state)), turn)),
        };
      },
    });
    const [result] = await Promise.all([answer, ...steps]);
    return result;
  }

  /** Takes acks of a member. @returns one result per ack. @throws as poll */
  async acknowledge({ group, memberId, caller, acks }: QueueAcks): Promise<readonly AckResult[]> {
    const coordinator = await this.#options.coordinatorOf(group, memberId);
    const times = this.#times();
    let results: readonly AckResult[] = [];
    return coordinator.runAsMember(
      group,
      { memberId, caller },
      {
        decide: (state): GroupRecord[] => {
          assertMode(state, 'queue');
          const decision = decideAcks(state, memberId, acks, times);
          ({ results } = decision);
          return decision.records;
        },
        answer: () => results,
      },
    );
  }

  /** Records that a member may get, of those that it asks for. */
  #roomOf(group: Group, memberId: string, recordsMax: number): number {
    return Math.min(recordsMax, this.#options.unacknowledgedMax - heldCount(group, memberId));
  }

  #times(): ShareTimes {
    const { clock } = this.#options;
    return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }
}

/** Number of records in acquisitions. */
function countOf(acquisitions: readonly PartitionAcquisition[]): number {
  let count = 0;
  for (const { runs } of acquisitions) {
    for (const { first, last } of runs) count += last - first + 1;
  }
  return count;
}

/** Begins share partitions at their committed positions. */
function openShares(group: Group, places: readonly SharePlace[]): GroupRecord[] {
  return places.flatMap((place) => {
    const { topic, topicId, partition } = place;
    const position = group.offsets.get(topic, partition);
    if (position?.topicId !== topicId) return [];
    return decideOpen(group, place, position);
  });
}

/** Due records come before new ones: they have waited longer. */
const OFFER_STEPS = ['truncation', 'due', 'records'] as const;

/** The steps that take offers of a broker. */
function takeOffers(
  offers: readonly PartitionOffer[],
  times: ShareTimes,
): ((group: Group) => GroupRecord[])[] {
  return offers.flatMap((offer) => {
    return OFFER_STEPS.map((step) => (group: Group) => decideOffer(group, offer, step, times));
  });
}

/** The partitions of some members, each once. */
function placesOf(group: Group, members: readonly MemberDemand[]): TopicIdPartition[] {
  const places = new Map<string, TopicIdPartition>();
  for (const { memberId } of members) {
    for (const place of group.assignmentOf(memberId).assignedPartitions()) {
      places.set(`${place.topic} ${place.partition}`, place);
    }
  }
  return [...places.values()];
}

function readsOf(group: Group, places: readonly SharePlace[]): QueueRead[] {
  if (isPaused(group.configs)) return [];
  const { recordLocksMax } = shareConfigOf(group);
  return places.flatMap(({ topic, topicId, partition }) => {
    const share = group.queue.get(topic, topicId, partition);
    if (share === undefined) return [];
    const { state } = share;
    const room = recordLocksMax - state.window.size;
    const waiting = state.window.records.find((record) => record.state === 'delayed');
    const pendingFrom = state.pendingCount > 0 ? state.delayedFrom : state.scanOffset;
    return [
      {
        topic,
        topicId,
        partition,
        scanOffset: state.scanOffset,
        ...(state.scanEpoch === undefined ? {} : { scanEpoch: state.scanEpoch }),
        due: state.due,
        pendingFrom: Math.min(pendingFrom, waiting?.offset ?? pendingFrom),
        hasPending: state.pendingCount > 0 || waiting !== undefined,
        room,
      },
    ];
  });
}
