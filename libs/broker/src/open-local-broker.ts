/**
 * Opens the only broker of a cluster of one: as any other of a cluster, with a store of its own and
 * without peers.
 */
import { assertOwnDataDir, EmbeddedStore } from '#coordination';
import { NO_PEERS } from '#replication';
import type { LocalBrokerPorts, LocalBrokerSettings, OpenBroker } from './local-broker-options.js';
import {
  type ClusterBrokerPorts,
  type ClusterBrokerSettings,
  type ClusterNetwork,
  openClusterBroker,
} from './open-cluster-broker.js';

/** Settings of a broker without peers: none of them needs to be given. */
const CLUSTER_DEFAULTS: Omit<ClusterBrokerSettings, keyof LocalBrokerSettings> = {
  leaseMs: 6000,
  leaderWaitMs: 5000,
  preferredLeaderIntervalMs: 0,
  forwardsInFlightMax: 5,
  replicaLagTimeMaxMs: 30_000,
  replicaFetchWaitMaxMs: 500,
  replicaFetchMaxBytes: 1024 * 1024,
  replicaFetchResponseMaxBytes: 10 * 1024 * 1024,
  replicaFetchers: 1,
};

const NO_NETWORK: ClusterNetwork = {
  clusterUrl: null,
  connect: () => NO_PEERS,
  serve: () => undefined,
  close: () => Promise.resolve(),
};

/**
 * Opens the broker of a data directory.
 * @throws DataDirError when the directory is another broker's or damaged; DataDirLockedError when
 *   another process has it
 */
export async function openLocalBroker(
  settings: LocalBrokerSettings & Partial<ClusterBrokerSettings>,
  ports: LocalBrokerPorts,
): Promise<OpenBroker> {
  await assertOwnDataDir({
    fileSystem: ports.fileSystem,
    dataDir: settings.dataDir,
    clusterId: settings.clusterId,
    brokerId: settings.brokerId,
  });
  const completeSettings = { ...CLUSTER_DEFAULTS, ...settings };
  return openClusterBroker(completeSettings, withoutPeers(completeSettings, ports));
}

/** The outside world of a broker that is a cluster of one. */
export function withoutPeers(
  { dataDir, clusterId, brokerId }: LocalBrokerSettings,
  ports: LocalBrokerPorts,
): ClusterBrokerPorts {
  const { fileSystem, random } = ports;
  return {
    ...ports,
    network: NO_NETWORK,
    openStore: ({ reserve }) =>
      EmbeddedStore.open({ fileSystem, random, dataDir, clusterId, brokerId, reserve }),
    // Nobody else registers in a store of this broker's own.
    onFenced: () => undefined,
  };
}
