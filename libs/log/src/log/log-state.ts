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

/** When an append is answered: after fdatasync, or after the operating system took the bytes. */
export type Durability = 'fsync' | 'os';

/** Lets a bounded number of syncs run at a time; resolves or rejects as the task does. */
interface SyncLimiter {
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** What all logs of a broker share. */
export interface LogEnvironment {
  readonly fileSystem: FileSystem;
  readonly files: FilePool;
  readonly clock: Clock;
  /** The time by which records, tombstones and producers expire: see ExpiryClock. */
  readonly expiryClock: Pick<Clock, 'nowMs'>;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly observer: LogObserver;
  readonly syncs: SyncLimiter;
  readonly durability: Durability;
  /** A round takes appends until it has this many bytes; one append may be larger. */
  readonly roundBytesMax: number;
  /** What of the disk is not for records. */
  readonly reserve: DiskReserve;
  /** Bounds the segments of all logs together. */
  readonly segmentBudget: SegmentBudget;
  /** Counts what was put aside. */
  readonly quarantine: Quarantine;
  /** Writes down what must be durable before a log goes on; rejects with the storage error. */
  readonly checkpoints: CheckpointSink;
}

/** Makes one kind of offset of all logs durable; resolves once the values of now are on disk. */
export interface CheckpointSink {
  persistLogStartOffsets(): Promise<void>;
  /** Recovery points and high watermarks. */
  persistRecoveryPoints(): Promise<void>;
  /** Up to where compaction may have left gaps. */
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
  /** Moves when a round was written, back when the log is truncated. */
  logEnd: LogEndOffset;
  /** Moves when a round was synced; with `os` durability it is the log end. */
  syncedEnd: SyncedEndOffset;
  /** Moved by replication. */
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

/** The parts of one log, shared by those that write, read and clean it. */
export interface LogState {
  readonly topicPartition: TopicPartition;
  readonly topicId: string;
  readonly directory: string;
  config: TopicConfig;
  /** Whether `config` is the topic's, not yet a default: nothing is deleted by a default. */
  isConfigured: boolean;
  readonly offsets: LogOffsets;
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochCache;
  readonly elections: LeaderElections;
  readonly producers: ProducerStateManager;
  readonly tail: PartitionTail;
  readonly damage: DamageList;
  /** Below it compaction may have left gaps; from it on every offset stands in the log. */
  denseFrom: Offset;
  /**
   * Gaps of a log that this broker did not write, until the topic's config tells whether Kafka may
   * have compacted it; undefined for every other log.
   */
  unexplainedGaps: UnexplainedGaps | undefined;
  /** First offset that compaction has not looked at; never above `denseFrom`. */
  cleanedEnd: Offset;
  /**
   * A leader's log takes new records, a follower's takes copies of its leader's batches. What is
   * deleted of old records is the leader's decision alone.
   */
  role: 'leader' | 'follower';
  /**
   * Paths of `.log.deleted` files of segments that were deleted before the log start could be
   * written down. They are removed once it is.
   */
  readonly unrecordedDeletions: string[];
  /** Why the log takes no more writes. */
  failure: LogFailure | undefined;
}

/** The gaps of a log that was copied into the data directory, as the start has found them. */
interface UnexplainedGaps {
  /** `denseFrom` if the topic was never compacted. */
  readonly recordedDenseFrom: Offset;
  /** End of the log when it was opened. Only the part below it was copied. */
  readonly logEnd: Offset;
  /** Offsets that are missing between two segments. */
  readonly gaps: readonly DamagedRange[];
}

/** A fault of the disk after which nothing may be written to a log any more. */
export interface LogFailure {
  readonly what: string;
  readonly cause: unknown;
  /**
   * Synced records that are missing at the log's end: the next start will find the same. It takes
   * its operator, who restores them or gives them up.
   */
  readonly lost?: DamagedRange;
}
