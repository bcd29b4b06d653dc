import type { Clock, DiskReserve, FileSystem, Logger, Random, Scheduler } from '#runtime';
import type { OpenLeaseThread } from '../lease/lease-thread.js';
import type { Registry } from './registry.js';

export interface ClusterStoreOptions {
  readonly registry: Registry;
  /** Address of the registry, for messages. */
  readonly place: string;
  /** Cluster id: 1 to 64 of the characters a-z, A-Z, 0-9, ".", "_" and "-". */
  readonly clusterId: string;
  readonly brokerId: number;
  readonly dataDir: string;
  /**
   * Lease length, ms. A broker with an empty directory waits one lease for others before it founds
   * a cluster.
   */
  readonly leaseMs: number;
  /** Opens the lease thread; default: the event loop renews the lease. */
  readonly openLeaseThread?: OpenLeaseThread;
  readonly fileSystem: FileSystem;
  /** The reserve of the disk, for writes that must succeed when the disk is full. */
  readonly reserve?: DiskReserve;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}
