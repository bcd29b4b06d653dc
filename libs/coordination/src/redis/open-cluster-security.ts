import type { Random, Scheduler } from '#runtime';
import { ClusterSecurity, type ClusterSecurityOptions } from '../security/cluster-security.js';
import { parseRedisUrl } from './redis-url.js';

export interface RedisSecurityOptions extends Omit<ClusterSecurityOptions, 'registry'> {
  /** A Redis, Sentinels or a Redis Cluster: see redis-url.ts. */
  readonly url: string;
  readonly clusterId: string;
  readonly random: Random;
  readonly scheduler: Scheduler;
}

/**
 * Opens the security metadata of a broker of a cluster in Redis.
 * @throws RedisUrlError; DataDirError when a journal is damaged
 */
async function open(options: RedisSecurityOptions): Promise<ClusterSecurity> {
  const endpoint = parseRedisUrl(options.url);
  // Imported only when it is used: the Redis client would slow down every other start.
  const { RedisSecurityRegistry } = await import('./redis-security-registry.js');
  const registry = new RedisSecurityRegistry({ ...options, endpoint });
  try {
    return await ClusterSecurity.open({ ...options, registry });
  } catch (error) {
    registry.close();
    throw error;
  }
}

/** The security metadata of a cluster in Redis. */
export const RedisSecurity = { open };
