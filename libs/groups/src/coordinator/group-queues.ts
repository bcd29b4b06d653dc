/**
 * Requests of members of queue groups at their coordinator. Each is decided in the coordinator's
 * rounds and answered when its changes are committed.
 *
 * Overlap: all calls may overlap; the coordinator orders them.
 */
import type { Offset } from '#protocol';
import type { Clock } from '#runtime';
import type { GroupRecord } from '../log/group-records.js';
import type { AckResult } from '../queue/acknowledge-records.js';
import { isPaused, shareConfigOf } from '../queue/queue-config.js';
import type { DueCursor } from '../queue/share-change.js';
import {
  decideAcks,
  decideAcquire,
  decideOffer,
  decideOpen,
  type PartitionAck,
  type PartitionAcquisition,
  type PartitionOffer,
  type QueueTimes,
  type SharePlace,
} from '../state/decide-queue.js';
import { assertMode } from '../state/decision.js';
import type { Group } from '../state/group.js';
import type { TopicIdPartition } from '../state/member-assignment.js';
import type { GroupCoordinator } from './group-coordinator.js';

/** A poll of a member, as its broker passes it on. */
export interface QueuePoll {
  readonly group: string;
  readonly memberId: string;
  readonly receiveId: string | null;
  /** Records that the member may get. */
  readonly recordsMax: number;
  /** Records that its broker has found since the last call. */
  readonly offers: readonly PartitionOffer[];
}

/** Acks of a member, as its broker passes them on. */
export interface QueueAcks {
  readonly group: string;
  readonly memberId: string;
  readonly acks: readonly PartitionAck[];
}

/** A partition in which more records can be looked for. */
interface QueueRead extends SharePlace {
  readonly scanOffset: Offset;
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
    const { group, memberId, receiveId, recordsMax, offers } = poll;
    const coordinator = await this.#options.coordinatorOf(group, memberId);
    this.#polls += 1;
    const turn = this.#polls;
    const times = this.#times();
    // All of these are decided in the same round, each on the state that the ones before lead to.
    const steps = [
      (state: Group) => {
        assertMode(state, 'queue');
        return openShares(state, memberId);
      },
      ...offers.flatMap((offer) => [
        (state: Group) => decideOffer(state, offer, 'due', times),
        (state: Group) => decideOffer(state, offer, 'records', times),
      ]),
    ].map((decide) =>
      coordinator.runAsMember(group, memberId, { decide, answer: () => undefined }),
    );
    let acquired: readonly PartitionAcquisition[] = [];
    const answer = coordinator.runAsMember(group, memberId, {
      decide: (state): GroupRecord[] => {
        const places = rotated(state.assignmentOf(memberId).assignedPartitions(), turn);
        const command = { member: memberId, recordsMax };
        const receive = receiveId === null ? {} : { receiveId };
        const decision = decideAcquire(state, places, { ...command, ...receive }, times);
        ({ acquired } = decision);
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

  /** Takes acks of a member. @returns one result per ack. @throws as poll */
  async acknowledge({ group, memberId, acks }: QueueAcks): Promise<readonly AckResult[]> {
    const coordinator = await this.#options.coordinatorOf(group, memberId);
    const times = this.#times();
    let results: readonly AckResult[] = [];
    return coordinator.runAsMember(group, memberId, {
      decide: (state): GroupRecord[] => {
        assertMode(state, 'queue');
        const decision = decideAcks(state, memberId, acks, times);
        ({ results } = decision);
        return decision.records;
      },
      answer: () => results,
    });
  }

  #times(): QueueTimes {
    const { clock } = this.#options;
    return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }
}

/** Begins the share partitions of a member's partitions at their committed positions. */
function openShares(group: Group, memberId: string): GroupRecord[] {
  return group
    .assignmentOf(memberId)
    .assignedPartitions()
    .flatMap((place) => {
      const { topic, topicId, partition } = place;
      const position = group.offsets.get(topic, partition);
      if (position?.topicId !== topicId) return [];
      return decideOpen(group, place, position.offset);
    });
}

function readsOf(group: Group, places: readonly SharePlace[]): QueueRead[] {
  if (isPaused(group.configs)) return [];
  const { recordLocksMax } = shareConfigOf(group);
  return places.flatMap(({ topic, topicId, partition }) => {
    const share = group.queue.get(topic, topicId, partition);
    if (share === undefined) return [];
    const { state } = share;
    const room = recordLocksMax - state.window.size;
    const isWaiting = state.window.records.some((record) => record.state === 'delayed');
    return [
      {
        topic,
        topicId,
        partition,
        scanOffset: state.scanOffset,
        due: state.due,
        pendingFrom: state.pendingCount > 0 ? state.delayedFrom : state.scanOffset,
        hasPending: state.pendingCount > 0 || isWaiting,
        room,
      },
    ];
  });
}

/** The places, beginning with another one at each turn. */
function rotated<Place>(places: readonly Place[], turn: number): Place[] {
  const at = places.length === 0 ? 0 : turn % places.length;
  return [...places.slice(at), ...places.slice(0, at)];
}
