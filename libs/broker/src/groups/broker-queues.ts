/**
 * Serves operators of queue groups at the broker that they call: it reads the partitions,
 * and the group's coordinator decides.
 *
 * Overlap: calls may overlap; requests of one group are ordered by its coordinator.
 */
import {
  boundsOf,
  type CancelledRecord,
  type CancelResult,
  DEAD_LETTER_TOPIC_CONFIG,
  queuedRecords,
  type TopicDirectory,
  type TopicIdPartition,
} from '#groups';
import {
  FaultList,
  type Offset,
  ProtocolError,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { LeaderStatus, StatusTarget } from '../leader-status.js';
import type { Requester } from '../requester.js';
import { chosenPartitions, withCommittedEnd } from './group-offset-reset.js';
import { finishedError } from './queue-acks.js';
import type {
  InFlightRecord,
  InFlightRequest,
  PartitionEnd,
  PurgeRequest,
  Queues,
  RedriveRequest,
  RedriveResult,
  WaitingDeadLetters,
} from './queues.js';

/** Bytes read to find one record. */
const READ_BYTES = 1024 * 1024;

interface BrokerQueuesOptions {
  readonly calls: CoordinatorCalls;
  readonly topics: TopicDirectory;
  readonly statusesOf: (
    partitions: readonly StatusTarget[],
  ) => Promise<ReadonlyMap<string, LeaderStatus>>;
  readonly fetch: (request: FetchRequest, requester: Requester | undefined) => Promise<FetchResult>;
  /** Requester of all requests; undefined while authentication is off. */
  readonly requester?: Requester;
}

export class BrokerQueues implements Queues {
  readonly #options: BrokerQueuesOptions;

  constructor(options: BrokerQueuesOptions) {
    this.#options = options;
  }

  as(requester: Requester): BrokerQueues {
    const calls = this.#options.calls.as(requester);
    return new BrokerQueues({ ...this.#options, calls, requester });
  }

  records(group: string, request: InFlightRequest): Promise<readonly InFlightRecord[]> {
    const { topic = null, partition = null, offset: fromOffset = 0, limit } = request;
    return this.#options.calls.call('queueRecords', {
      group,
      topic,
      partition,
      fromOffset,
      limit,
    });
  }

  async purge(group: string, request: PurgeRequest): Promise<readonly PartitionEnd[]> {
    const { calls, topics, statusesOf } = this.#options;
    const { topic } = request;
    const view = topics.topic(topic);
    const partitions = chosenPartitions(request, view?.partitionCount, 'purged');
    const targets = partitions.map((partition) => ({ topic, partition }));
    const statuses = await statusesOf(targets.map(withCommittedEnd));
    const ends = targets.map((target) => {
      const status = statuses.get(topicPartitionName(target));
      if (status === undefined) throw noLeader(target, 'purged');
      return { ...target, offset: status.highWatermark };
    });
    const topicId = view?.id ?? '';
    await calls.call('purgeQueue', { group, ends: ends.map((end) => ({ ...end, topicId })) });
    return ends;
  }

  async cancel(group: string, { topic, partition, offset }: PartitionEnd): Promise<void> {
    const { calls, topics } = this.#options;
    const [known] = chosenPartitions(
      { topic, partitions: [partition] },
      topics.topic(topic)?.partitionCount,
      'cancelled',
    );
    const topicId = topics.topic(topic)?.id ?? '';
    const place = { topic, topicId, partition: known ?? partition };
    const record = await this.#recordAt(place, offset, group);
    const result =
      record === undefined
        ? 'finished'
        : await calls.call('cancelRecord', { group, place, record });
    const error = cancelError(result, `${topicPartitionName(place)}, ${offset}`);
    if (error !== undefined) throw error;
  }

  async redrive(group: string, request: RedriveRequest): Promise<RedriveResult> {
    const { limit = Number.MAX_SAFE_INTEGER, topic: sourceTopic = null } = request;
    // Refuses a group that is not a queue: such a group may have no dead-letter topic.
    await this.records(group, { limit: 1 });
    if (sourceTopic !== null && this.#options.topics.topic(sourceTopic) === undefined) {
      throw noTopicToRedrive(sourceTopic);
    }
    const result = { redriven: 0, skipped: 0 };
    for (const { place, end } of await this.#deadLetterPartitions(group)) {
      for (let from = 0; from < end && result.redriven < limit; ) {
        const left = limit - result.redriven;
        const call = { group, place, sourceTopic, from, end, limit: left };
        const step = await this.#options.calls.call('redrive', call);
        result.redriven += step.redriven;
        result.skipped += step.skipped;
        from = step.next;
      }
    }
    return result;
  }

  async deadLetters(group: string): Promise<readonly WaitingDeadLetters[]> {
    const progress = await this.#options.calls.call('redriveProgress', { group });
    const known = new Map(progress.map((each) => [`${each.topicId} ${each.partition}`, each]));
    const places = await this.#deadLetterPlaces(group);
    return places.map(({ topic, topicId, partition }) => {
      const { position = 0, waiting = [] } = known.get(`${topicId} ${partition}`) ?? {};
      const ranges = Array.from(boundsOf(waiting), ([firstOffset, lastOffset]) => {
        return { firstOffset, lastOffset };
      });
      return { topic, partition, position, waiting: ranges };
    });
  }

  /** Partitions of a group's dead-letter topic; none where there is no such topic. */
  async #deadLetterPlaces(group: string): Promise<TopicIdPartition[]> {
    const { calls, topics } = this.#options;
    // Callers need no permission on the configs of the group.
    const configs = await calls.call('configs', { group, caller: 'broker' });
    const topic = configs.find(({ name }) => name === DEAD_LETTER_TOPIC_CONFIG)?.value ?? '';
    const { id: topicId = '', partitionCount = 0 } = topics.topic(topic) ?? {};
    return Array.from({ length: partitionCount }, (_, partition) => {
      return { topic, topicId, partition };
    });
  }

  /** Partitions of a group's dead-letter topic, with their ends now. */
  async #deadLetterPartitions(
    group: string,
  ): Promise<{ readonly place: TopicIdPartition; readonly end: Offset }[]> {
    const places = await this.#deadLetterPlaces(group);
    const statuses = await this.#options.statusesOf(places.map(withCommittedEnd));
    return places.map((place) => {
      const status = statuses.get(topicPartitionName(place));
      if (status === undefined) throw noLeader(place, 'put back');
      return { place, end: status.highWatermark };
    });
  }

  /**
   * Undefined for a record that the group never gets.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE for one that does not exist yet
   */
  async #recordAt(
    { topic, partition }: TopicPartition,
    offset: Offset,
    group: string,
  ): Promise<CancelledRecord | undefined> {
    const request = { topic, partition, offset, maxBytes: READ_BYTES, minBytes: 1, waitMs: 0 };
    const { batches, highWatermark } = await this.#fetch(request);
    if (offset >= highWatermark) throw noRecordYet({ topic, partition }, offset, highWatermark);
    const batch = batches.find(({ lastOffset }) => lastOffset >= offset);
    if (batch === undefined || batch.isControl) return undefined;
    for (const record of queuedRecords(batch)) {
      if (record.offset !== offset) continue;
      const { deliverAtMs = null, redriveGroup = group } = record;
      const { leaderEpoch } = batch;
      return redriveGroup === group ? { offset, deliverAtMs, leaderEpoch } : undefined;
    }
    return undefined;
  }

  /** An offset that is no longer in the log reads nothing. */
  async #fetch(request: FetchRequest): Promise<Pick<FetchResult, 'batches' | 'highWatermark'>> {
    try {
      const { fetch, requester } = this.#options;
      return await fetch(request, requester);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
      const { highWatermark } = error.members;
      if (typeof highWatermark !== 'number' || request.offset >= highWatermark) throw error;
      return { batches: [], highWatermark };
    }
  }
}

function cancelError(result: CancelResult | null, record: string): ProtocolError | undefined {
  switch (result) {
    case 'done':
      return undefined;
    case 'finished':
      return finishedError(record);
    case 'inUse':
      return new ProtocolError(
        'INVALID_RECORD_STATE',
        `A member has the record, or it is on its way to the dead letters (${record}). ` +
          'A record can be cancelled while it waits.',
      );
    case 'full':
      return new ProtocolError(
        'POLICY_VIOLATION',
        'A group remembers as many cancelled records of a partition as ' +
          'share.partition.max.record.locks says. Purge the partition, or wait until the ' +
          'times of cancelled records have come.',
      );
    case null:
      return new ProtocolError(
        'INVALID_RECORD_STATE',
        `The group has no position in this partition (${record}): no member has subscribed to it.`,
      );
    default:
      return result satisfies never;
  }
}

function noRecordYet(target: TopicPartition, offset: Offset, highWatermark: Offset): ProtocolError {
  return new ProtocolError(
    'OFFSET_OUT_OF_RANGE',
    `There is no record ${offset} of ${topicPartitionName(target)} yet: the next one has ` +
      `offset ${highWatermark}.`,
    { members: { highWatermark } },
  );
}

function noLeader(
  { topic, partition }: TopicPartition,
  action: 'purged' | 'put back',
): ProtocolError {
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    `Nothing was ${action}: partition ${partition} of topic "${topic}" has no leader at present ` +
      'that knows which records are committed.',
  );
}

function noTopicToRedrive(topic: string): ProtocolError {
  const faults = new FaultList();
  faults.add('/topic', `there is no topic "${topic}" that dead letters could go back to`);
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `${faults.sentence}.`, faults.asOptions);
}
