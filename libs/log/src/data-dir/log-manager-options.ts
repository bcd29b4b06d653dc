import type { Clock, FileSystem, Logger, Random, Scheduler } from '#runtime';
import type { Durability } from '../log/log-state.js';
import type { LogObserver } from '../log/observer.js';

/** How the logs of a broker are kept. Sizes in bytes, times in milliseconds. */
export interface LogManagerOptions {
  readonly dataDir: string;
  readonly durability: Durability;
  /** Syncs that may run at a time, over all logs: fewer than the pool has threads. */
  readonly syncsInFlightMax: number;
  /** Memory for the newest batches of all logs. */
  readonly tailCacheBytes: number;
  readonly producerBatchesRemembered: number;
  readonly producerIdExpirationMs: number;
  /** Memory for the idempotent producers of all logs, and of each. */
  readonly producerStateBytes?: number;
  readonly producerStatePartitionBytes?: number;
  /** How long after its last append no producer is evicted to make room for others. */
  readonly producerProtectedMs?: number;
  /**
   * Kept free of records on the disk, for what must be written down when it is full; 0 by default.
   */
  readonly diskReserveBytes?: number;
  /**
   * Segments of all logs; with more they become larger than their topics say. 50,000 by default.
   */
  readonly segmentsMax?: number;
  /** Segment files kept open while nobody uses them. */
  readonly openFilesMax?: number;
  /** A round of group commit takes appends until it has this many bytes. */
  readonly roundBytesMax?: number;
  /** How often to look for records that retention deletes. */
  readonly retentionCheckIntervalMs?: number;
  /** How often to look for logs that are worth compacting. */
  readonly compactionCheckIntervalMs?: number;
  /** What compaction may read and write together. */
  readonly compactionBytesPerSecond?: number;
  /** Memory of compaction's map from keys to offsets; more keys take several passes. */
  readonly compactionMapBytes?: number;
  /** What the background scrub may read. */
  readonly scrubBytesPerSecond?: number;
  /** Time between two passes of the scrub over all logs; 0: none. */
  readonly scrubIntervalMs?: number;
  /** How far the wall clock must jump ahead for nothing to expire by it for `clockGraceMs`. */
  readonly clockJumpMs?: number;
  readonly clockGraceMs?: number;
}

/** The outside world, as the logs need it. */
export interface LogManagerPorts {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: LogObserver;
}
