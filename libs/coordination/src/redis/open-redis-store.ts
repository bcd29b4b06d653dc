import type { CoordinationStore } from '../coordination-store.js';
import { RegistryStore } from '../registry/registry-store.js';
import type { RegistryStoreOptions } from '../registry/registry-store-options.js';
import { warnOfUnsafeSettings } from './redis-settings.js';
import { describeEndpoint, parseRedisUrl } from './redis-url.js';

export interface RedisStoreOptions
  extends Omit<RegistryStoreOptions, 'registry' | 'place' | 'openLeaseThread'> {
  /** A Redis, Sentinels or a Redis Cluster: see redis-url.ts. */
  readonly url: string;
  /** Renews the lease from a thread; left out: the event loop renews it. */
  readonly leaseThread?: {
    /** The bundle of lease-thread-main.ts. */
    readonly script: URL;
    /** The thread renews nothing after the event loop has been silent for so long. */
    readonly loopSilenceMaxMs: number;
  };
}

/**
 * Opens the coordination store of a data directory in Redis: joins the cluster there, or founds one
 * where there is none. A directory that has a cluster can be opened while Redis is away: its state
 * is then the newest one on the broker's disk, and `isAvailable` is false.
 * @throws RedisUrlError; DataDirError when the directory belongs to another broker or cluster, or a
 *   file of it cannot be read; ProtocolError BROKER_NOT_AVAILABLE when the directory is empty and
 *   Redis is away or being rebuilt: try again
 */
async function open(options: RedisStoreOptions): Promise<CoordinationStore> {
  const endpoint = parseRedisUrl(options.url);
  const place = describeEndpoint(endpoint);
  // Imported only when it is used: the Redis client would slow down every other start.
  const { RedisRegistry } = await import('./redis-registry.js');
  const { RedisLeaseThread } = await import('./redis-lease-thread.js');
  const registry = new RedisRegistry({ ...options, endpoint });
  const { leaseThread } = options;
  const store = await RegistryStore.open({
    ...options,
    registry,
    place,
    ...(leaseThread !== undefined && {
      openLeaseThread: ({ intervalMs }) =>
        new RedisLeaseThread({ ...options, ...leaseThread, intervalMs }),
    }),
  });
  if (registry.isReady) await warnOfUnsafeSettings(registry.connection, place, options.logger);
  return store;
}

/** The coordination store of a cluster in Redis. */
export const RedisStore = { open };
