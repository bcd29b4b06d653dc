import type { Clock, FileSystem, Logger, Random, Scheduler } from '#runtime';
import type { Durability } from '../log/log-state.js';
import type { LogObserver } from '../log/observer.js';

/** Settings of a broker's logs. Sizes in bytes, times in milliseconds. */
export interface LogManagerOptions {
  readonly dataDir: string;
  readonly durability: Durability;
  /** Concurrent syncs over all logs: fewer than the pool has threads. */
  readonly syncsInFlightMax: number;
  /** Bytes of memory for the newest batches of all logs. */
  readonly tailCacheBytes: number;
  readonly producerBatchesRemembered: number;
  readonly producerIdExpirationMs: number;
  /** Bytes of memory for idempotent producers of all logs. */
  readonly producerStateBytes?: number;
  /** Bytes of memory for idempotent producers of one log. */
  readonly producerStatePartitionBytes?: number;
  /** Time in ms after its last append during which a producer is not evicted for others. */
  readonly producerProtectedMs?: number;
  /**
   * Bytes of the disk that records do not use, for metadata that must be written on a full disk; 0
   * by default.
   */
  readonly diskReserveBytes?: number;
  /**
   * Bound on the number of segments of all logs; above it segments become larger than
   * `segment.bytes` of their topics. 50,000 by default.
   */
  readonly segmentsMax?: number;
  /** Bytes that the records of one compressed batch may unpack to; 64 MiB by default. */
  readonly unpackedBatchBytesMax?: number;
  /** Unused segment files that are kept open. */
  readonly openFilesMax?: number;
  /** A round of group commit accepts appends until it has this many bytes. */
  readonly roundBytesMax?: number;
  /** Interval in ms of the checks for expired records. */
  readonly retentionCheckIntervalMs?: number;
  /** Interval in ms of the checks for logs that should be compacted. */
  readonly compactionCheckIntervalMs?: number;
  /** Bytes per second that compaction may read and write together. */
  readonly compactionBytesPerSecond?: number;
  /** Bytes of compaction's map from keys to offsets; more keys take several passes. */
  readonly compactionMapBytes?: number;
  /** Bytes per second that the background scrub may read. */
  readonly scrubBytesPerSecond?: number;
  /** Time in ms between two passes of the scrub over all logs; 0 disables it. */
  readonly scrubIntervalMs?: number;
  /** A jump of the wall clock by more ms than this suspends expiry for `clockGraceMs`. */
  readonly clockJumpMs?: number;
  readonly clockGraceMs?: number;
}

/** External ports that the logs use. */
export interface LogManagerPorts {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: LogObserver;
}
