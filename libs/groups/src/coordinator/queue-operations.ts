/**
 * Requests of operators for queue groups at their coordinator: what is in flight, purge, cancel,
 * reset, redrive.
 *
 * Overlap: all calls may overlap; the coordinator orders them.
 */

import type { Offset } from '#protocol';
import type { Clock } from '#runtime';
import type { CancelResult } from '../queue/cancel-record.js';
import type { CancelledRecord } from '../queue/share-change.js';
import type { ShareTimes } from '../queue/share-context.js';
import { floorOf } from '../queue/share-floor.js';
import type { WindowRecord } from '../queue/window-record.js';
import type { SharePlace } from '../state/decide-queue.js';
import {
  assertQueue,
  decideCancel,
  decideOpenAtPosition,
  decidePurge,
  decideQueueReset,
  type PlaceOffset,
} from '../state/decide-queue-operations.js';
import { type Decision, unknownGroupError } from '../state/decision.js';
import type { Group } from '../state/group.js';
import type { GroupCoordinator } from './group-coordinator.js';
import { byTopicAndPartition } from './group-description.js';
import {
  type RedriveAnswer,
  type RedriveCall,
  type RedriveProgress,
  Redriver,
  type RedriveTopics,
} from './redriver.js';

/** A question for the records in flight. */
export interface QueueRecordsCall {
  readonly group: string;
  /** Null for all topics. */
  readonly topic: string | null;
  /** Null for all partitions. */
  readonly partition: number | null;
  /** Lowest offset of each partition. */
  readonly fromOffset: Offset;
  readonly limit: number;
}

export interface QueuePurgeCall {
  readonly group: string;
  /** Ends of the partitions: the records below are finished. */
  readonly ends: readonly PlaceOffset[];
}

export interface QueueResetCall {
  readonly group: string;
  readonly targets: readonly PlaceOffset[];
}

export interface QueueCancelCall {
  readonly group: string;
  readonly place: SharePlace;
  readonly record: CancelledRecord;
}

export interface QueueFloorsCall {
  readonly group: string;
  readonly topic: string;
  readonly topicId: string;
}

/** Offsets below which a group is done with all records for good. */
export interface QueueFloors {
  /** Partitions in which the group has begun. */
  readonly floors: readonly { readonly partition: number; readonly offset: Offset }[];
}

/**
 * State of a record in flight: it waits for a member, is with one, waits for a time, or is on its
 * way to the dead letters.
 */
export type InFlightState = 'available' | 'acquired' | 'delayed' | 'archiving';

/** A record that the group has scanned and not finished. */
export interface InFlightRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: Offset;
  readonly state: InFlightState;
  /** Number of the delivery under way, or of the next one. */
  readonly deliveryCount: number;
  /** Member that has the record; null when none has. */
  readonly memberId: string | null;
  /** Time left of the member's lock, ms; null without one. */
  readonly lockLeftMs: number | null;
  /** Time before which the record is not delivered, ms since 1970; null for at once. */
  readonly availableAt: number | null;
}

interface QueueOperationsOptions {
  /** @throws ProtocolError GROUP_ID_NOT_FOUND, COORDINATOR_NOT_AVAILABLE */
  readonly coordinatorOf: (group: string) => Promise<GroupCoordinator>;
  /** True when a topic has this id now. */
  readonly isCurrent: (topic: string, topicId: string) => boolean;
  readonly redriveTopics: RedriveTopics;
  readonly clock: Clock;
}

export class QueueOperations {
  readonly #options: QueueOperationsOptions;
  readonly #redriver: Redriver;

  constructor(options: QueueOperationsOptions) {
    this.#options = options;
    this.#redriver = new Redriver({ ...options, topics: options.redriveTopics });
  }

  /**
   * The records of a group that are in flight, by topic, partition and offset.
   * @throws ProtocolError GROUP_ID_NOT_FOUND, INCONSISTENT_GROUP_PROTOCOL
   */
  records(call: QueueRecordsCall): Promise<InFlightRecord[]> {
    return this.#run(call.group, {
      decide: (group) => {
        assertQueue(group);
        return [];
      },
      answer: (group) => this.#inFlight(group, call),
    });
  }

  /** Finishes all records below the ends that no member has. @throws as records */
  purge({ group, ends }: QueuePurgeCall): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    return this.#run(group, {
      decide: (state) => decidePurge(state, this.#current(ends), { nowMs }),
      answer: () => undefined,
    });
  }

  /** Begins delivery again at the targets. @throws as records; NON_EMPTY_GROUP */
  reset({ group, targets }: QueueResetCall): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    return this.#run(group, {
      decide: (state) => decideQueueReset(state, this.#current(targets), { nowMs }),
      answer: () => undefined,
    });
  }

  /** Finishes one record that waits. @throws as records */
  async cancel({ group, place, record }: QueueCancelCall): Promise<CancelResult | null> {
    let result: CancelResult | undefined;
    // Both are decided in the same round.
    const [, answer] = await Promise.all([
      this.#run(group, {
        decide: (state) => decideOpenAtPosition(state, place),
        answer: () => undefined,
      }),
      this.#run(group, {
        decide: (state) => {
          const decision = decideCancel(state, place, record);
          ({ result } = decision);
          return decision.records;
        },
        answer: () => result ?? null,
      }),
    ]);
    return answer;
  }

  /** Offsets below which a group is done with a topic. @throws ProtocolError GROUP_ID_NOT_FOUND */
  async floors({ group, topic, topicId }: QueueFloorsCall): Promise<QueueFloors> {
    const coordinator = await this.#options.coordinatorOf(group);
    const floors = await coordinator.read(group, (state) => {
      if (state.isForgotten) return undefined;
      return [...state.queue.all()]
        .filter((share) => share.topic === topic && share.position.topicId === topicId)
        .map((share) => ({ partition: share.partition, offset: floorOf(share.state) }));
    });
    if (floors !== undefined) return { floors };
    // Its topics list it although it is gone: a coordinator died in between.
    coordinator.forgotten(group);
    throw unknownGroupError(group);
  }

  /** Puts dead letters of a part of a partition back. @throws as Redriver.redrive */
  redrive(call: RedriveCall): Promise<RedriveAnswer> {
    return this.#redriver.redrive(call);
  }

  /** The partitions of dead-letter topics that redrives have scanned. @throws as records */
  redriveProgress(group: string): Promise<RedriveProgress[]> {
    return this.#run(group, {
      decide: (state) => {
        assertQueue(state);
        return [];
      },
      answer: ({ redrives }) =>
        Array.from(redrives.values(), ({ topic, partition, state }) => {
          const { topicId, position, waiting } = state;
          return { topic, topicId, partition, position, waiting };
        }),
    });
  }

  async #run<T>(
    group: string,
    command: { readonly decide: (group: Group) => Decision; readonly answer: (group: Group) => T },
  ): Promise<T> {
    const coordinator = await this.#options.coordinatorOf(group);
    return coordinator.run({ group, ...command });
  }

  #current(places: readonly PlaceOffset[]): PlaceOffset[] {
    return places.filter(({ topic, topicId }) => this.#options.isCurrent(topic, topicId));
  }

  #inFlight(
    group: Group,
    { topic, partition, fromOffset, limit }: QueueRecordsCall,
  ): InFlightRecord[] {
    const { clock, isCurrent } = this.#options;
    const times = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const shares = [...group.queue.all()]
      .filter((share) => isCurrent(share.topic, share.position.topicId))
      .filter((share) => topic === null || share.topic === topic)
      .filter((share) => partition === null || share.partition === partition)
      .toSorted(byTopicAndPartition);
    const listed: InFlightRecord[] = [];
    for (const share of shares) {
      for (const record of share.state.window.records) {
        if (listed.length >= limit) return listed;
        if (record.offset < fromOffset) continue;
        const place = { topic: share.topic, partition: share.partition };
        listed.push({ ...place, ...inFlightRecord(record, times) });
      }
    }
    return listed;
  }
}

function inFlightRecord(
  record: WindowRecord,
  { nowMs, monotonicMs }: ShareTimes,
): Omit<InFlightRecord, 'topic' | 'partition'> {
  const { offset, state, delivery, deliveryCount, deliverAtMs, retry } = record;
  const retryInMs = Math.ceil((retry?.readyAtMs ?? 0) - monotonicMs);
  const isRetriedLater = record.isRetriedLater(monotonicMs);
  // The time that a clock shows now at the end of the delay, which runs by the monotonic clock.
  const availableAtMs = isRetriedLater ? nowMs + retryInMs : deliverAtMs;
  return {
    offset,
    state: isRetriedLater ? 'delayed' : state,
    deliveryCount: state === 'archiving' ? record.deliveries : deliveryCount,
    memberId: delivery?.member ?? null,
    lockLeftMs:
      delivery === undefined ? null : Math.max(0, Math.ceil(delivery.lockUntilMs - monotonicMs)),
    availableAt: availableAtMs > nowMs ? availableAtMs : null,
  };
}
