/**
 * Opens one broker of a cluster.
 *
 * Start: lock the data directory and recover the logs, take the metadata, register (new leader
 * epochs for all that an earlier process of this broker led), open the partitions, serve the other
 * brokers, watch them. Stop: write the buffered records, hand leaderships over, close the logs
 * cleanly.
 */
import { type CoordinationStore, ProducerIds } from '#coordination';
import { LogManager } from '#log';
import {
  Controller,
  checkedPeerHandlers,
  checkedPeers,
  Membership,
  type PeerHandlers,
  type Peers,
  ReplicaManager,
} from '#replication';
import { type AssembledBroker, assembleBroker } from '../assemble-broker.js';
import type { LocalBrokerPorts, LocalBrokerSettings, OpenBroker } from '../local-broker-options.js';
import { PartitionWriter } from '../partition-writer.js';
import { assembleGroups } from './assemble-groups.js';
import { type ClusterStatusParts, clusterStatusOf } from './cluster-status.js';
import { groupHandlers } from './group-handlers.js';
import { LeaderCalls } from './leader-calls.js';
import { LeaderStatuses } from './leader-statuses.js';
import { appendAtLeader } from './leader-transport.js';
import { LocalLeader } from './local-leader.js';
import { PartitionAccess } from './partition-access.js';
import { leaderHandlers } from './peer-handlers.js';
import { ProduceSender } from './produce-sender.js';

/** Settings of a broker's part in the cluster. Times in ms, sizes in bytes. */
export interface ClusterBrokerSettings extends LocalBrokerSettings {
  /** Time that a silent broker keeps its leaderships and ISR memberships. */
  readonly leaseMs: number;
  /** Time that a request other than a produce waits for a leader. */
  readonly leaderWaitMs: number;
  /** Interval in which partitions return to their preferred leaders; 0: never. */
  readonly preferredLeaderIntervalMs: number;
  /** Produce calls in progress to one other broker. */
  readonly forwardsInFlightMax: number;
  /** Time that a follower may lag before it leaves the ISR. */
  readonly replicaLagTimeMaxMs: number;
  readonly replicaFetchWaitMaxMs: number;
  readonly replicaFetchMaxBytes: number;
  readonly replicaFetchResponseMaxBytes: number;
  /** Bytes per second fetched for replicas that a reassignment adds; 0 or absent: no limit. */
  readonly reassignmentBytesPerSecond?: number;
  /** Fetches that a follower has in progress to each other broker. */
  readonly replicaFetchers: number;
}

/** The outside world of a broker of a cluster. */
export interface ClusterBrokerPorts extends LocalBrokerPorts {
  /** Opens the coordination store, once the data directory is this process's. */
  readonly openStore: (logManager: LogManager) => Promise<CoordinationStore>;
  readonly network: ClusterNetwork;
  /** Called when another process has this broker id: this one must end. */
  readonly onFenced: () => void;
}

/** The private side of a broker: how it calls others and is called. */
export interface ClusterNetwork {
  /** Address of this broker for other brokers; null when there are none. */
  readonly clusterUrl: string | null;
  /** Begins to serve, and to call the brokers that the store names. */
  connect(store: CoordinationStore): Peers;
  serve(clusterUuid: string, handlers: PeerHandlers): void;
  /** Answers the calls in progress and ends all connections. */
  close(): Promise<void>;
}

/**
 * @throws DataDirError when the directory is another broker's, another cluster's or damaged;
 *   DataDirLockedError when another process has it; BrokerIdTakenError when the id is in use
 */
export async function openClusterBroker(
  settings: ClusterBrokerSettings,
  ports: ClusterBrokerPorts,
): Promise<OpenBroker> {
  const logManager = await LogManager.open(settings, ports);
  let store: CoordinationStore | undefined;
  try {
    store = await ports.openStore(logManager);
    return await openOn(logManager, store, settings, ports);
  } catch (error) {
    await ports.network.close();
    await store?.close();
    await logManager.close();
    throw error;
  }
}

async function openOn(
  logManager: LogManager,
  store: CoordinationStore,
  settings: ClusterBrokerSettings,
  ports: ClusterBrokerPorts,
): Promise<OpenBroker> {
  const { brokerId, leaderWaitMs } = settings;
  const { network, clock } = ports;
  const peers = checkedPeers(network.connect(store), ports);
  const producerIds = await ProducerIds.open({ ...settings, ...ports });
  const delayedFetchesMax = settings.longPollsMax;
  const replicas = new ReplicaManager({
    ...settings,
    ...ports,
    logManager,
    delayedFetchesMax,
    cluster: { store, peers, brokerEpoch: () => membership.brokerEpoch },
  });
  const leaders = new LeaderCalls({ ...settings, ...ports, store });
  const isLeaseValid = (): boolean => membership.isLeaseValid;
  const localLeader = new LocalLeader({ replicas: replicas.table, isLeaseValid });
  const sender = new ProduceSender({ ...settings, ...ports, peers });
  const statuses = new LeaderStatuses({ store, replicas, peers, brokerId });
  const access = { store, replicas, peers, leaders, clock, brokerId, leaderWaitMs };
  const partitions = new PartitionAccess(access);
  const transports = { leaders, local: localLeader, peer: (id: number) => sender.to(id) };
  const writer = new PartitionWriter({
    ...settings,
    clock,
    nextProducerId: () => producerIds.next(),
    localLeader,
    appendAtLeader: (append, limits) => appendAtLeader(transports, append, limits),
    partitions,
  });
  const leaderAccess = { replicas, leaders, statuses, partitions, peers };
  const brokerEpoch = (): number => membership.brokerEpoch;
  const groupOptions = { ...settings, ...ports, ...leaderAccess, brokerEpoch };
  const assembled = assembleBroker(
    {
      logManager,
      store,
      producerIds,
      replicas,
      writer,
      partitions,
      statusesOf: (targets, statusOptions) => statuses.of(targets, statusOptions),
      groupsOf: (coordinators, topics) => assembleGroups(coordinators, topics, groupOptions),
    },
    settings,
    ports,
  );
  const membership = await joinCluster(logManager, store, settings, ports);
  const { coordinators } = assembled;
  const handlers = {
    ...replicas.replication.handlers(),
    ...leaderHandlers({ replicas, leader: localLeader, groups: coordinators }),
    ...groupHandlers({ coordinators, replicas, store, scheduler: ports.scheduler }),
  };
  network.serve(store.clusterUuid, checkedPeerHandlers(handlers));
  await assembled.registry.open();
  const controller = new Controller({ ...settings, ...ports, store });
  const parts = { store, replicas, brokerId, membership, controller, leaders };
  return memberOf(parts, assembled, settings, network);
}

/** Returns the broker as a member of its cluster: with its status there, and its withdrawal. */
function memberOf(
  parts: ClusterStatusParts,
  { open, close }: AssembledBroker,
  settings: ClusterBrokerSettings,
  network: ClusterNetwork,
): OpenBroker {
  const { store, membership, controller, leaders } = parts;
  const clusterStatus = () => (store.isShared ? clusterStatusOf(parts) : undefined);
  return {
    ...open,
    status: () => ({ ...open.status(), cluster: clusterStatus() }),
    statusInSlices: async () => ({ ...(await open.statusInSlices()), cluster: clusterStatus() }),
    announce: async () => {
      const url = settings.url();
      if (url !== null) await membership.announce(url);
    },
    close: () =>
      close(async () => {
        await controller.stop();
        await membership.withdraw();
        leaders.close();
        await network.close();
      }),
  };
}

/** Registers this broker and keeps its lease. @throws BrokerIdTakenError when the id is in use */
function joinCluster(
  logManager: LogManager,
  store: CoordinationStore,
  settings: ClusterBrokerSettings,
  ports: ClusterBrokerPorts,
): Promise<Membership> {
  const { brokerId, leaseMs } = settings;
  return Membership.join({
    ...ports,
    store,
    brokerId,
    leaseMs,
    registrant: () => ({
      id: brokerId,
      url: settings.url(),
      clusterUrl: ports.network.clusterUrl,
      rack: settings.rack,
      dataDirUuid: store.dataDirUuid,
      mayLackRecords: settings.durability === 'os' && !logManager.wasClosedCleanly,
    }),
  });
}
