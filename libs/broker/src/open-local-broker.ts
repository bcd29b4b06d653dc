/**
 * Puts together a broker of its own: the parts, and the order in which they start and stop.
 *
 * Start: check whose directory it is, lock it and recover the logs, take the metadata, begin new leader epochs, open
 * the topics. Stop: refuse new produces, write what is buffered, end the waits, close the logs cleanly.
 */
import {
  assertOwnDataDir,
  type CoordinationStore,
  EmbeddedStore,
  inOrder,
  ProducerIds,
  registerBroker,
  takeOverController,
} from '#coordination';
import { OffsetStore, type TopicDirectory } from '#groups';
import { LogManager } from '#log';
import { ReplicaManager } from '#replication';
import type { DiskReserve } from '#runtime';
import { LocalBroker } from './local-broker.js';
import type {
  BrokerStatus,
  LocalBrokerPorts,
  LocalBrokerSettings,
  OpenBroker,
  PartitionStatus,
} from './local-broker-options.js';
import { LocalWriter } from './local-writer.js';
import { ProducePath } from './produce-path.js';
import { TopicAdmin } from './topic-admin.js';
import { TopicRegistry } from './topic-registry.js';

/**
 * Opens the broker of a data directory.
 * @throws DataDirError when the directory is another broker's or damaged; DataDirLockedError when
 *   another process has it
 */
export async function openLocalBroker(
  settings: LocalBrokerSettings,
  ports: LocalBrokerPorts,
): Promise<OpenBroker> {
  await assertOwnDataDir({ ...settings, ...ports });
  const logManager = await LogManager.open(settings, ports);
  try {
    return await openOn(logManager, settings, ports);
  } catch (error) {
    await logManager.close();
    throw error;
  }
}

async function openOn(
  logManager: LogManager,
  settings: LocalBrokerSettings,
  ports: LocalBrokerPorts,
): Promise<OpenBroker> {
  const { brokerId, rack } = settings;
  const { reserve } = logManager;
  const store = await EmbeddedStore.open({ ...settings, ...ports, reserve });
  const producerIds = await ProducerIds.open({ ...settings, ...ports });
  const delayedFetchesMax = settings.longPollsMax;
  const replicas = new ReplicaManager({ ...settings, ...ports, logManager, delayedFetchesMax });
  const registry = new TopicRegistry({ ...settings, ...ports, store, replicas, logManager });
  const admin = new TopicAdmin({ ...settings, ...ports, store, registry, replicas });
  const writer = new LocalWriter({ ...settings, ...ports, replicas });
  const producePath = new ProducePath({ ...settings, ...ports, writer });
  const topics: TopicDirectory = {
    topic: (name) => registry.get(name),
    ensureOffsetsTopic: () => admin.ensureOffsetsTopic(),
  };
  const offsets = new OffsetStore({ ...settings, ...ports, topics });
  registry.onDeleted = () => offsets.removeStaleOffsets();

  await registerAlone(store, { brokerId, rack }, ports);
  await registry.open();

  const { url, autoCreateTopics } = settings;
  const parts = { store, registry, admin, replicas, producePath, offsets, producerIds };
  return {
    broker: new LocalBroker({ ...parts, url, autoCreateTopics }),
    status: () => statusOf({ registry, replicas, producePath, offsets, reserve }),
    endWaits: () => replicas.delayedFetches.end(),
    close: () => close({ logManager, store, replicas, registry, producePath, offsets }),
  };
}

/** Registers the only broker there is: it is its own controller. */
async function registerAlone(
  store: CoordinationStore,
  { brokerId, rack }: Pick<LocalBrokerSettings, 'brokerId' | 'rack'>,
  { random }: LocalBrokerPorts,
): Promise<void> {
  const { dataDirUuid } = store;
  const registrant = { id: brokerId, url: null, clusterUrl: null, rack, dataDirUuid };
  await store.update(
    inOrder(
      (state) => registerBroker(state, registrant, random),
      (state) => takeOverController(state, brokerId, state.controller),
    ),
  );
}

interface ClosedParts {
  readonly logManager: LogManager;
  readonly store: CoordinationStore;
  readonly replicas: ReplicaManager;
  readonly registry: TopicRegistry;
  readonly producePath: ProducePath;
  readonly offsets: OffsetStore;
}

async function close(parts: ClosedParts): Promise<void> {
  const { logManager, store, replicas, registry, producePath, offsets } = parts;
  replicas.delayedFetches.end();
  // At once: what comes from now on is refused.
  await producePath.close(registry.all());
  await offsets.close();
  await registry.close();
  replicas.close();
  await store.close();
  await logManager.close();
}

interface WatchedParts {
  readonly registry: TopicRegistry;
  readonly replicas: ReplicaManager;
  readonly producePath: ProducePath;
  readonly offsets: OffsetStore;
  readonly reserve: DiskReserve;
}

function statusOf(parts: WatchedParts): BrokerStatus {
  const { registry, replicas, producePath, offsets, reserve } = parts;
  const partitions = Array.from(
    replicas.partitions(),
    ({ topicPartition, log }): PartitionStatus => {
      const { logStartOffset, highWatermark, logEndOffset, sizeBytes } = log;
      return {
        ...topicPartition,
        logStartOffset,
        highWatermark,
        logEndOffset,
        sizeBytes,
        isWritable: log.isWritable,
        lostRecords: log.lostRecords,
        damagedRanges: log.damagedRanges.length,
        offline: undefined,
      };
    },
  );
  for (const { topic, partition, reason } of replicas.offline()) {
    partitions.push({ ...UNKNOWN_PARTITION, topic, partition, offline: reason });
  }
  const { buffer } = producePath;
  return {
    topics: [...registry.all()].length,
    partitions,
    disk: reserve.status,
    bufferTotalBytes: buffer.totalBytes,
    bufferAvailableBytes: buffer.availableBytes,
    bufferWaiters: buffer.waiters,
    bufferExhaustedTotal: buffer.exhaustedTotal,
    delayedFetches: replicas.delayedFetches.count,
    delayedFetchesRefusedTotal: replicas.delayedFetches.refusedTotal,
    committedOffsets: offsets.offsetCount,
    offsetsExpiredTotal: offsets.expiredTotal,
    diskReads: replicas.diskReads.running,
    diskReadsWaiting: replicas.diskReads.waiting,
  };
}

/** What is not known of a partition that is offline is null. */
const UNKNOWN_PARTITION = {
  logStartOffset: null,
  highWatermark: null,
  logEndOffset: null,
  sizeBytes: null,
  isWritable: false,
  lostRecords: undefined,
  damagedRanges: 0,
} as const;
