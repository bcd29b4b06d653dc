import type { Clock, DiskReserve, FileSystem, Logger, Random, Scheduler } from '#runtime';
import type { Registry } from './registry.js';

export interface RegistryStoreOptions {
  readonly registry: Registry;
  /** Where the registry is, for messages. */
  readonly place: string;
  /** 1 to 64 of the characters a-z, A-Z, 0-9, ".", "_" and "-". */
  readonly clusterId: string;
  readonly brokerId: number;
  readonly dataDir: string;
  /** How long a broker with an empty directory waits for others before it founds a cluster. */
  readonly leaseMs: number;
  readonly fileSystem: FileSystem;
  /** Of the disk, for what must be written down when it is full. */
  readonly reserve?: DiskReserve;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}
