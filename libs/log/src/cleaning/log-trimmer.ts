import {
  type HighWatermark,
  type LogEndOffset,
  type LogStartOffset,
  type Offset,
  ProtocolError,
  type SyncedEndOffset,
} from '#protocol';
import { assert, isDiskFull, retryDuringShortage } from '#runtime';
import type { Election } from '../leader-epoch/leader-elections.js';
import { isInPlace } from '../log/batch-place.js';
import { measureDamage } from '../log/damage-search.js';
import type { LogParts } from '../log/log-parts.js';
import type { LogState } from '../log/log-state.js';
import { failedWriteError, writesOfflineError } from '../log/storage-error.js';
import type { DamagedRange } from '../record-batch/damage.js';
import { replayProducers } from '../recovery/producer-replay.js';
import { assertFollows } from '../replica/follower-appends.js';
import { LogSegment } from '../segment/segment.js';

/** Position at which a log is truncated. */
interface CutPlace {
  readonly segment: LogSegment;
  readonly position: number;
  /** The new log end. */
  readonly offset: Offset;
}

/**
 * Removes parts of a log: records from its start, records from its end, segments that compaction
 * replaces.
 *
 * Every change that must not stay half done becomes durable in an order that the next start can
 * finish or revert: the log start offset before any segment is removed; the recovery point before
 * the end is truncated; a compacted segment as `.swap` before the segments it replaces are removed
 * (see log-files.ts); the list of compacted segments before one of them is merged or truncated.
 *
 * Overlap: all methods may overlap; each runs its change in the log's write lane.
 */
export class LogTrimmer {
  /** Pending removals of files that readers may still use. */
  readonly #removals = new Set<Promise<void>>();
  readonly #parts: LogParts;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /**
   * Moves the log start up to `offset`, durably, and removes the segments below it.
   * @returns the log start offset, which may have been higher already
   * @throws ProtocolError OFFSET_OUT_OF_RANGE above the high watermark; KAFKA_STORAGE_ERROR
   */
  deleteRecordsBefore(offset: Offset): Promise<Offset> {
    return this.#parts.writer.exclusive(async () => {
      const { logStart, highWatermark } = this.#parts.state.offsets;
      if (offset > highWatermark) throw outOfRange(offset, this.#parts.state);
      if (offset > logStart) await this.#advanceLogStart(offset, 'records');
      return this.#parts.state.offsets.logStart;
    });
  }

  /**
   * Removes the segments whose records are all below `offset`, except the active one.
   * @returns the number of removed segments
   */
  deleteSegmentsBefore(offset: Offset): Promise<number> {
    return this.#parts.writer.exclusive(async () => {
      const { segments, offsets } = this.#parts.state;
      const before = segments.all.length;
      const boundary = segments.holding(Math.min(offset, offsets.highWatermark)).baseOffset;
      // A segment may already lie below the log start: it was active when its records were deleted.
      if (boundary > segments.first.baseOffset) {
        await this.#advanceLogStart(Math.max(boundary, offsets.logStart), 'segments');
      }
      return before - segments.all.length;
    });
  }

  /**
   * Replaces consecutive segments, none of them active, by their compacted segment.
   * @param cleaned complete and synced, under the suffix `.cleaned`, with the first one's base
   *   offset
   * @returns false without a change when some of the segments are no longer in the log
   */
  replaceSegments(old: readonly LogSegment[], cleaned: LogSegment): Promise<boolean> {
    return this.#parts.writer.exclusive(async () => {
      const to = this.#endOfRow(old);
      if (to === undefined || this.#parts.state.failure !== undefined) return false;
      await this.#parts.writer.settleRolled();
      await this.#markCompacted(to);
      await this.#listSegments(old, to);
      try {
        await this.#swap(old, cleaned, { from: cleaned.baseOffset, to });
      } catch (error) {
        this.#parts.writer.goOffline('a compacted segment could not be put in place', error);
        throw failedWriteError(error);
      }
      return true;
    });
  }

  /**
   * Truncates the log to `offset`, or to the first offset of the batch that contains it; synced
   * when it resolves. Waiting retries of truncated batches are refused. Epochs without a remaining
   * record are removed, even when there is nothing to truncate. A loss of records at the end counts
   * as accepted when all of the lost offsets are truncated.
   * @param leader leader that this log is truncated for: rejects when the log no longer follows it
   */
  async truncateTo(offset: Offset, leader?: Election): Promise<void> {
    await this.#parts.writer.exclusive(async () => {
      const log = this.#parts.state;
      if (leader !== undefined) assertFollows(log, leader);
      const { logStart, logEnd } = log.offsets;
      assert(offset >= logStart, `truncation to ${offset}, below the log start ${logStart}`);
      this.#assertMayCut(offset);
      try {
        if (offset < logEnd) {
          await this.#truncate(offset);
        } else {
          log.epochs.truncateFromEnd(logEnd);
          await this.#step(() => log.epochs.flush());
        }
      } catch (error) {
        this.#parts.writer.goOffline('a truncation failed', error);
        throw failedWriteError(error);
      }
    });
    this.#parts.reader.transactions.clear();
  }

  /**
   * Removes all records: the log is empty and begins at `offset`, above or below its old range;
   * durable when it resolves. A crash meanwhile leaves a suffix of the old log, or the empty one.
   * @param leader as in `truncateTo`
   */
  async truncateFullyAndStartAt(offset: Offset, leader?: Election): Promise<void> {
    await this.#parts.writer.exclusive(async () => {
      if (leader !== undefined) assertFollows(this.#parts.state, leader);
      this.#assertMayCut(0);
      try {
        await this.#startAt(offset);
      } catch (error) {
        this.#parts.writer.goOffline('a truncation failed', error);
        throw failedWriteError(error);
      }
    });
    this.#parts.reader.transactions.clear();
  }

  /** Waits until the files of removed segments are deleted. */
  async settleRemovals(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /**
   * Records the new log start, then removes the segments below it.
   * @param reason for whole `segments` the log continues when a full disk cannot record the new
   *   start: their deletion is what makes room
   */
  async #advanceLogStart(offset: Offset, reason: 'records' | 'segments'): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const { offsets, segments } = log;
    const before = offsets.logStart;
    let boundary = segments.holding(offset).baseOffset;
    let isRecorded = true;
    offsets.logStart = offset as LogStartOffset;
    try {
      await environment.checkpoints.persistLogStartOffsets();
    } catch (error) {
      isRecorded = false;
      offsets.logStart = before;
      if (reason === 'records' || !isDiskFull(error)) throw failedWriteError(error);
      boundary = await this.#markDeleted(boundary);
      offsets.logStart = Math.max(before, boundary) as LogStartOffset;
    }
    log.epochs.truncateFromStart(offsets.logStart);
    log.tail.dropBefore(offsets.logStart);
    const removed = segments.all.filter(({ baseOffset }) => baseOffset < boundary);
    segments.replace(0, boundary, []);
    this.#parts.writer.forgetRolled(0, boundary);
    log.damage.dropSegments((baseOffset) => baseOffset < boundary);
    const bytes = removed.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    if (removed.length > 0) environment.observer.deleted(removed.length, bytes);
    if (isRecorded) this.#removeLater(removed);
    else this.#emptyLater(removed);
    await this.#removeSnapshotsBefore(boundary);
  }

  /**
   * Never rejects: the log start has moved, and snapshots that stay are removed with later ones.
   */
  async #removeSnapshotsBefore(offset: Offset): Promise<void> {
    try {
      await this.#parts.state.producers.removeSnapshotsBefore(offset);
    } catch (error) {
      this.#parts.environment.logger.warn(
        { err: error, ...this.#parts.state.topicPartition },
        'old producer snapshots could not be deleted: done when the log start moves again',
      );
    }
  }

  /**
   * Marks the segments below `boundary` as deleted, durably, oldest first: the next start uses the
   * marks in place of a log start that could not be recorded.
   * @returns the base offset of the first unmarked segment
   * @throws ProtocolError KAFKA_STORAGE_ERROR when none could be marked
   */
  async #markDeleted(boundary: Offset): Promise<Offset> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    let end = log.segments.first.baseOffset;
    try {
      for (const segment of log.segments.all) {
        if (segment.baseOffset >= boundary) break;
        await segment.markDeleted();
        log.unrecordedDeletions.push(segment.file.path);
        end = log.segments.after(segment)?.baseOffset ?? end;
      }
      await environment.fileSystem.syncDirectory(log.directory);
    } catch (error) {
      if (end === log.segments.first.baseOffset) throw failedWriteError(error);
    }
    return end;
  }

  /**
   * Records the log start that a full disk rejected before, and removes the marker files. Does
   * nothing when there are none.
   */
  async recordDeletions(): Promise<void> {
    const paths = this.#parts.state.unrecordedDeletions;
    if (paths.length === 0) return;
    const { checkpoints, fileSystem } = this.#parts.environment;
    const done = [...paths];
    await checkpoints.persistLogStartOffsets();
    for (const path of done) await fileSystem.removeFile(path);
    await fileSystem.syncDirectory(this.#parts.state.directory);
    paths.splice(0, done.length);
  }

  /**
   * Refuses to truncate a log that accepts no writes, unless everything it lacks is truncated too.
   */
  #assertMayCut(offset: Offset): void {
    const { failure } = this.#parts.state;
    if (failure === undefined) return;
    if (failure.lost === undefined || offset > failure.lost.startOffset) {
      throw writesOfflineError(failure, 'failed');
    }
  }

  async #startAt(offset: Offset): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const { offsets } = log;
    await this.#parts.writer.settleRolled();
    await this.#step(() => this.#parts.writer.roller.dropUnfinished());
    await this.#lowerEnds(Math.min(offset, offsets.logEnd));
    offsets.logStart = offset as LogStartOffset;
    await this.#step(() => environment.checkpoints.persistLogStartOffsets());
    this.#parts.writer.forgetRolled(0, Number.POSITIVE_INFINITY);
    await this.#step(() => log.compactedSegments.replace([]));
    await this.#remove(log.segments.all);
    const empty = await this.#step(() => {
      return LogSegment.create(environment.files, log.directory, offset);
    });
    await this.#step(() => environment.fileSystem.syncDirectory(log.directory));
    log.segments.replace(0, Number.POSITIVE_INFINITY, [empty]);
    offsets.logEnd = offset as LogEndOffset;
    offsets.syncedEnd = offset as SyncedEndOffset;
    offsets.recoveryPoint = offset;
    offsets.highWatermark = offset as HighWatermark;
    log.tail.clear();
    log.damage.dropFrom(0);
    log.failure = undefined;
    log.epochs.truncateFromEnd(0);
    await this.#step(() => log.epochs.flush());
    await this.#step(() => log.producers.clear());
    this.#parts.writer.truncated(truncated());
  }

  /** Lowers, durably, every recorded offset above `end` before the log is truncated. */
  async #lowerEnds(end: Offset): Promise<void> {
    const { offsets } = this.#parts.state;
    const { checkpoints } = this.#parts.environment;
    offsets.syncedEnd = Math.min(offsets.syncedEnd, end) as SyncedEndOffset;
    offsets.recoveryPoint = Math.min(offsets.recoveryPoint, end);
    offsets.highWatermark = Math.min(offsets.highWatermark, end) as HighWatermark;
    // Records appended at truncated offsets were never compacted.
    this.#parts.state.cleanedEnd = Math.min(this.#parts.state.cleanedEnd, end);
    await this.#step(() => checkpoints.persistCleanedEnds());
    await this.#step(() => checkpoints.persistRecoveryPoints());
  }

  /** Runs one step of a change that must not stay half done: see `retryDuringShortage`. */
  #step<T>(run: () => Promise<T>): Promise<T> {
    return retryDuringShortage(this.#parts.environment.scheduler, run);
  }

  /** Removes segments newest first, each durably: a crash meanwhile leaves a log without a gap. */
  async #remove(segments: readonly LogSegment[]): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    for (const segment of segments.toReversed()) {
      await this.#step(() => segment.remove());
      await this.#step(() => environment.fileSystem.syncDirectory(log.directory));
    }
  }

  async #truncate(offset: Offset): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    await this.#parts.writer.settleRolled();
    await this.#step(() => this.#parts.writer.roller.dropUnfinished());
    const cut = await this.#step(() => this.#cutPlace(offset));
    const { offsets } = log;
    await this.#lowerEnds(cut.offset);
    const { baseOffset } = cut.segment;
    await this.#step(() => log.compactedSegments.dropAbove(baseOffset));
    const later = log.segments.all.filter((segment) => segment.baseOffset > baseOffset);
    log.segments.replace(baseOffset + 1, Number.POSITIVE_INFINITY, []);
    this.#parts.writer.forgetRolled(baseOffset, Number.POSITIVE_INFINITY);
    await this.#remove(later);
    await this.#step(() => cut.segment.truncateTo(cut.offset, cut.position));
    await this.#step(() => environment.fileSystem.syncDirectory(log.directory));
    offsets.logEnd = cut.offset as LogEndOffset;
    log.tail.truncateTo(cut.offset);
    log.damage.dropFrom(cut.offset);
    log.denseFrom = Math.min(log.denseFrom, cut.offset);
    log.epochs.truncateFromEnd(cut.offset);
    await this.#step(() => log.epochs.flush());
    log.failure = undefined;
    await this.#step(() => replayProducers(log, this.#parts.reader, environment.clock.nowMs()));
    this.#parts.writer.truncated(truncated());
  }

  /**
   * Finds the first batch that contains `offset` or a later one: its position and the new log end.
   */
  async #cutPlace(offset: Offset): Promise<CutPlace> {
    const log = this.#parts.state;
    const segment = log.segments.holding(offset);
    const upper = log.segments.after(segment)?.baseOffset ?? log.offsets.logEnd;
    await segment.loadIndexes();
    let cut: CutPlace = { segment, position: segment.sizeBytes, offset };
    let from = segment.offsetIndex.positionFor(offset);
    let expectedOffset = from === 0 ? segment.baseOffset : undefined;
    for (;;) {
      const end = await this.#parts.reader.walk(segment, from, (batch, position) => {
        const expected = expectedOffset ?? batch.baseOffset;
        if (!isInPlace(log, batch, { expected, upper })) return 'bad';
        expectedOffset = batch.nextOffset;
        if (batch.lastOffset < offset) return 'next';
        cut = { segment, position, offset: Math.min(offset, batch.baseOffset) };
        return 'stop';
      });
      if (end.reason !== 'bad') return cut;
      if (expectedOffset === undefined) {
        // The index led to bytes that are not a batch: only a scan from the start of the segment
        // can find the end.
        from = 0;
        expectedOffset = segment.baseOffset;
        continue;
      }
      const range = await this.#damageAt(segment, end.position, expectedOffset);
      if (offset < range.endOffset) {
        const startOffset = Math.min(offset, range.startOffset);
        return { segment, position: range.startPosition, offset: startOffset };
      }
      from = range.endPosition;
      expectedOffset = range.endOffset;
    }
  }

  async #damageAt(
    segment: LogSegment,
    position: number,
    expectedOffset: Offset,
  ): Promise<DamagedRange> {
    const file = await segment.file.acquire();
    try {
      const place = { segment, file, position, expectedOffset };
      return await measureDamage(this.#parts.state, this.#parts.environment, place);
    } finally {
      segment.file.release();
    }
  }

  /**
   * Returns the end offset of consecutive segments of the log; undefined when they are not
   * consecutive.
   */
  #endOfRow(row: readonly LogSegment[]): Offset | undefined {
    const { all } = this.#parts.state.segments;
    const firstIndex = all.findIndex((segment) => segment === row[0]);
    if (firstIndex < 0 || row.some((segment, i) => all[firstIndex + i] !== segment)) {
      return undefined;
    }
    return all[firstIndex + row.length]?.baseOffset;
  }

  /** Records that offsets below `to` may have gaps, before the first gap exists. */
  async #markCompacted(to: Offset): Promise<void> {
    if (this.#parts.state.denseFrom >= to) return;
    const before = this.#parts.state.denseFrom;
    this.#parts.state.denseFrom = to;
    try {
      await this.#parts.environment.checkpoints.persistCompactedEnds();
    } catch (error) {
      this.#parts.state.denseFrom = before;
      throw failedWriteError(error);
    }
  }

  /** Lists the segments below `to` as they are after the swap, before any of them is removed. */
  async #listSegments(old: readonly LogSegment[], to: Offset): Promise<void> {
    const log = this.#parts.state;
    const merged = new Set(old.slice(1));
    const bases = log.segments.all
      .filter((segment) => segment.baseOffset < to && !merged.has(segment))
      .map(({ baseOffset }) => baseOffset);
    try {
      await log.compactedSegments.replace(bases);
    } catch (error) {
      throw failedWriteError(error);
    }
  }

  async #swap(
    old: readonly LogSegment[],
    cleaned: LogSegment,
    range: { readonly from: Offset; readonly to: Offset },
  ): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    await this.#step(() => cleaned.renameTo('.swap'));
    await this.#step(() => environment.fileSystem.syncDirectory(log.directory));
    // The next start finishes the swap from here on.
    for (const segment of old) await this.#step(() => segment.renameTo('.deleted'));
    await this.#step(() => cleaned.renameTo(''));
    await this.#step(() => environment.fileSystem.syncDirectory(log.directory));
    log.segments.replace(range.from, range.to, [cleaned]);
    log.tail.dropBefore(range.to);
    log.damage.dropSegments((base) => base >= range.from && base < range.to);
    this.#removeLater(old);
  }

  /** Removes files once they have no readers, oldest first, without holding the lane. */
  #removeLater(segments: readonly LogSegment[]): void {
    this.#later(segments, async () => {
      for (const segment of segments) await segment.remove();
    });
  }

  /** Frees the space of marked segments once they have no readers, then records the log start. */
  #emptyLater(segments: readonly LogSegment[]): void {
    this.#later(segments, async () => {
      for (const segment of segments) await segment.empty();
      await this.recordDeletions();
    });
  }

  #later(segments: readonly LogSegment[], remove: () => Promise<void>): void {
    if (segments.length === 0) return;
    const removal = remove().catch((error: unknown) => {
      this.#parts.environment.logger.warn(
        { err: error, ...this.#parts.state.topicPartition },
        'files of a removed segment could not be deleted: done at the next start',
      );
    });
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }
}

/** Error of retries that wait for truncated records. */
function truncated(): ProtocolError {
  return new ProtocolError('LEADER_NOT_AVAILABLE', 'The log was truncated.', {
    outcome: 'unknown',
  });
}

function outOfRange(offset: Offset, log: LogState): ProtocolError {
  const { logStart, highWatermark } = log.offsets;
  return new ProtocolError(
    'OFFSET_OUT_OF_RANGE',
    `Offset ${offset} is above the high watermark, ${highWatermark}.`,
    { members: { logStartOffset: logStart, highWatermark } },
  );
}
