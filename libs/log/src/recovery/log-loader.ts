import { join } from 'node:path';
import {
  type HighWatermark,
  type Offset,
  parseTopicConfig,
  type TopicConfig,
  type TopicPartition,
} from '#protocol';
import { CorruptCheckpointError } from '../checkpoint/checkpoint-file.js';
import { CompactedSegments } from '../checkpoint/compacted-segments.js';
import { LeaderElections } from '../leader-epoch/leader-elections.js';
import { LeaderEpochCache } from '../leader-epoch/leader-epoch-cache.js';
import { reportDamage } from '../log/damage-search.js';
import { LogReader } from '../log/log-reader.js';
import {
  type LogEnvironment,
  type LogFailure,
  LogOffsets,
  type LogState,
} from '../log/log-state.js';
import type { TailCache } from '../log/tail-cache.js';
import { Log } from '../log.js';
import type { ProducerMemory } from '../producer-state/producer-memory.js';
import { ProducerStateManager } from '../producer-state/producer-state.js';
import { type DamagedRange, DamageList } from '../record-batch/damage.js';
import { RELATIVE_OFFSET_MAX } from '../replica/follower-appends.js';
import { LogSegment } from '../segment/segment.js';
import { SegmentList } from '../segment/segment-list.js';
import { type SegmentFile, settleLogFiles } from './log-files.js';
import { replayProducers } from './producer-replay.js';
import { findMissingSegments, findSegmentGaps, reportGaps } from './segment-gaps.js';
import { type RecoveredEnd, type RecoveringLog, SegmentRecovery } from './segment-recovery.js';

const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint';
const LEADER_ELECTION_CHECKPOINT = 'leader-election-checkpoint';
const COMPACTED_SEGMENTS_CHECKPOINT = 'compacted-segments-checkpoint';

/** Facts about a log that are known before its directory is read. */
export interface LogDescription {
  readonly topicPartition: TopicPartition;
  readonly topicId: string;
  readonly directory: string;
  /** The topic's config; undefined while it is not known. */
  readonly config: TopicConfig | undefined;
  /** True when the broker stopped cleanly: the log ends with its file, and indexes are complete. */
  readonly isClean: boolean;
  /** Checkpointed recovery point; 0 for a log that is in no checkpoint. */
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  /** True when `logStartOffset` is certain: a first segment above it is a loss then. */
  readonly isLogStartKnown: boolean;
  readonly highWatermark: Offset;
  /** Undefined when it is not recorded: see `CheckpointedOffsets`. */
  readonly compactedEndOffset: Offset | undefined;
  readonly cleanedEndOffset: Offset;
}

/** Settings of the producer state of every log. */
export interface ProducerSettings {
  readonly batchesRememberedMax: number;
  readonly producerIdExpirationMs: number;
  readonly memory: ProducerMemory;
}

/**
 * Opens the logs of a broker from their directories, including new ones.
 *
 * Overlap: logs of different partitions may be loaded at the same time; calls for one partition
 * must not overlap.
 */
export class LogLoader {
  readonly #environment: LogEnvironment;
  readonly #tailCache: TailCache;
  readonly #producerSettings: ProducerSettings;

  constructor(
    environment: LogEnvironment,
    tailCache: TailCache,
    producerSettings: ProducerSettings,
  ) {
    this.#environment = environment;
    this.#tailCache = tailCache;
    this.#producerSettings = producerSettings;
  }

  /**
   * Cleans up a log's directory, recovers it after an unclean stop, and opens it.
   *
   * After an unclean stop the segments are scanned from the one that has the last offset below the
   * recovery point; those before it were durable with their indexes before the recovery point
   * passed them, and are trusted. A loss of durable records takes the log's writes offline; the
   * remaining records are served.
   */
  async load(description: LogDescription): Promise<Log> {
    const environment = this.#environment;
    const { directory, logStartOffset } = description;
    const history = compactionHistory(description);
    const { fileSystem, quarantine } = environment;
    const files = await settleLogFiles(fileSystem, directory, logStartOffset);
    await quarantine.addFiles(fileSystem, directory, files.cut);
    const segments = await this.#openSegments(description, files.segments);
    const epochs = await this.#openEpochs(description);
    const log: RecoveringLog = {
      topicPartition: description.topicPartition,
      directory: description.directory,
      segments: new SegmentList(segments),
      epochs: epochs.cache,
      damage: new DamageList(),
      denseFrom: history.isKnown ? history.denseFrom : Number.POSITIVE_INFINITY,
    };
    const wasDeleted = files.deletedBefore.length > 0;
    const logStart = this.#findStart(log, description, wasDeleted);
    const bounds = {
      isClean: description.isClean && !epochs.isLost,
      recoveryPoint: epochs.isLost ? 0 : description.recoveryPoint,
      recordedDenseFrom: history.denseFrom,
    };
    const end = await this.#findEnd(log, description, bounds);
    const elections = await this.#openElections(description);
    const compactedSegments = await this.#openCompactedSegments(description);
    const unrecordedDeletions = [...files.deletedBefore];
    const knownParts = { ...log, elections, compactedSegments, unrecordedDeletions };
    const state = this.#state(description, knownParts, logStart, end);
    epochs.cache.truncateFromEnd(end.logEnd + 1);
    epochs.cache.truncateFromStart(logStart);
    await environment.reserve.run(() => epochs.cache.flush());
    const { active } = state.segments;
    active.firstAppendMs = active.sizeBytes > 0 ? environment.clock.nowMs() : undefined;
    await this.#checkGaps(state, history, end);
    const reader = new LogReader(state, environment);
    try {
      await replayProducers(state, reader, environment.clock.nowMs(), end.walked);
    } catch (error) {
      state.producers.close();
      throw error;
    }
    return new Log(state, environment);
  }

  /** Opens the segments of the log; those wholly below its start are removed. */
  async #openSegments(
    { directory, logStartOffset }: LogDescription,
    files: readonly SegmentFile[],
  ): Promise<LogSegment[]> {
    const { files: pool, fileSystem } = this.#environment;
    const segments: LogSegment[] = [];
    for (const [i, { baseOffset, sizeBytes }] of files.entries()) {
      const segment = LogSegment.open(pool, directory, baseOffset, sizeBytes);
      const next = files[i + 1];
      if (next !== undefined && next.baseOffset <= logStartOffset) await segment.remove();
      else segments.push(segment);
    }
    if (segments.length === 0) {
      segments.push(await LogSegment.create(pool, directory, logStartOffset));
      await fileSystem.syncDirectory(directory);
    }
    return segments;
  }

  /**
   * Determines the log start. Records are deleted after the log start was recorded: a first segment
   * above it means that records are missing, unless the directory comes from a version that did not
   * record it (`isLogStartKnown`), the deletion was not recorded yet, compaction left the gap, or
   * this broker did not write the content.
   * @param wasDeleted whether the files of the deleted segments still exist
   */
  #findStart(log: RecoveringLog, description: LogDescription, wasDeleted: boolean): Offset {
    const { logStartOffset, isLogStartKnown } = description;
    const { isKnown, denseFrom } = compactionHistory(description);
    const { baseOffset } = log.segments.first;
    if (baseOffset <= logStartOffset) return logStartOffset;
    // A follower moves an empty segment up when compaction left a gap that no segment can span.
    const isCompacted =
      baseOffset <= denseFrom && baseOffset - logStartOffset > RELATIVE_OFFSET_MAX;
    if (wasDeleted || !isLogStartKnown || !isKnown || isCompacted) return baseOffset;
    const range = {
      segmentBaseOffset: baseOffset,
      startOffset: logStartOffset,
      endOffset: baseOffset,
      startPosition: 0,
      endPosition: 0,
    };
    this.#environment.logger.error(
      { ...log.topicPartition, startOffset: logStartOffset, endOffset: baseOffset },
      'synced records are missing at the start of the log and were not deleted',
    );
    reportDamage(log, this.#environment, range);
    return logStartOffset;
  }

  async #openEpochs({
    directory,
    topicPartition,
  }: LogDescription): Promise<{ cache: LeaderEpochCache; isLost: boolean }> {
    const { fileSystem, logger } = this.#environment;
    const path = join(directory, LEADER_EPOCH_CHECKPOINT);
    try {
      const isLost = (await fileSystem.fileSize(path)) === undefined;
      return { cache: await LeaderEpochCache.open(fileSystem, path, logger), isLost };
    } catch (error) {
      if (!(error instanceof CorruptCheckpointError)) throw error;
      logger.error({ err: error, ...topicPartition }, 'the leader epochs are read from the log');
      await fileSystem.rename(path, `${path}.corrupt`);
      return { cache: await LeaderEpochCache.open(fileSystem, path, logger), isLost: true };
    }
  }

  /** Lost ids stay lost: only the numbers of their epochs are compared then. */
  #openElections({ directory, topicPartition }: LogDescription): Promise<LeaderElections> {
    const path = join(directory, LEADER_ELECTION_CHECKPOINT);
    const open = () => LeaderElections.open(this.#environment.fileSystem, path);
    const consequence = 'the ids of leader elections are lost';
    return this.#openOrReplace(open, { path, topicPartition, consequence });
  }

  /** The next compaction writes a lost list again. */
  #openCompactedSegments(description: LogDescription): Promise<CompactedSegments> {
    const { directory, topicPartition } = description;
    const path = join(directory, COMPACTED_SEGMENTS_CHECKPOINT);
    const open = () => CompactedSegments.open(this.#environment.fileSystem, path);
    const consequence = 'the list of compacted segments is lost: a missing one is not noticed';
    return this.#openOrReplace(open, { path, topicPartition, consequence });
  }

  /** Opens a checkpoint file; one with wrong content is renamed and opened as an empty one. */
  async #openOrReplace<T>(open: () => Promise<T>, file: OpenedCheckpoint): Promise<T> {
    const { fileSystem, logger } = this.#environment;
    const { path, topicPartition, consequence } = file;
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof CorruptCheckpointError)) throw error;
      logger.error({ err: error, ...topicPartition }, consequence);
      await fileSystem.rename(path, `${path}.corrupt`);
      return open();
    }
  }

  async #findEnd(
    log: RecoveringLog,
    { recoveryPoint: durable, highWatermark, logStartOffset }: LogDescription,
    { isClean, recoveryPoint, recordedDenseFrom }: LoadBounds,
  ): Promise<RecoveredEnd> {
    const { active } = log.segments;
    const durableEnd = Math.max(durable, highWatermark);
    if (isClean) {
      const logEnd = await active.walkToEnd();
      if (logEnd === durable) return { logEnd, lost: undefined };
    }
    // A recovery point at the very beginning of a segment says nothing about the indexes before it.
    const from = log.segments.holding(Math.max(0, recoveryPoint - 1));
    const bounds = { durableEnd, recordedDenseFrom };
    const recovery = new SegmentRecovery(log, this.#environment, bounds, from);
    const end = await recovery.run();
    // Records below the log start are deleted: their absence is not a loss.
    if (end.logEnd >= logStartOffset) return end;
    for (const segment of log.segments.all) await segment.remove();
    const { files, fileSystem } = this.#environment;
    const empty = await LogSegment.create(files, log.directory, logStartOffset);
    await fileSystem.syncDirectory(log.directory);
    log.segments.replace(0, Number.POSITIVE_INFINITY, [empty]);
    return { logEnd: logStartOffset, lost: undefined };
  }

  /** Finds missing segments in the middle of the log. */
  async #checkGaps(
    log: LogState,
    { isKnown, denseFrom }: CompactionHistory,
    end: RecoveredEnd,
  ): Promise<void> {
    const environment = this.#environment;
    // Recovery reports the gaps in its range, unless each of them may be legal.
    const to = isKnown ? (end.walked?.from ?? end.logEnd) : end.logEnd;
    const gaps = await findSegmentGaps(log, environment, { from: denseFrom, to });
    reportGaps(log, environment, await findMissingSegments(log, environment, denseFrom));
    if (isKnown) reportGaps(log, environment, gaps);
    else log.unexplainedGaps = { recordedDenseFrom: denseFrom, logEnd: end.logEnd, gaps };
  }

  #state(
    description: LogDescription,
    log: RecoveringLog & Pick<LogState, 'elections' | 'compactedSegments' | 'unrecordedDeletions'>,
    logStart: Offset,
    end: RecoveredEnd,
  ): LogState {
    const offsets = new LogOffsets(logStart, end.logEnd);
    const highWatermark = Math.min(Math.max(description.highWatermark, logStart), end.logEnd);
    offsets.highWatermark = highWatermark as HighWatermark;
    offsets.recoveryPoint = end.logEnd;
    if (end.lost !== undefined) {
      const { startOffset, endOffset } = end.lost;
      this.#environment.logger.error(
        { ...description.topicPartition, startOffset, endOffset },
        'synced records are missing at the end of the log: it accepts no writes',
      );
      this.#environment.observer.storageFailed(description.topicPartition, true);
    }
    const { directory, config, topicId } = description;
    return {
      ...log,
      denseFrom: Math.min(log.denseFrom, end.logEnd),
      unexplainedGaps: undefined,
      topicId,
      cleanedEnd: description.cleanedEndOffset,
      config: config ?? parseTopicConfig({}, 1),
      isConfigured: config !== undefined,
      offsets,
      producers: new ProducerStateManager({
        fileSystem: this.#environment.fileSystem,
        directory,
        logger: this.#environment.logger,
        ...this.#producerSettings,
      }),
      tail: this.#tailCache.partition(),
      role: 'leader',
      failure: end.lost === undefined ? undefined : endLost(end.lost),
    };
  }
}

/** A checkpoint file in a partition's directory. */
interface OpenedCheckpoint {
  readonly path: string;
  readonly topicPartition: TopicPartition;
  /** Log line that says what follows from wrong content. */
  readonly consequence: string;
}

/** Bounds of the recovery of a log. */
interface LoadBounds {
  /** True when the end of the file is the end of the log. */
  readonly isClean: boolean;
  /** Recovery begins in the segment that has the offset before it. */
  readonly recoveryPoint: Offset;
  readonly recordedDenseFrom: Offset;
}

/** The recorded progress of compaction in a log. */
interface CompactionHistory {
  /** False for files that this broker did not write: any part of them may be compacted. */
  readonly isKnown: boolean;
  /** First offset from which on no offset is missing; compaction may have left gaps below it. */
  readonly denseFrom: Offset;
}

function compactionHistory(description: LogDescription): CompactionHistory {
  const { config, compactedEndOffset = 0, cleanedEndOffset } = description;
  return {
    isKnown: config !== undefined || description.compactedEndOffset !== undefined,
    // Kafka records only the progress of its cleaner.
    denseFrom: Math.max(compactedEndOffset, cleanedEndOffset),
  };
}

function endLost(lost: DamagedRange): LogFailure {
  const lossText = `records ${lost.startOffset} up to ${lost.endOffset} are missing at the end of its log`;
  return { what: lossText, cause: undefined, lost };
}
