/**
 * Opens one broker of a cluster.
 *
 * Start: lock the data directory and recover the logs, take the metadata, register (new leader
 * epochs for all that an earlier process of this broker led), open the partitions, serve the other
 * brokers, watch them. Stop: write the buffered records, hand leaderships over, close the logs
 * cleanly.
 */
import {
  type ClusterSecurity,
  type CommitPeers,
  type CoordinationStore,
  FEATURE_LEVEL,
  ProducerIds,
  type Registrant,
  type RevocationPeers,
} from '#coordination';
import { LogManager } from '#log';
import {
  Controller,
  checkedPeerHandlers,
  checkedPeers,
  Membership,
  type PeerHandlers,
  type Peers,
  ReplicaManager,
  type ReplicationCluster,
} from '#replication';
import type { DiskReserve } from '#runtime';
import type { BrokerSecurity, TicketPeers } from '#security';
import { type AssembledBroker, assembleBroker, type BrokerParts } from './assemble-broker.js';
import { assembleGroups, type GroupPartsSettings } from './assemble-groups.js';
import { type ClusterStatusParts, clusterStatusOf } from './cluster/cluster-status.js';
import { commitHandlers, commitPeers } from './cluster/commit-calls.js';
import { permittedPeerHandlers } from './cluster/forwarded-requests.js';
import { groupHandlers } from './cluster/group-handlers.js';
import { LeaderCalls } from './cluster/leader-calls.js';
import { LeaderStatuses } from './cluster/leader-statuses.js';
import { appendAtLeader } from './cluster/leader-transport.js';
import { LeadershipCheck } from './cluster/leadership-check.js';
import { LocalLeader } from './cluster/local-leader.js';
import { metadataHandlers, metadataPeers } from './cluster/metadata-calls.js';
import { PartitionAccess } from './cluster/partition-access.js';
import { leaderHandlers } from './cluster/peer-handlers.js';
import { ProduceSender } from './cluster/produce-sender.js';
import { revocationHandlers, revocationPeers } from './cluster/revocation-calls.js';
import { ticketHandlers, ticketPeers } from './cluster/ticket-calls.js';
import { DelayedRecords } from './delayed-records.js';
import type { LocalBrokerPorts, LocalBrokerSettings, OpenBroker } from './local-broker-options.js';
import { PartitionWriter } from './partition-writer.js';

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

/** The other brokers, as the security of this one calls them. */
export type SecurityPeers = RevocationPeers & CommitPeers & TicketPeers;

/** The outside world of a broker of a cluster. */
export interface ClusterBrokerPorts extends LocalBrokerPorts {
  /** Opens the coordination store, once the data directory is this process's. */
  readonly openStore: (logManager: LogManager) => Promise<CoordinationStore>;
  /**
   * Opens the keys, rules and revocations of this broker, which the caller closes before it closes
   * the broker; absent while authentication is off.
   */
  readonly openSecurity?: (
    store: CoordinationStore,
    peers: SecurityPeers,
    reserve: DiskReserve,
  ) => Promise<BrokerSecurity<ClusterSecurity>>;
  readonly network: ClusterNetwork;
  /** Called when another process has this broker id: this one must end. */
  readonly onFenced: () => void;
}

/** The security of a registration. */
type RegistrationSecurity = Required<Pick<Registrant, 'security' | 'securityFault'>>;

/** The private side of a broker: how it calls others and is called. */
export interface ClusterNetwork {
  /** Address of this broker for other brokers; null when there are none. */
  readonly clusterUrl: string | null;
  /** Begins to serve, and to call the brokers that the store names. */
  connect(store: CoordinationStore): Peers;
  serve(clusterUuid: string, handlers: PeerHandlers): void;
  /** Returns the proofs of this broker, and the check of others; absent without a secret. */
  security?(clusterUuid: string, dataDirUuid: string): RegistrationSecurity;
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
  const { brokerId, leaderWaitMs, dataDir } = settings;
  const { network, clock, fileSystem, logger, random, scheduler } = ports;
  const loop = { clock, scheduler, random };
  const peers = checkedPeers(network.connect(store), ports);
  const producerIds = await ProducerIds.open({ fileSystem, clock, dataDir, brokerId });
  const brokerEpoch = (): number => membership.brokerEpoch;
  const cluster = { store, peers, brokerEpoch };
  const replicas = replicaManagerOf(logManager, cluster, settings, ports);
  const delayed = new DelayedRecords({ fileSystem, logger, replicas, settings });
  const leaders = new LeaderCalls({ ...loop, store, brokerId });
  const isLeaseValid = (): boolean => membership.isLeaseValid;
  const localLeader = new LocalLeader({ replicas: replicas.table, isLeaseValid });
  const sender = new ProduceSender({ ...settings, peers, scheduler });
  const statuses = new LeaderStatuses({ store, replicas, peers, brokerId });
  const leadership = new LeadershipCheck({ store, replicas, brokerId, brokerEpoch });
  const leading = { store, replicas, leaders, leadership, peers };
  const { unpacker } = logManager;
  const access = { ...leading, unpacker, delayed, clock, brokerId, leaderWaitMs };
  const partitions = new PartitionAccess(access);
  const transports = { leaders, local: localLeader, peer: (id: number) => sender.to(id) };
  const writer = new PartitionWriter({
    clock,
    batchSizeBytes: settings.batchSizeBytes,
    nextProducerId: () => producerIds.next(),
    localLeader,
    appendAtLeader: (append, limits) => appendAtLeader(transports, append, limits),
    partitions,
  });
  const groupOptions = {
    ...leading,
    ...loop,
    ...groupSettingsOf(settings),
    statuses,
    partitions,
    logger,
    brokerEpoch,
  };
  const assembled = assembleBroker(
    {
      logManager,
      store,
      producerIds,
      replicas,
      delayed,
      writer,
      partitions,
      ...topicCallsOf(statuses, peers, store, brokerId),
      groupsOf: (coordinators, topics) => assembleGroups(coordinators, topics, groupOptions),
    },
    settings,
    ports,
  );
  const asked = securityPeers(peers, store, brokerId);
  const security = await ports.openSecurity?.(store, asked, logManager.reserve);
  const membership = await joinCluster(logManager, store, settings, ports);
  const served = { replicas, store, scheduler, leader: localLeader, leadership, delayed };
  const handlers = handlersOf(served, assembled, security);
  network.serve(store.clusterUuid, checkedPeerHandlers(handlers));
  await assembled.registry.open();
  if (security !== undefined) assembled.open.followSecurity(security.metadata);
  const controller = controllerOf(store, settings, ports);
  const parts = { store, replicas, brokerId, membership, controller, leaders };
  return memberOf(parts, assembled, ports);
}

/** Returns the calls to other brokers that the administration of topics makes. */
function topicCallsOf(
  statuses: LeaderStatuses,
  peers: Peers,
  store: CoordinationStore,
  brokerId: number,
): Pick<BrokerParts, 'statusesOf' | 'appliedElsewhere'> {
  return {
    statusesOf: (targets, statusOptions) => statuses.of(targets, statusOptions),
    appliedElsewhere: metadataPeers(peers, store, brokerId),
  };
}

function securityPeers(peers: Peers, store: CoordinationStore, brokerId: number): SecurityPeers {
  return {
    ...revocationPeers(peers, store, brokerId),
    ...commitPeers(peers),
    ...ticketPeers(peers),
  };
}

function replicaManagerOf(
  logManager: LogManager,
  cluster: ReplicationCluster,
  settings: ClusterBrokerSettings,
  { clock, scheduler, random, logger }: ClusterBrokerPorts,
): ReplicaManager {
  return new ReplicaManager({
    clock,
    scheduler,
    random,
    logger,
    logManager,
    cluster,
    brokerId: settings.brokerId,
    delayedFetchesMax: settings.longPollsMax,
    diskReadsMax: settings.diskReadsMax,
    replicaLagTimeMaxMs: settings.replicaLagTimeMaxMs,
    replicaFetchWaitMaxMs: settings.replicaFetchWaitMaxMs,
    replicaFetchMaxBytes: settings.replicaFetchMaxBytes,
    replicaFetchResponseMaxBytes: settings.replicaFetchResponseMaxBytes,
    reassignmentBytesPerSecond: settings.reassignmentBytesPerSecond ?? 0,
  });
}

/** Returns the settings that the parts for groups use. */
function groupSettingsOf(settings: ClusterBrokerSettings): GroupPartsSettings {
  return {
    brokerId: settings.brokerId,
    leaderWaitMs: settings.leaderWaitMs,
    longPollsMax: settings.longPollsMax,
    queueGroupsMax: settings.queueGroupsMax,
    offsetMetadataBytesMax: settings.offsetMetadataBytesMax,
  };
}

function controllerOf(
  store: CoordinationStore,
  { brokerId, leaseMs, preferredLeaderIntervalMs }: ClusterBrokerSettings,
  { clock, scheduler, random, logger }: ClusterBrokerPorts,
): Controller {
  const loop = { clock, scheduler, random };
  return new Controller({ ...loop, logger, store, brokerId, leaseMs, preferredLeaderIntervalMs });
}

/** Returns what this broker does for the other ones. */
function handlersOf(
  parts: Omit<Parameters<typeof leaderHandlers>[0], 'groups' | 'callers'>,
  { coordinators, registry }: AssembledBroker,
  security: BrokerSecurity<ClusterSecurity> | undefined,
): PeerHandlers {
  const callers = security?.callers;
  const handlers = {
    ...parts.replicas.replication.handlers(),
    ...leaderHandlers({ ...parts, callers, groups: coordinators }),
    ...groupHandlers({ ...parts, coordinators }),
    ...metadataHandlers({ ...parts, registry }),
    ...revocationHandlers(security?.metadata),
    ...commitHandlers(security?.metadata),
    ...ticketHandlers(security?.tickets),
  };
  return permittedPeerHandlers(handlers, callers);
}

/** Returns the broker as a member of its cluster: with its status there, and its withdrawal. */
function memberOf(
  parts: ClusterStatusParts,
  { open, close }: AssembledBroker,
  ports: ClusterBrokerPorts,
): OpenBroker {
  const { store, membership, controller, leaders } = parts;
  const clusterStatus = () => (store.isShared ? clusterStatusOf(parts) : undefined);
  return {
    ...open,
    status: () => ({ ...open.status(), cluster: clusterStatus() }),
    statusInSlices: async () => ({ ...(await open.statusInSlices()), cluster: clusterStatus() }),
    announce: async () => {
      const url = ports.url();
      if (url !== null) await membership.announce(url);
    },
    close: () =>
      close(async () => {
        await controller.stop();
        await membership.withdraw();
        leaders.close();
        await ports.network.close();
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
      url: ports.url(),
      clusterUrl: ports.network.clusterUrl,
      rack: settings.rack ?? null,
      dataDirUuid: store.dataDirUuid,
      featureLevel: FEATURE_LEVEL,
      ...ports.network.security?.(store.clusterUuid, store.dataDirUuid),
      mayLackRecords: settings.durability === 'os' && !logManager.wasClosedCleanly,
    }),
  });
}
