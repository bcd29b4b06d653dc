import type { Clock, FileSystem, Logger, Random, Scheduler } from '#runtime';

export interface RedisStoreOptions {
  /** See redis-url.ts. */
  readonly url: string;
  /** 1 to 64 of the characters a-z, A-Z, 0-9, ".", "_" and "-". */
  readonly clusterId: string;
  readonly brokerId: number;
  readonly dataDir: string;
  /** How long a broker with an empty directory waits for others before it founds a cluster. */
  readonly leaseMs: number;
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}
