import type { CoordinationStore } from '../coordination-store.js';
import { RegistryStore } from '../registry/registry-store.js';
import type { RegistryStoreOptions } from '../registry/registry-store-options.js';
import { warnOfUnsafeSettings } from './redis-settings.js';
import { describeEndpoint, parseRedisUrl } from './redis-url.js';

export interface RedisStoreOptions extends Omit<RegistryStoreOptions, 'registry' | 'place'> {
  /** Redis, Sentinels or a Redis Cluster: see redis-url.ts. */
  readonly url: string;
}

/**
 * Opens the coordination store of a data directory in Redis: joins the cluster there, or founds one
 * where there is none. A directory that has a cluster is opened while Redis is away, too: its state
 * is then what the broker last had on disk, and `isAvailable` is false.
 * @throws RedisUrlError; DataDirError when the directory is another broker's or another
 *   cluster's, or a file of it cannot be read; ProtocolError BROKER_NOT_AVAILABLE when the
 *   directory is empty and Redis away, or rebuilt just now: try again
 */
async function open(options: RedisStoreOptions): Promise<CoordinationStore> {
  const endpoint = parseRedisUrl(options.url);
  const place = describeEndpoint(endpoint);
  // Loaded only when it is used: the client of Redis makes every other start slower.
  const { RedisRegistry } = await import('./redis-registry.js');
  const registry = new RedisRegistry({ ...options, endpoint });
  const store = await RegistryStore.open({ ...options, registry, place });
  if (registry.isReady) await warnOfUnsafeSettings(registry.connection, place, options.logger);
  return store;
}

/** The coordination store of a cluster in Redis. */
export const RedisStore = { open };
