/**
 * The choice of the cluster that a starting broker belongs to: the one in the registry, or one that
 * it founds.
 */
import { ProtocolError } from '#protocol';
import { DataDirError } from '#runtime';
import { type ClusterState, EMPTY_CLUSTER } from '../cluster-state.js';

import type { DataDirIdentity } from '../data-dir-identity.js';
import { readEmbeddedState } from '../embedded/embedded-store.js';
import type { ClusterStoreOptions } from './cluster-store-options.js';
import type { MetadataJournal } from './metadata-journal.js';
import { clusterDocument, type RegisteredCluster, versionFault } from './registry.js';

/** Number of checks per lease by a broker that waits to found a cluster. */
const CHECKS_PER_LEASE = 10;

/**
 * The UUID of the cluster in the registry, which must match the data directory's if that has one.
 *
 * Without a cluster in the registry, an empty directory founds one after it has waited one lease
 * for other brokers; a directory of a broker that was alone founds the cluster and brings its
 * topics; any other directory belongs to a cluster that existed before and has to be rebuilt.
 * @throws DataDirError when the directory belongs to another cluster; ProtocolError
 *   BROKER_NOT_AVAILABLE when the directory is empty and other brokers rebuild; RegistryAwayError,
 *   RegistryRefusedError
 */
export async function findCluster(
  identity: DataDirIdentity | undefined,
  journal: MetadataJournal,
  options: ClusterStoreOptions,
): Promise<string> {
  const { registry, random, fileSystem, dataDir } = options;
  const existing = await registry.cluster();
  if (existing !== undefined) return assertOwn(existing, identity, options);
  if (identity === undefined) {
    const founded = await waitForOthers(options);
    if (founded !== undefined) return assertOwn(founded, undefined, options);
    return assertOwn(await found(random.uuid(), EMPTY_CLUSTER, options), undefined, options);
  }
  const state = journal.isMade ? undefined : await readEmbeddedState(fileSystem, dataDir);
  if (state === undefined) return identity.clusterUuid;
  return assertOwn(await found(identity.clusterUuid, state, options), identity, options);
}

async function waitForOthers({
  registry,
  leaseMs,
  clock,
  scheduler,
  logger,
  clusterId,
}: ClusterStoreOptions): Promise<RegisteredCluster | undefined> {
  logger.info({ clusterId, leaseMs }, 'Redis has no such cluster yet: waiting for other brokers');
  const endMs = clock.monotonicMs() + leaseMs;
  while (clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => scheduler.after(leaseMs / CHECKS_PER_LEASE, resolve));
    const founded = await registry.cluster();
    if (founded !== undefined) return founded;
  }
  return undefined;
}

async function found(
  uuid: string,
  state: ClusterState,
  { registry, random, logger, clusterId }: ClusterStoreOptions,
): Promise<RegisteredCluster> {
  const document = clusterDocument(uuid, random.uuid());
  const cluster = await registry.found(document, state);
  if (cluster === undefined) {
    throw new ProtocolError(
      'BROKER_NOT_AVAILABLE',
      `Other brokers are rebuilding cluster "${clusterId}": this one has to wait for them.`,
    );
  }
  const isOurs = cluster.document.incarnation === document.incarnation;
  logger.info(
    { clusterId, clusterUuid: cluster.document.uuid, topics: state.topics.size },
    isOurs ? 'founded the cluster' : 'another broker founded the cluster',
  );
  return cluster;
}

function assertOwn(
  cluster: RegisteredCluster,
  identity: DataDirIdentity | undefined,
  { dataDir, clusterId, place }: ClusterStoreOptions,
): string {
  const { uuid } = cluster.document;
  const fault = versionFault(cluster.document);
  if (fault !== undefined) {
    const conflict = `Redis (${place}) has cluster "${clusterId}" in ${fault}.`;
    throw new DataDirError('newer-format', conflict);
  }
  if (identity === undefined || identity.clusterUuid === uuid) return uuid;
  throw new DataDirError(
    'foreign',
    `${dataDir} belongs to another cluster "${clusterId}" (${identity.clusterUuid}) ` +
      `than the one in Redis (${place}: ${uuid}).`,
  );
}
