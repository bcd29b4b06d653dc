import type { CoordinationStore } from '../coordination-store.js';
import { ClusterStore } from '../registry/cluster-store.js';
import type { ClusterStoreOptions } from '../registry/cluster-store-options.js';
import { warnOfUnsafeSettings } from './redis-settings.js';
import { describeEndpoint, parseRedisUrl } from './redis-url.js';

export interface RedisStoreOptions
  extends Omit<ClusterStoreOptions, 'registry' | 'place' | 'openLeaseThread'> {
  /** A Redis, Sentinels or a Redis Cluster: see redis-url.ts. */
  readonly url: string;
  /** Opens the thread that renews the lease; default: the event loop renews it. */
  readonly leaseThread?: {
    /** The bundle of lease-thread-main.ts. */
    readonly script: URL;
    /** Longest silence of the event loop during which the thread renews the lease, ms. */
    readonly loopSilenceMaxMs: number;
  };
}

/**
 * Opens the coordination store of a data directory in Redis: joins the cluster there, or founds one
 * if there is none. A directory that has a cluster can be opened while Redis is away: its state
 * is then the newest one on the broker's disk, and `isAvailable` is false.
 * @throws RedisUrlError; DataDirError when the directory belongs to another broker or cluster, or a
 *   file of it cannot be read; ProtocolError BROKER_NOT_AVAILABLE when the directory is empty and
 *   Redis is away or being rebuilt: try again
 */
async function open(options: RedisStoreOptions): Promise<CoordinationStore> {
  const endpoint = parseRedisUrl(options.url);
  const address = describeEndpoint(endpoint);
  // Imported only when it is used: the Redis client would slow down every other start.
  const { RedisRegistry } = await import('./redis-registry.js');
  const { RedisLeaseThread } = await import('./redis-lease-thread.js');
  const registry = new RedisRegistry({ ...options, endpoint });
  const { leaseThread } = options;
  const store = await ClusterStore.open({
    ...options,
    registry,
    place: address,
    ...(leaseThread !== undefined && {
      openLeaseThread: ({ intervalMs }) =>
        new RedisLeaseThread({ ...options, ...leaseThread, intervalMs }),
    }),
  });
  if (registry.isReady) await warnOfUnsafeSettings(registry.connection, address, options.logger);
  return store;
}

/** The coordination store of a cluster in Redis. */
export const RedisStore = { open };
