/**
 * Puts the parts of a broker together that its own clients use, and stops them: refuse new
 * produces, write the buffered records, end the waits, close the logs cleanly.
 */
import type { CoordinationStore, ProducerIds } from '#coordination';
import { GroupCoordinators, groupSettings, type TopicDirectory } from '#groups';
import type { LogManager } from '#log';
import type { ReplicaManager } from '#replication';
import { atOnce, inSlices, type SlicedWork } from '#runtime';
import { AcknowledgedRecords } from './acknowledged-records.js';
import type { GroupParts } from './assemble-groups.js';
import { hasProcessEnded, onProcessEnded } from './cluster/ended-processes.js';
import type { PartitionAccess } from './cluster/partition-access.js';
import { ClusterTopics } from './cluster-topics.js';
import { DeadLetters } from './dead-letters.js';
import type { DelayedRecords } from './delayed-records.js';
import { positionsOf } from './group-positions.js';
import { groupLags } from './groups/group-lags.js';
import { MemberAccess } from './groups/member-access.js';
import type {
  BrokerStatus,
  LocalBrokerPorts,
  LocalBrokerSettings,
  OpenBroker,
  PartitionStatus,
} from './local-broker-options.js';
import { LogBroker } from './log-broker.js';
import { PartitionReplicas } from './partition-replicas.js';
import type { PartitionWriter } from './partition-writer.js';
import { ProducePath } from './produce-path.js';
import { queueListsIn } from './queue-lists.js';
import { RedrivenRecords } from './redriven-records.js';
import { TopicAdmin, type TopicAdminOptions } from './topic-admin.js';
import { TopicRegistry } from './topic-registry.js';

/** The parts of a broker that call other brokers or are called by them. */
export interface BrokerParts {
  readonly logManager: LogManager;
  readonly store: CoordinationStore;
  readonly producerIds: ProducerIds;
  readonly replicas: ReplicaManager;
  readonly delayed: DelayedRecords;
  readonly writer: PartitionWriter;
  readonly partitions: PartitionAccess;
  readonly statusesOf: TopicAdminOptions['statusesOf'];
  readonly appliedElsewhere: TopicAdminOptions['appliedElsewhere'];
  /** Made of the coordinators that this broker keeps itself. */
  readonly groupsOf: (coordinators: GroupCoordinators, topics: TopicDirectory) => GroupParts;
}

export interface AssembledBroker {
  readonly open: OpenBroker;
  /** The caller opens it once the broker is registered. */
  readonly registry: TopicRegistry;
  readonly coordinators: GroupCoordinators;
  /**
   * Closes the parts, like `OpenBroker.close`.
   * @param handOver called when all accepted records are written, before the partitions are closed
   */
  readonly close: (handOver?: () => Promise<void>) => Promise<void>;
}

export function assembleBroker(
  cluster: BrokerParts,
  settings: LocalBrokerSettings,
  ports: LocalBrokerPorts,
): AssembledBroker {
  const { logManager, store, producerIds, replicas, writer, partitions, statusesOf } = cluster;
  const { brokerId, autoCreateTopics, batchSizeBytes } = settings;
  const { clock, random, scheduler, logger, url } = ports;
  const loop = { clock, scheduler, random };
  const followed = { random, scheduler, logger, store, replicas, logManager };
  const registry: TopicRegistry = new TopicRegistry({
    ...followed,
    brokerId,
    batchSizeBytes,
    deleted: () => coordinators.removeStaleOffsets(),
  });
  const admin = topicAdminOf(cluster, registry, settings, ports);
  const producePath = producePathOf(settings, ports, writer);
  const topics = new ClusterTopics({
    store,
    openTopic: (name) => registry.get(name),
    ensureOffsetsTopic: () => admin.ensureOffsetsTopic(),
  });
  const memberAccess = new MemberAccess();
  const coordinators: GroupCoordinators = new GroupCoordinators({
    deadLetters: deadLettersOf(cluster, { registry, admin, producePath }),
    redriveTopics: redrivenRecordsOf(cluster, { registry, producePath }),
    ...groupSettings(settings),
    ...loop,
    logger,
    topics,
    expiryClock: logManager.expiryClock,
    hasProcessEnded: (brokerEpoch) => hasProcessEnded(store.state, brokerEpoch),
    mayKeep: memberAccess.mayKeep,
    findPositions: (pending, version) => positionsOf(pending, statusesOf, version),
    queueLists: queueListsIn(store),
  });
  registry.onChange(({ topic }) => coordinators.topicChanged(topic));
  onProcessEnded(store, (brokerEpoch) => coordinators.processEnded(brokerEpoch));
  const groupParts = cluster.groupsOf(coordinators, topics);
  const acknowledged = acknowledgedRecordsOf(cluster, { registry, groupParts }, settings, ports);
  const parts = {
    store,
    registry,
    admin,
    replicas: partitionReplicasOf(cluster, settings, { registry, admin }),
    partitions,
    producePath,
    offsets: groupParts.offsets,
    groups: groupParts.groups,
    producerIds,
    isAuthOn: settings.auth === 'on',
  };
  const own = { registry, producePath, coordinators, acknowledged };
  const running = { ...cluster, ...own, polls: groupParts.polls, watcher: groupParts.watcher };
  const closeAll = (handOver?: () => Promise<void>): Promise<void> => close(running, handOver);
  const open: OpenBroker = {
    broker: new LogBroker({ ...parts, brokerId, url, autoCreateTopics }),
    reserve: cluster.logManager.reserve,
    status: () => atOnce(statusOf(running)),
    statusInSlices: () => inSlices(statusOf(running)),
    groupLags: (max) => groupLags(coordinators.committedPositions(), max, statusesOf),
    followSecurity: (metadata) => memberAccess.follow(metadata, coordinators),
    announce: () => Promise.resolve(),
    endWaits: () => endWaits(running),
    close: () => closeAll(),
  };
  return { open, registry, coordinators, close: closeAll };
}

function topicAdminOf(
  { store, replicas, statusesOf, appliedElsewhere }: BrokerParts,
  registry: TopicRegistry,
  settings: LocalBrokerSettings,
  { random, scheduler }: LocalBrokerPorts,
): TopicAdmin {
  return new TopicAdmin({
    store,
    registry,
    replicas,
    random,
    scheduler,
    statusesOf,
    appliedElsewhere,
    brokerId: settings.brokerId,
    partitionsPerBrokerMax: settings.partitionsPerBrokerMax,
    partitionFilesMax: settings.partitionFilesMax,
    topicsMax: settings.topicsMax,
    partitionsMax: settings.partitionsMax,
    offsetsTopicPartitions: settings.offsetsTopicPartitions,
    offsetsTopicSegmentBytes: settings.offsetsTopicSegmentBytes,
  });
}

function partitionReplicasOf(
  { store, statusesOf, appliedElsewhere }: BrokerParts,
  { brokerId, partitionsPerBrokerMax }: LocalBrokerSettings,
  parts: { readonly registry: TopicRegistry; readonly admin: TopicAdmin },
): PartitionReplicas {
  const placement = { brokerId, partitionsPerBrokerMax };
  return new PartitionReplicas({ ...parts, ...placement, store, statusesOf, appliedElsewhere });
}

function producePathOf(
  { bufferMemoryBytes, maxBlockMs, batchSizeBytes, lingerMs }: LocalBrokerSettings,
  { clock, scheduler }: LocalBrokerPorts,
  writer: PartitionWriter,
): ProducePath {
  return new ProducePath({
    writer,
    clock,
    scheduler,
    bufferMemoryBytes,
    maxBlockMs,
    batchSizeBytes,
    lingerMs,
  });
}

/** The writer of dead letters of the groups that this broker coordinates. */
function deadLettersOf(
  { partitions, producerIds }: BrokerParts,
  parts: {
    readonly registry: TopicRegistry;
    readonly admin: TopicAdmin;
    readonly producePath: ProducePath;
  },
): DeadLetters {
  const { registry, admin, producePath } = parts;
  return new DeadLetters({
    topic: (name) => registry.get(name),
    ensureTopic: (name) => admin.ensureDeadLetterTopic(name),
    newProducer: async () => ({ producerId: await producerIds.next(), producerEpoch: 0 }),
    fetch: (request) => partitions.fetch(request, 'broker'),
    produce: (topic, request) => producePath.produce(topic, request, 'broker'),
  });
}

/** The deletion of records that queues are done with. */
function acknowledgedRecordsOf(
  { store, partitions }: BrokerParts,
  { registry, groupParts }: { readonly registry: TopicRegistry; readonly groupParts: GroupParts },
  { deleteOnAckIntervalMs }: LocalBrokerSettings,
  { scheduler, logger }: LocalBrokerPorts,
): AcknowledgedRecords {
  return new AcknowledgedRecords({
    deleteOnAckIntervalMs,
    scheduler,
    logger,
    topics: () => registry.all(),
    queueGroupsOf: ({ name, id }) => {
      const topic = store.state.topics.get(name);
      return topic?.id === id ? (topic.queueGroups ?? []) : undefined;
    },
    floorsOf: groupParts.floorsOf,
    deleteRecords: (target, offset) => partitions.deleteRecords(target, offset, 'broker'),
  });
}

/** The writer of records that groups coordinated by this broker put back. */
function redrivenRecordsOf(
  { partitions, producerIds }: BrokerParts,
  {
    registry,
    producePath,
  }: { readonly registry: TopicRegistry; readonly producePath: ProducePath },
): RedrivenRecords {
  return new RedrivenRecords({
    topic: (name) => registry.get(name),
    newProducer: async () => ({ producerId: await producerIds.next(), producerEpoch: 0 }),
    fetch: (request) => partitions.fetch(request, 'broker'),
    produce: (topic, request) => producePath.produce(topic, request, 'broker'),
  });
}

interface ClosedParts {
  readonly logManager: LogManager;
  readonly store: CoordinationStore;
  readonly replicas: ReplicaManager;
  readonly delayed: DelayedRecords;
  readonly registry: TopicRegistry;
  readonly producePath: ProducePath;
  readonly coordinators: GroupCoordinators;
  readonly polls: GroupParts['polls'];
  readonly watcher: GroupParts['watcher'];
  readonly acknowledged: AcknowledgedRecords;
}

function endWaits({ polls, replicas }: ClosedParts): void {
  polls.endWaits();
  replicas.delayedFetches.end();
}

async function close(parts: ClosedParts, handOver?: () => Promise<void>): Promise<void> {
  const { logManager, store, replicas, delayed, registry, producePath, coordinators } = parts;
  endWaits(parts);
  parts.watcher.close();
  // New produce requests are refused from here on.
  await producePath.close(registry.all());
  await parts.acknowledged.stop();
  await coordinators.close();
  await handOver?.();
  await registry.close();
  await delayed.close();
  replicas.close();
  await store.close();
  await logManager.close();
}

interface WatchedParts {
  readonly registry: TopicRegistry;
  readonly replicas: ReplicaManager;
  readonly delayed: DelayedRecords;
  readonly producePath: ProducePath;
  readonly coordinators: GroupCoordinators;
  readonly polls: GroupParts['polls'];
  readonly acknowledged: AcknowledgedRecords;
  readonly logManager: LogManager;
}

function* statusOf(parts: WatchedParts): SlicedWork<BrokerStatus> {
  const { registry, replicas, delayed, producePath, coordinators, polls, logManager } = parts;
  const { reserve, producerMemory, expiryClock } = logManager;
  const partitions: PartitionStatus[] = [];
  // A topic that is deleted and made again between two slices would be listed twice without a copy.
  const listed = [...replicas.table.partitions()];
  for (const { topicPartition, log } of listed) {
    const { logStart, highWatermark, logEnd } = log.offsets;
    partitions.push({
      ...topicPartition,
      logStartOffset: logStart,
      highWatermark,
      logEndOffset: logEnd,
      sizeBytes: log.sizeBytes,
      isWritable: log.isWritable,
      lostRecords: [log.damage.lostStart, ...log.damage.lostBetween, log.damage.lostRecords].filter(
        (range) => range !== undefined,
      ),
      damagedRanges: log.damage.ranges.length,
      offline: undefined,
    });
    if (partitions.length % PARTITIONS_PER_SLICE === 0) yield;
  }
  for (const { topic, partition, reason } of replicas.table.offline()) {
    partitions.push({ ...UNKNOWN_PARTITION, topic, partition, offline: reason });
  }
  const { buffer } = producePath;
  return {
    topics: [...registry.all()].length,
    partitions,
    disk: reserve.status,
    clock: expiryClock.status,
    segments: logManager.segmentCount,
    quarantinedBytes: logManager.quarantine.bytes,
    bufferTotalBytes: buffer.totalBytes,
    bufferAvailableBytes: buffer.availableBytes,
    bufferWaiters: buffer.waiters,
    bufferExhaustedTotal: buffer.exhaustedTotal,
    delayedFetches: replicas.delayedFetches.count,
    delayedFetchesRefusedTotal: replicas.delayedFetches.refusedTotal,
    committedOffsets: coordinators.offsetCount,
    offsetsExpiredTotal: coordinators.expiredTotal,
    diskReads: replicas.diskReads.running,
    diskReadsWaiting: replicas.diskReads.waiting,
    keptState: {
      offsetBytes: coordinators.offsetBytes,
      offsetCommitsRefusedTotal: coordinators.refusedTotal,
      producers: producerMemory.status,
    },
    groups: {
      ...coordinators.counts,
      pollsWaiting: polls.waiting,
      pollsRefusedTotal: polls.refusedTotal,
      queueGroupsRemembered: polls.queueGroups,
      acknowledgedDeletedTotal: parts.acknowledged.deletedTotal,
    },
    queues: yield* coordinators.queueCounts(),
    delayedRecords: delayed.status,
    cluster: undefined,
  };
}

/** Partitions that are checked in one slice. */
const PARTITIONS_PER_SLICE = 500;

/** Members of an offline partition that are unknown are null. */
const UNKNOWN_PARTITION = {
  logStartOffset: null,
  highWatermark: null,
  logEndOffset: null,
  sizeBytes: null,
  isWritable: false,
  lostRecords: [],
  damagedRanges: 0,
} as const;
