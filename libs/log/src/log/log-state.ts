import type {
  HighWatermark,
  LogEndOffset,
  LogStartOffset,
  Offset,
  SyncedEndOffset,
  TopicConfig,
  TopicPartition,
} from '#protocol';
import type { Clock, DiskReserve, FileSystem, Logger, Scheduler } from '#runtime';
import type { CompactedSegments } from '../checkpoint/compacted-segments.js';
import type { BatchUnpacker } from '../compression/compression.js';
import type { LeaderElections } from '../leader-epoch/leader-elections.js';
import type { LeaderEpochCache } from '../leader-epoch/leader-epoch-cache.js';
import type { ProducerStateManager } from '../producer-state/producer-state.js';
import type { DamagedRange, DamageList } from '../record-batch/damage.js';
import type { FilePool } from '../segment/file-pool.js';
import type { SegmentBudget } from '../segment/segment-budget.js';
import type { SegmentList } from '../segment/segment-list.js';
import type { LogObserver } from './observer.js';
import type { Quarantine } from './quarantine.js';
import type { PartitionTail } from './tail-cache.js';

/**
 * Time at which an append is acknowledged: after fdatasync, or once the operating system has the
 * bytes.
 */
export type Durability = 'fsync' | 'os';

/** Runs a bounded number of syncs at a time; resolves or rejects as the task does. */
interface SyncLimiter {
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** Parts that all logs of a broker share. */
export interface LogEnvironment {
  readonly fileSystem: FileSystem;
  readonly files: FilePool;
  readonly clock: Clock;
  /** The clock by which records, tombstones and producers expire: see ExpiryClock. */
  readonly expiryClock: Pick<Clock, 'nowMs'>;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly observer: LogObserver;
  readonly syncs: SyncLimiter;
  /** Unpacks the compressed batches of all logs. */
  readonly unpacker: BatchUnpacker;
  readonly durability: Durability;
  /** A round accepts appends until it has this many bytes; a single append may be larger. */
  readonly roundBytesMax: number;
  /** Disk space reserved for metadata. */
  readonly reserve: DiskReserve;
  /** Bounds the segments of all logs together. */
  readonly segmentBudget: SegmentBudget;
  /** Accounts for quarantined files. */
  readonly quarantine: Quarantine;
  /**
   * Records offsets that must be durable before a log continues; rejects with the storage error.
   */
  readonly checkpoints: CheckpointSink;
}

/** Makes one kind of offset of all logs durable; resolves once the current values are on disk. */
export interface CheckpointSink {
  persistLogStartOffsets(): Promise<void>;
  /** Recovery points and high watermarks. */
  persistRecoveryPoints(): Promise<void>;
  /** Ends of the ranges in which compaction may have left gaps. */
  persistCompactedEnds(): Promise<void>;
  persistCleanedEnds(): Promise<void>;
}

/**
 * The positions of a log.
 *
 * Invariants: logStart <= highWatermark <= logEnd; logStart <= syncedEnd <= logEnd;
 * recoveryPoint <= syncedEnd with `fsync` durability.
 */
export class LogOffsets {
  /** Moves up when records are deleted. */
  logStart: LogStartOffset;
  /** Rises when a round is written, falls when the log is truncated. */
  logEnd: LogEndOffset;
  /** Rises when a round is synced; with `os` durability it is the log end. */
  syncedEnd: SyncedEndOffset;
  /** Set by replication. */
  highWatermark: HighWatermark;
  /** Everything below is on disk with indexes and producer snapshot; recovery begins here. */
  recoveryPoint: Offset;

  constructor(start: Offset, end: Offset) {
    this.logStart = start as LogStartOffset;
    this.logEnd = end as LogEndOffset;
    this.syncedEnd = end as SyncedEndOffset;
    this.highWatermark = start as HighWatermark;
    this.recoveryPoint = start;
  }
}

/** The state of one log, shared by its writers, readers and cleaners. */
export interface LogState {
  readonly topicPartition: TopicPartition;
  readonly topicId: string;
  readonly directory: string;
  config: TopicConfig;
  /** True when `config` is the topic's and not a default: defaults delete nothing. */
  isConfigured: boolean;
  readonly offsets: LogOffsets;
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochCache;
  readonly elections: LeaderElections;
  readonly compactedSegments: CompactedSegments;
  readonly producers: ProducerStateManager;
  readonly tail: PartitionTail;
  readonly damage: DamageList;
  /** First offset from which on no offset is missing; compaction may have left gaps below it. */
  denseFrom: Offset;
  /**
   * Gaps of a log that this broker did not write, until the topic's config shows whether Kafka may
   * have compacted it; undefined for every other log.
   */
  unexplainedGaps: UnexplainedGaps | undefined;
  /** First offset that is not compacted; never above `denseFrom`. */
  cleanedEnd: Offset;
  /**
   * A leader's log accepts new records, a follower's accepts copies of its leader's batches.
   * Deletions of old records are the leader's decision only.
   */
  role: 'leader' | 'follower';
  /**
   * Paths of `.log.deleted` files of segments that were deleted before the log start could be
   * recorded. They are removed once it is.
   */
  readonly unrecordedDeletions: string[];
  /** Reason why the log takes no writes. */
  failure: LogFailure | undefined;
}

/** Gaps of a log that was copied into the data directory, found at the start. */
interface UnexplainedGaps {
  /** Value of `denseFrom` if the topic was never compacted. */
  readonly recordedDenseFrom: Offset;
  /** Log end when the log was opened. Only the part below it was copied. */
  readonly logEnd: Offset;
  /** Missing offsets between two segments. */
  readonly gaps: readonly DamagedRange[];
}

/** A disk fault after which a log takes no writes. */
export interface LogFailure {
  readonly what: string;
  readonly cause: unknown;
  /**
   * Synced records missing at the log's end: the next start will find the same. An operator must
   * restore them or accept their loss.
   */
  readonly lost?: DamagedRange;
}
