/**
 * Creates, changes, removes and describes topics.
 *
 * Overlap: calls may overlap. Creations and growths are decided one after the other, so that the
 * limits hold; the store's compare-and-set detects changes by other brokers.
 */
import {
  alterTopic,
  type ClusterState,
  type CoordinationStore,
  createTopic,
  deleteTopic,
  electPreferredLeaders,
  electUncleanly,
  leastReplicationFactor,
  type MetadataChange,
  type PartitionMetadata,
  releaseMinInsyncHolds,
  replicaMoves,
  type TopicMetadata,
  topicReplicationFactor,
} from '#coordination';
import {
  assertTopicName,
  CONSUMER_OFFSETS_TOPIC,
  effectiveConfigTexts,
  isInternalTopic,
  ProtocolError,
  TOPIC_CONFIG_KEYS,
  type TopicConfigKey,
  type TopicConfigOverrides,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import { placeReplicas, type ReplicaManager } from '#replication';
import { assert, type Random, type Scheduler, SerialQueue, turnOfLoop } from '#runtime';
import type {
  AlterTopicRequest,
  CreateTopicRequest,
  ElectLeaderRequest,
  PartitionDescription,
  TopicDescription,
} from './broker.js';
import type { LeaderStatus, StatusOptions, StatusTarget } from './leader-status.js';
import { assertBrokersHaveRoom, policyViolation, type ReplicaLimits } from './replica-counts.js';
import type { Topic } from './topic.js';
import { type TopicRegistry, unknownTopicError } from './topic-registry.js';
import { assertPartitionCount, changedConfigs, topicShape } from './topic-request.js';

export interface TopicAdminOptions extends ReplicaLimits {
  readonly store: CoordinationStore;
  readonly registry: TopicRegistry;
  readonly replicas: ReplicaManager;
  readonly random: Random;
  readonly topicsMax: number;
  readonly partitionsMax: number;
  readonly offsetsTopicPartitions: number;
  /** Bytes of the segments of the offsets topic; 16 MiB by default. */
  readonly offsetsTopicSegmentBytes: number | undefined;
  readonly scheduler: Scheduler;
  /** Log offsets of partitions by name, for the leaders that answer. */
  readonly statusesOf: (
    partitions: readonly StatusTarget[],
    statusOptions?: StatusOptions,
  ) => Promise<ReadonlyMap<string, LeaderStatus>>;
  /**
   * Resolves when this version of the metadata is in force at the other live brokers, or when one
   * of them takes too long. Never rejects.
   */
  readonly appliedElsewhere: (version: number) => Promise<void>;
}

/** Longest wait for all replicas of a new topic, in ms. */
const READY_WAIT_MS = 10_000;
/** Longest wait for a majority of the brokers to have a change of a topic on disk, in ms. */
const JOURNALED_WAIT_MS = 5000;

/** Topics and partitions that are described in one slice. */
const DESCRIBED_PER_SLICE = 500;

export class TopicAdmin {
  readonly #options: TopicAdminOptions;
  readonly #decisions = new SerialQueue();

  constructor(options: TopicAdminOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError with a code that the operation `createTopic` lists (libs/api) */
  async create(request: CreateTopicRequest): Promise<TopicDescription> {
    assertTopicName(request.name, '/name');
    assertNotInternal(request.name, 'created', '/name');
    return this.#describeOne(await this.#decisions.run(() => this.#create(request)));
  }

  /** Creates a topic with all defaults unless it exists. */
  ensure(name: string): Promise<Topic> {
    assertTopicName(name);
    return this.#ensure({ name });
  }

  /** Creates the topic of committed offsets unless it exists. */
  async ensureOffsetsTopic(): Promise<void> {
    const { registry, offsetsTopicPartitions: partitions } = this.#options;
    const { offsetsTopicSegmentBytes: segmentBytes = OFFSETS_SEGMENT_BYTES } = this.#options;
    const name = CONSUMER_OFFSETS_TOPIC;
    if (registry.get(name) !== undefined) return;
    const configs = { 'cleanup.policy': 'compact', 'segment.bytes': segmentBytes };
    await this.#ensure({ name, partitions, configs });
  }

  /** A topic for dead letters, created if it does not exist. */
  ensureDeadLetterTopic(name: string): Promise<Topic> {
    return this.#ensure({ name, configs: { 'errors.deadletterqueue.group.enable': true } });
  }

  async alter(name: string, change: AlterTopicRequest): Promise<TopicDescription> {
    this.#options.registry.getOrThrow(name);
    assertNotInternal(name, 'changed');
    return this.#describeOne(await this.#decisions.run(() => this.#alter(name, change)));
  }

  async delete(name: string): Promise<void> {
    const { registry, store, appliedElsewhere } = this.#options;
    const topic = registry.getOrThrow(name);
    assertNotInternal(name, 'deleted');
    const { version } = await store.update((state) => deleteTopic(state, name, topic.id));
    await store.whenJournaled(version, JOURNALED_WAIT_MS);
    await registry.settled();
    await appliedElsewhere(version);
  }

  /**
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the preferred replica is not alive or not in
   *   sync
   */
  async electLeader(
    { topic: name, partition }: TopicPartition,
    { type, replica }: ElectLeaderRequest,
  ): Promise<PartitionDescription> {
    const { registry, store, random, appliedElsewhere } = this.#options;
    const topic = registry.getOrThrow(name);
    const isThere = partition < topic.partitionCount;
    if (!isThere) throw unknownPartitionError({ topic: name, partition });
    const state = await store.update((before) =>
      type === 'preferred'
        ? electPreferredLeaders(before, [{ topic: name, partition }], random)
        : electUncleanly(
            before,
            { topic: name, partition, ...(replica === undefined ? {} : { replica }) },
            random,
          ),
    );
    const elected = state.topics.get(name)?.partitions[partition];
    if (elected === undefined) throw unknownPartitionError({ topic: name, partition });
    if (type === 'preferred' && elected.leader !== elected.replicas[0]) {
      throw new ProtocolError(
        'LEADER_NOT_AVAILABLE',
        `The preferred leader, broker ${elected.replicas[0]}, is not alive or not in sync.`,
      );
    }
    await registry.settled();
    await appliedElsewhere(state.version);
    return this.describePartition({ topic: name, partition });
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  async describePartition({ topic, partition }: TopicPartition): Promise<PartitionDescription> {
    const described = await this.#describeOne(this.#options.registry.getOrThrow(topic));
    const description = described.partitions[partition];
    if (description === undefined) throw unknownPartitionError({ topic, partition });
    return description;
  }

  /** Describes topics; values that their leaders do not answer are null. */
  async describe(topics: readonly Topic[]): Promise<TopicDescription[]> {
    const partitions = topics.flatMap(({ name, metadata }) =>
      metadata.partitions.map((_, partition) => ({ topic: name, partition })),
    );
    const statuses = await this.#options.statusesOf(partitions);
    const descriptions: TopicDescription[] = [];
    let sliceCount = 0;
    for (const topic of topics) {
      const { configs, partitions: metadata } = topic.metadata;
      descriptions.push({
        name: topic.name,
        topicId: topic.id,
        internal: topic.isInternal,
        configs: effectiveConfigTexts(configs, topicReplicationFactor(topic.metadata)),
        configSources: configSources(configs),
        partitions: metadata.map((partition, number) => {
          const name = topicPartitionName({ topic: topic.name, partition: number });
          return this.#describePartition(number, partition, statuses.get(name));
        }),
        ...queueGroups(topic),
      });
      sliceCount += 1 + metadata.length;
      if (sliceCount < DESCRIBED_PER_SLICE) continue;
      sliceCount = 0;
      await turnOfLoop();
    }
    return descriptions;
  }

  async #describeOne(topic: Topic): Promise<TopicDescription> {
    const [description] = await this.describe([topic]);
    assert(description !== undefined, 'a topic has a description');
    return description;
  }

  #ensure(request: CreateTopicRequest): Promise<Topic> {
    const { registry } = this.#options;
    return this.#decisions.run(async () => {
      const present = registry.get(request.name);
      if (present !== undefined) return present;
      try {
        return await this.#create(request);
      } catch (error) {
        const isPresent = error instanceof ProtocolError && error.code === 'TOPIC_ALREADY_EXISTS';
        if (!isPresent) throw error;
        // Another broker has created it at the same time.
        await registry.settled();
        return registry.getOrThrow(request.name);
      }
    });
  }

  async #create(request: CreateTopicRequest): Promise<Topic> {
    const { store, registry, random, appliedElsewhere } = this.#options;
    const { name } = request;
    const id = random.uuid();
    const state = await store.update((before) => this.#creation(before, request, id));
    await store.whenJournaled(state.version, JOURNALED_WAIT_MS);
    await registry.settled();
    const created = state.topics.get(name);
    if (created === undefined || this.#hasOffline(created, 0) || !(await this.#isReady(created))) {
      // Answered as failed, so it must not be there.
      await store.update((before) => deleteTopic(before, name, id));
      await registry.settled();
      throw notOpened(name);
    }
    await appliedElsewhere(state.version);
    return registry.getOrThrow(name);
  }

  #creation(state: ClusterState, request: CreateTopicRequest, id: string): MetadataChange[] {
    const { random } = this.#options;
    const { name } = request;
    const existing = state.topics.get(name);
    // It was made before, and the answer was lost.
    if (existing?.id === id) return [];
    if (existing !== undefined) throw alreadyThere(name);
    const brokerIds = [...state.brokers.keys()];
    const shape = topicShape(request, brokerIds);
    const configs = changedConfigs({}, request.configs ?? {}, shape.replicationFactor);
    if (!isInternalTopic(name)) this.#assertCount(state, 1, shape.partitions);
    const assignment =
      shape.assignment ?? this.#place(state, shape.partitions, shape.replicationFactor);
    if (!isInternalTopic(name)) assertBrokersHaveRoom(state, assignment, this.#options);
    return createTopic(state, { name, id, configs, assignment }, random);
  }

  async #alter(name: string, change: AlterTopicRequest): Promise<Topic> {
    const { store, registry, appliedElsewhere } = this.#options;
    let partitionCount = 0;
    const state = await store.update((before) => {
      const topic = before.topics.get(name);
      if (topic === undefined) throw unknownTopicError(name);
      partitionCount = topic.partitions.length;
      return this.#alteration(before, topic, change);
    });
    await store.whenJournaled(state.version, JOURNALED_WAIT_MS);
    await this.#releaseHolds(state.version);
    await registry.settled();
    const altered = state.topics.get(name);
    if (altered !== undefined && this.#hasOffline(altered, partitionCount)) throw notOpened(name);
    await appliedElsewhere(state.version);
    return registry.getOrThrow(name);
  }

  /** Lets a lower min.insync.replicas take effect. */
  async #releaseHolds(journaledVersion: number): Promise<void> {
    const { store } = this.#options;
    try {
      await store.update((state) => releaseMinInsyncHolds(state, journaledVersion));
    } catch (error) {
      // The change itself is made: the controller sees to the rest.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #alteration(
    state: ClusterState,
    topic: TopicMetadata,
    change: AlterTopicRequest,
  ): MetadataChange[] {
    const { random } = this.#options;
    const currentCount = topic.partitions.length;
    const replicationFactor = topicReplicationFactor(topic);
    const requestedCount = change.partitions ?? currentCount;
    assertGrows(currentCount, requestedCount);
    const minFactor = leastReplicationFactor(topic);
    const configs = changedConfigs(topic.configs, change.configs ?? {}, minFactor);
    this.#assertCount(state, 0, requestedCount - currentCount);
    const addedAssignment = this.#place(state, requestedCount - currentCount, replicationFactor);
    assertBrokersHaveRoom(state, addedAssignment, this.#options);
    const altered = { name: topic.name, topicId: topic.id, configs, addedAssignment };
    return alterTopic(state, altered, random);
  }

  #place(state: ClusterState, count: number, replicationFactor: number): number[][] {
    const topics = [...state.topics.values()];
    const currentCount = topics.flatMap((topic) =>
      topic.partitions.map(({ replicas, reassignment }) => reassignment?.to ?? replicas),
    );
    const brokers = [...state.brokers.values()];
    return placeReplicas(
      { brokers, count, replicationFactor, present: currentCount },
      this.#options.random,
    );
  }

  /**
   * @throws ProtocolError POLICY_VIOLATION for more topics or partitions than the cluster may have
   */
  #assertCount(state: ClusterState, topicsAdded: number, partitionsAdded: number): void {
    const { topicsMax, partitionsMax } = this.#options;
    if (topicsAdded + partitionsAdded === 0) return;
    let topics = topicsAdded;
    let partitions = partitionsAdded;
    for (const topic of state.topics.values()) {
      if (isInternalTopic(topic.name)) continue;
      topics += 1;
      partitions += topic.partitions.length;
    }
    if (topics > topicsMax) {
      throw policyViolation(`There may be at most ${topicsMax} topics`, 'SLUICE_TOPICS_MAX');
    }
    if (partitions <= partitionsMax) return;
    const sentence =
      `There may be at most ${partitionsMax} partitions over all topics, ` +
      `this would make ${partitions}`;
    throw policyViolation(sentence, 'SLUICE_PARTITIONS_MAX');
  }

  /** True when this broker should serve a partition from `from` on and does not. */
  #hasOffline(metadata: TopicMetadata, from: number): boolean {
    for (const { topic, partition } of this.#options.replicas.table.offline()) {
      if (topic === metadata.name && partition >= from) return true;
    }
    return false;
  }

  #describePartition(
    partition: number,
    metadata: PartitionMetadata,
    status: LeaderStatus | undefined,
  ): PartitionDescription {
    const { leader, leaderEpoch, replicas, isr } = metadata;
    const moves = replicaMoves(metadata);
    // A leader here that cannot open its log is none.
    const isOffline = leader === this.#options.brokerId && status === undefined;
    return {
      partition,
      leader: isOffline ? null : leader,
      leaderEpoch,
      replicas,
      isr,
      logStartOffset: status?.logStartOffset ?? null,
      highWatermark: status?.highWatermark ?? null,
      logEndOffset: status?.logEndOffset ?? null,
      sizeBytes: status?.sizeBytes ?? null,
      ...(moves === undefined
        ? {}
        : { addingReplicas: moves.adding, removingReplicas: moves.removing }),
    };
  }

  /**
   * Waits until the leaders of a new topic's partitions have made their logs, and for a while until
   * the other live replicas are in sync.
   * @returns false when a leader has not within that time
   */
  #isReady({ name, id }: TopicMetadata): Promise<boolean> {
    const { store, scheduler } = this.#options;
    return new Promise((resolve) => {
      const progress = (): 'made' | 'in sync' | undefined => {
        const topic = store.state.topics.get(name);
        if (topic?.id !== id || topic.partitions.some(({ isNew }) => isNew)) return undefined;
        return topic.partitions.every((partition) => isWhole(partition, store.state))
          ? 'in sync'
          : 'made';
      };
      const end = (isMade: boolean): void => {
        stopListening();
        timer.cancel();
        resolve(isMade);
      };
      const stopListening = store.onChange(() => {
        if (progress() === 'in sync') end(true);
      });
      const timer = scheduler.after(READY_WAIT_MS, () => end(progress() !== undefined));
      if (progress() === 'in sync') end(true);
    });
  }
}

/** The queue groups of a topic as its description has them. */
function queueGroups({
  isDeletedOnAck,
  queueGroups: groups,
}: Topic): Pick<TopicDescription, 'queueGroups'> {
  return isDeletedOnAck || groups.length > 0 ? { queueGroups: groups } : {};
}

function isWhole({ replicas, isr }: PartitionMetadata, { brokers }: ClusterState): boolean {
  return replicas.every((id) => isr.includes(id) || brokers.get(id)?.alive !== true);
}

/** Commits are small and kept for as long as their group: segments small enough to be compacted. */
const OFFSETS_SEGMENT_BYTES = 16 * 1024 * 1024;

function assertNotInternal(name: string, action: string, pointer?: string): void {
  if (!isInternalTopic(name)) return;
  const detail = `topic "${name}" is the cluster's own (its name begins with "__")`;
  throw new ProtocolError(
    'INVALID_TOPIC_EXCEPTION',
    `T${detail.slice(1)}: it cannot be ${action} here.`,
    { faults: pointer === undefined ? [] : [{ pointer, detail }] },
  );
}

function assertGrows(currentCount: number, requestedCount: number): void {
  assertPartitionCount(requestedCount);
  if (requestedCount >= currentCount) return;
  const detail = `a topic's partitions only grow: it has ${currentCount}, not ${requestedCount}`;
  throw new ProtocolError('INVALID_PARTITIONS', `${detail}.`, {
    faults: [{ pointer: '/partitions', detail }],
  });
}

function configSources(
  overrides: TopicConfigOverrides,
): Record<TopicConfigKey, 'default' | 'topic'> {
  const entries = TOPIC_CONFIG_KEYS.map((key) => [
    key,
    overrides[key] === undefined ? 'default' : 'topic',
  ]);
  return Object.fromEntries(entries) as Record<TopicConfigKey, 'default' | 'topic'>;
}

export function unknownPartitionError({ topic, partition }: TopicPartition): ProtocolError {
  const detail = `There is no partition ${partition} of topic "${topic}".`;
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', detail);
}

function alreadyThere(name: string): ProtocolError {
  return new ProtocolError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`);
}

function notOpened(name: string): ProtocolError {
  return new ProtocolError(
    'KAFKA_STORAGE_ERROR',
    `A partition of topic "${name}" could not be created on disk.`,
  );
}
