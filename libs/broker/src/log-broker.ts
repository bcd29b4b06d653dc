import type { CoordinationStore, ProducerIds } from '#coordination';
import type { OffsetRange } from '#log';
import {
  isInternalTopic,
  type Offset,
  ProtocolError,
  parseTopicConfig,
  type TopicPartition,
  topicNameFault,
} from '#protocol';
import { assert } from '#runtime';
import type { Caller } from '#security';
import type {
  AlterTopicRequest,
  Broker,
  ClusterDescription,
  CommittedOffset,
  CreateTopicRequest,
  ElectLeaderRequest,
  FetchRequest,
  FetchResult,
  ListedOffset,
  OffsetSpec,
  OffsetToCommit,
  PartitionDescription,
  PartitionReplicasDescription,
  ProduceRequest,
  ProduceResult,
  ProducerIdentity,
  TopicChanged,
  TopicDescription,
  TopicLimits,
} from './broker.js';
import type { PartitionAccess } from './cluster/partition-access.js';
import type { Groups } from './groups/groups.js';
import type { PartitionReplicas } from './partition-replicas.js';
import type { ProducePath } from './produce-path.js';
import { producerIdFault } from './producer-id-check.js';
import type { Requester } from './requester.js';
import { limitsOf } from './topic.js';
import type { TopicAdmin } from './topic-admin.js';
import { type TopicRegistry, unknownTopicError } from './topic-registry.js';

/** The parts behind a `LogBroker`, each of which does one thing. */
export interface LogBrokerParts {
  readonly store: CoordinationStore;
  readonly registry: TopicRegistry;
  readonly admin: TopicAdmin;
  readonly replicas: PartitionReplicas;
  readonly partitions: PartitionAccess;
  readonly producePath: ProducePath;
  readonly offsets: GroupOffsets;
  readonly groups: Groups;
  readonly producerIds: ProducerIds;
  readonly brokerId: number;
  readonly url: () => string | null;
  readonly autoCreateTopics: boolean;
  /** True if requests have requesters. */
  readonly isAuthOn: boolean;
}

/**
 * Committed offsets, for any leader of the group's partition of the offsets topic. See `Broker`.
 */
export interface GroupOffsets {
  commit(group: string, offsets: readonly OffsetToCommit[], requester?: Requester): Promise<void>;
  committed(group: string, topic?: string, requester?: Requester): Promise<CommittedOffset[]>;
}

/** Limits of a topic that is created by producing to it. */
const AUTO_CREATED_LIMITS: TopicLimits = limitsOf(1, parseTopicConfig({}, 1));

/**
 * The `Broker` of a cluster's member, on its own logs.
 *
 * Overlap: all calls may overlap; the part that carries out a call orders it.
 */
export class LogBroker implements Broker {
  readonly #parts: LogBrokerParts;
  readonly #requester: Requester | undefined;
  /** Views of this broker, by their callers. */
  readonly #views: WeakMap<Caller, LogBroker>;
  /** The last requested view, because requests of one caller often follow each other. */
  #lastView: { readonly requester: Requester; readonly view: LogBroker } | undefined;

  constructor(
    parts: LogBrokerParts,
    requester?: Requester,
    views = new WeakMap<Caller, LogBroker>(),
  ) {
    this.#parts = parts;
    this.#requester = requester;
    this.#views = views;
  }

  as(requester: Requester): LogBroker {
    if (!this.#parts.isAuthOn) return this;
    if (requester === 'broker') return this.#viewOf(requester);
    const last = this.#lastView;
    if (last?.requester === requester) return last.view;
    const view = this.#views.get(requester) ?? this.#viewOf(requester);
    this.#views.set(requester, view);
    this.#lastView = { requester, view };
    return view;
  }

  #viewOf(requester: Requester): LogBroker {
    const groups = this.#parts.groups.as(requester);
    return new LogBroker({ ...this.#parts, groups }, requester, this.#views);
  }

  describeCluster(): ClusterDescription {
    const { store, brokerId, url } = this.#parts;
    const { controller, brokers } = store.state;
    const inOrder = [...brokers.values()].toSorted((left, right) => left.id - right.id);
    return {
      clusterId: store.clusterId,
      coordination: store.kind,
      controller: controller?.id ?? null,
      brokers: inOrder.map((broker) => ({
        id: broker.id,
        url: broker.url ?? (broker.id === brokerId ? url() : null),
        rack: broker.rack,
        alive: broker.alive,
      })),
    };
  }

  createTopic(request: CreateTopicRequest): Promise<TopicDescription> {
    return this.#parts.admin.create(request);
  }

  async listTopics(options: { readonly includeInternal: boolean }): Promise<TopicDescription[]> {
    const { registry, admin } = this.#parts;
    const listed = [...registry.all()].filter(
      (topic) => options.includeInternal || !topic.isInternal,
    );
    return admin.describe(listed.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  }

  async describeTopic(topic: string): Promise<TopicDescription> {
    const { registry, admin } = this.#parts;
    const [description] = await admin.describe([registry.getOrThrow(topic)]);
    assert(description !== undefined, 'a topic has a description');
    return description;
  }

  alterTopic(topic: string, change: AlterTopicRequest): Promise<TopicDescription> {
    return this.#parts.admin.alter(topic, change);
  }

  deleteTopic(topic: string): Promise<void> {
    return this.#parts.admin.delete(topic);
  }

  electLeader(target: TopicPartition, election: ElectLeaderRequest): Promise<PartitionDescription> {
    return this.#parts.admin.electLeader(target, election);
  }

  reassignReplicas(
    target: TopicPartition,
    replicas: readonly number[],
  ): Promise<PartitionDescription> {
    return this.#parts.replicas.reassign(target, replicas);
  }

  describeReplicas(target: TopicPartition): Promise<PartitionReplicasDescription> {
    return this.#parts.replicas.describe(target);
  }

  /** A topic that producing would create has the limits that it would be created with. */
  topicLimits(topic: string): TopicLimits | undefined {
    const existing = this.#parts.registry.get(topic);
    if (existing !== undefined) return existing.limits;
    return this.#mayBeMade(topic) ? AUTO_CREATED_LIMITS : undefined;
  }

  topicId(topic: string): string | undefined {
    return this.#parts.registry.get(topic)?.id;
  }

  onTopicChange(listener: (change: TopicChanged) => void): () => void {
    return this.#parts.registry.onChange(listener);
  }

  produce(request: ProduceRequest): Promise<ProduceResult> {
    const { registry, producePath } = this.#parts;
    if (request.producer !== undefined) {
      const fault = producerIdFault(request.producer.producerId, this.#parts);
      if (fault !== undefined) return Promise.reject(fault);
    }
    const topic = registry.get(request.topic);
    return topic === undefined
      ? this.#produceToNew(request)
      : producePath.produce(topic, request, this.#requester);
  }

  async initProducer(): Promise<ProducerIdentity> {
    return { producerId: await this.#parts.producerIds.next(), producerEpoch: 0 };
  }

  fetch(request: FetchRequest): Promise<FetchResult> {
    return this.#parts.partitions.fetch(request, this.#requester);
  }

  listOffset(target: TopicPartition, spec: OffsetSpec): Promise<ListedOffset> {
    return this.#parts.partitions.listOffset(target, spec, this.#requester);
  }

  async deleteRecords(
    target: TopicPartition,
    beforeOffset: Offset,
  ): Promise<{ logStartOffset: Offset }> {
    const { partitions } = this.#parts;
    const logStartOffset = await partitions.deleteRecords(target, beforeOffset, this.#requester);
    return { logStartOffset };
  }

  // oxlint-disable-next-line typescript/require-await -- what is thrown at once rejects, too
  async acceptDataLoss(target: TopicPartition, lost: OffsetRange): Promise<void> {
    return this.#parts.partitions.acceptDataLoss(target, lost, this.#requester);
  }

  commitOffsets(group: string, offsets: readonly OffsetToCommit[]): Promise<void> {
    return this.#parts.offsets.commit(group, offsets, this.#requester);
  }

  committedOffsets(group: string, topic?: string): Promise<CommittedOffset[]> {
    return this.#parts.offsets.committed(group, topic, this.#requester);
  }

  get groups(): Groups {
    return this.#parts.groups;
  }

  async #produceToNew(request: ProduceRequest): Promise<ProduceResult> {
    const { admin, producePath } = this.#parts;
    if (isInternalTopic(request.topic)) {
      throw new ProtocolError(
        'INVALID_TOPIC_EXCEPTION',
        `Topic names that begin with "__" are the cluster's own: clients do not produce to them.`,
      );
    }
    if (!this.#mayBeMade(request.topic)) throw unknownTopicError(request.topic);
    return producePath.produce(await admin.ensure(request.topic), request, this.#requester);
  }

  #mayBeMade(topic: string): boolean {
    return (
      this.#parts.autoCreateTopics && topicNameFault(topic) === undefined && !isInternalTopic(topic)
    );
  }
}
