/** Which cluster a broker belongs to when it starts: that in Redis, or one that it founds there. */
import { ProtocolError } from '#protocol';
import { type ClusterState, EMPTY_CLUSTER } from '../cluster-state.js';
import { DataDirError } from '../data-dir-error.js';
import { type DataDirIdentity, readIdentity } from '../data-dir-identity.js';
import { readEmbeddedState } from '../embedded/embedded-store.js';
import { PROTOCOL_VERSION, type RedisRegistry, type RegisteredCluster } from './redis-registry.js';
import type { RedisStoreOptions } from './redis-store-options.js';

/** How often a broker that waits to found a cluster looks whether another one did, in a lease. */
const LOOKS_A_LEASE = 10;

/**
 * The cluster in Redis, which must be the data directory's where that has one.
 *
 * Where Redis has none: a directory of a broker that was alone founds the cluster and brings its topics;
 * an empty one founds a cluster after it waited one lease for others.
 * @param redis where Redis is, for messages
 * @throws DataDirError when the directory is another cluster's; ProtocolError BROKER_NOT_AVAILABLE when
 *   Redis is empty and the directory is of a cluster that was in it
 */
export async function findCluster(
  registry: RedisRegistry,
  redis: string,
  options: RedisStoreOptions,
): Promise<RegisteredCluster> {
  const identity = await readIdentity(options.fileSystem, options.dataDir);
  const present = await registry.cluster();
  if (present !== undefined) return assertOwn(present, identity, redis, options);
  if (identity === undefined) {
    const founded = await waitForOthers(registry, options);
    if (founded !== undefined) return assertOwn(founded, undefined, redis, options);
    return found(registry, options.random.uuid(), EMPTY_CLUSTER, options);
  }
  const state = await readEmbeddedState(options.fileSystem, options.dataDir);
  if (state === undefined) {
    throw new ProtocolError(
      'BROKER_NOT_AVAILABLE',
      `Redis (${redis}) is empty, and the data directory is of a cluster that was in it.`,
    );
  }
  const founded = await found(registry, identity.clusterUuid, state, options);
  return assertOwn(founded, identity, redis, options);
}

async function waitForOthers(
  registry: RedisRegistry,
  { leaseMs, clock, scheduler, logger, clusterId }: RedisStoreOptions,
): Promise<RegisteredCluster | undefined> {
  logger.info({ clusterId, leaseMs }, 'Redis has no such cluster yet: waiting for other brokers');
  const endMs = clock.monotonicMs() + leaseMs;
  while (clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => scheduler.after(leaseMs / LOOKS_A_LEASE, resolve));
    const founded = await registry.cluster();
    if (founded !== undefined) return founded;
  }
  return undefined;
}

async function found(
  registry: RedisRegistry,
  uuid: string,
  state: ClusterState,
  { random, logger, clusterId }: RedisStoreOptions,
): Promise<RegisteredCluster> {
  const document = { uuid, protocol_version: PROTOCOL_VERSION, incarnation: random.uuid() };
  const cluster = await registry.found(document, state);
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
  redis: string,
  { dataDir, clusterId }: RedisStoreOptions,
): RegisteredCluster {
  const { uuid, protocol_version: protocolVersion } = cluster.document;
  if (protocolVersion > PROTOCOL_VERSION) {
    throw new DataDirError(
      'newer-format',
      `Redis (${redis}) has cluster "${clusterId}" in protocol version ${protocolVersion}, ` +
        `this program knows ${PROTOCOL_VERSION}.`,
    );
  }
  if (identity === undefined || identity.clusterUuid === uuid) return cluster;
  throw new DataDirError(
    'foreign',
    `${dataDir} belongs to another cluster "${clusterId}" (${identity.clusterUuid}) ` +
      `than the one in Redis (${redis}: ${uuid}).`,
  );
}
