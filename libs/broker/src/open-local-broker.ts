/**
 * Opens the only broker of a cluster of one.
 *
 * Start: check whose directory it is, lock it and recover the logs, take the metadata, begin new leader
 * epochs, open the topics.
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
import { LogManager } from '#log';
import { NO_PEERS, ReplicaManager } from '#replication';
import { assembleBroker } from './assemble-broker.js';
import { byPartition, ledStatuses } from './leader-status.js';
import type { LocalBrokerPorts, LocalBrokerSettings, OpenBroker } from './local-broker-options.js';
import { LocalWriter } from './local-writer.js';

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
  const { reserve } = logManager;
  const store = await EmbeddedStore.open({ ...settings, ...ports, reserve });
  const producerIds = await ProducerIds.open({ ...settings, ...ports });
  const delayedFetchesMax = settings.longPollsMax;
  const brokerEpoch = (): number => store.state.brokers.get(settings.brokerId)?.brokerEpoch ?? 0;
  const cluster = { store, peers: NO_PEERS, brokerEpoch };
  const replicas = new ReplicaManager({
    ...settings,
    ...ports,
    logManager,
    delayedFetchesMax,
    cluster,
  });
  const { open, registry } = assembleBroker(
    {
      logManager,
      store,
      producerIds,
      replicas,
      writer: new LocalWriter({ ...settings, ...ports, replicas }),
      partitions: {
        fetch: (request) => replicas.fetch(request, request),
        listOffset: (target, at) => replicas.listOffset(target, at),
        deleteRecords: (target, beforeOffset) => replicas.deleteRecords(target, beforeOffset),
        giveUpLostRecords: (target, lost) => replicas.giveUpLostRecords(target, lost),
      },
      statusesOf: (partitions, wanted) =>
        Promise.resolve(byPartition(ledStatuses(replicas, partitions, wanted))),
      groupsOf: (offsets) => offsets,
    },
    settings,
    ports,
  );
  await registerAlone(store, settings, ports);
  await registry.open();
  return open;
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
