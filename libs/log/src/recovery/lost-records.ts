import { type Offset, ProtocolError } from '#protocol';
import type { LogParts } from '../log/log-parts.js';
import type { LogState } from '../log/log-state.js';
import { failedWriteError } from '../log/storage-error.js';
import { damagedEndOffset, type OffsetRange } from '../record-batch/damage.js';
import { emptyBatch } from '../record-batch/empty-batch.js';
import { RECORD_BATCH_HEADER_BYTES } from '../record-batch/record-batch.js';
import { LogSegment } from '../segment/segment.js';
import { quarantineBytes } from './quarantine-bytes.js';
import { missingBetween } from './segment-gaps.js';

const INT32_MAX = 2 ** 31 - 1;

/** Returns the missing records at the start of a log that were not deleted. */
export function missingStart({ damage, segments, offsets }: LogState): OffsetRange | undefined {
  const range = damage.missingBefore(segments.first.baseOffset);
  if (range === undefined || offsets.logStart >= range.endOffset) return undefined;
  return {
    startOffset: Math.max(range.startOffset, offsets.logStart),
    endOffset: range.endOffset,
  };
}

export function isSameRange(left: OffsetRange | undefined, right: OffsetRange): boolean {
  return left?.startOffset === right.startOffset && left.endOffset === right.endOffset;
}

/**
 * Accepts the loss of synced records that a start found missing, at the end of a log or between two
 * of its segments, so that the log accepts writes again.
 *
 * One record batch without records, as compaction creates them, takes all their offsets: no new
 * record gets the offset of a lost one, committed offsets and readers' positions stay valid, and
 * readers skip the gap. Between two segments the batch is a segment of its own. Once that batch is
 * synced the log is complete for every later start; a crash before leaves it as it was found.
 *
 * Overlap: calls may overlap with everything; each runs in the log's write lane.
 */
export class LostRecords {
  readonly #parts: LogParts;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /**
   * Does nothing when the loss of exactly these records was accepted before.
   * @param range must be exactly the missing one: an operator accepts only a loss that they know
   * @throws ProtocolError OFFSET_OUT_OF_RANGE (members lostStartOffset, lostEndOffset when some are
   *   missing) for any other range; KAFKA_STORAGE_ERROR
   */
  accept(range: OffsetRange): Promise<void> {
    return this.#parts.writer.exclusive(async () => {
      const lost = this.#parts.state.failure?.lost;
      if (missingBetween(this.#parts.state).some((missing) => isSameRange(missing, range))) {
        await this.#fillBetween(range);
        return;
      }
      if (lost === undefined) {
        if (await this.#isAccepted(range)) return;
        throw this.#refusal(range);
      }
      if (!isSameRange(lost, range)) throw this.#refusal(range);
      await this.#cutRest();
      await this.#fill(range);
    });
  }

  logAbandonedStart({ startOffset, endOffset }: OffsetRange): void {
    this.#parts.environment.logger.warn(
      { ...this.#parts.state.topicPartition, startOffset, endOffset },
      'the records missing at the start of the log were abandoned: the log begins after them',
    );
  }

  /**
   * Cuts the bytes found at the position of the lost records; they are quarantined beside the log.
   */
  async #cutRest(): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const { failure } = log;
    if (failure?.lost === undefined) return;
    const { startOffset, startPosition, endPosition } = failure.lost;
    if (startPosition === endPosition) return;
    const { active } = log.segments;
    try {
      const span = { from: startPosition, to: endPosition };
      const keptIn = await quarantineBytes(log, environment, active, span);
      environment.logger.warn({ ...log.topicPartition, ...span, keptIn }, 'damaged bytes were cut');
      environment.observer.cut(log.topicPartition, endPosition - startPosition);
      await active.truncateTo(startOffset, startPosition);
    } catch (error) {
      throw failedWriteError(error);
    }
    const lost = { ...failure.lost, endPosition: startPosition };
    log.damage.dropFrom(startOffset);
    log.damage.add(lost);
    log.failure = { ...failure, lost };
  }

  async #fill({ startOffset, endOffset }: OffsetRange): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const { active } = log.segments;
    const lastOffset = endOffset - 1;
    if (lastOffset - active.baseOffset > INT32_MAX) throw tooMany();
    const epoch = log.epochs.epochForOffset(startOffset) ?? log.epochs.latestEpoch ?? 0;
    const batch = emptyBatch({ baseOffset: startOffset, lastOffset }, epoch);
    const position = active.sizeBytes;
    try {
      await this.#writeBatch(active, batch);
    } catch (error) {
      // It is unknown whether the batch is in the file: the next call writes the same bytes.
      throw failedWriteError(error);
    }
    const sizeBytes = RECORD_BATCH_HEADER_BYTES;
    active.appended({ position, sizeBytes, lastOffset, maxTimestamp: -1 });
    log.damage.dropFrom(startOffset);
    log.failure = undefined;
    environment.logger.warn(
      { ...log.topicPartition, startOffset, endOffset },
      'the records missing at the end of the log were abandoned: it accepts writes again',
    );
  }

  async #fillBetween({ startOffset, endOffset }: OffsetRange): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const lastOffset = endOffset - 1;
    if (lastOffset - startOffset > INT32_MAX) throw tooMany();
    const epoch = log.epochs.epochForOffset(startOffset) ?? 0;
    const batch = emptyBatch({ baseOffset: startOffset, lastOffset }, epoch);
    // The segment before the gap may have lost all its records: then it has this base offset.
    const existing = log.segments.all.find(({ baseOffset }) => baseOffset === startOffset);
    const segment = existing ?? (await this.#createSegment(startOffset));
    try {
      await segment.loadIndexes();
      await this.#writeBatch(segment, batch);
      await environment.fileSystem.syncDirectory(log.directory);
    } catch (error) {
      if (existing === undefined) await this.#dropSegment(segment);
      throw failedWriteError(error);
    }
    const sizeBytes = batch.length;
    segment.appended({ position: segment.sizeBytes, sizeBytes, lastOffset, maxTimestamp: -1 });
    log.segments.replace(startOffset, startOffset + 1, [segment]);
    log.damage.dropWithin(startOffset, endOffset);
    environment.logger.warn(
      { ...log.topicPartition, startOffset, endOffset },
      'the records missing in the middle of the log were abandoned: readers skip their offsets',
    );
  }

  async #createSegment(baseOffset: Offset): Promise<LogSegment> {
    try {
      return await LogSegment.create(
        this.#parts.environment.files,
        this.#parts.state.directory,
        baseOffset,
      );
    } catch (error) {
      throw failedWriteError(error);
    }
  }

  /** A segment file that the log does not know must not stay among its segments. */
  async #dropSegment(segment: LogSegment): Promise<void> {
    try {
      await segment.remove();
    } catch (error) {
      this.#parts.writer.goOffline('an unfinished segment could not be removed', error);
    }
  }

  async #writeBatch(segment: LogSegment, batch: Buffer): Promise<void> {
    const { reserve, syncs } = this.#parts.environment;
    const file = await segment.file.acquire();
    try {
      await reserve.run(() => file.writev([batch], segment.sizeBytes));
      await syncs.run(() => file.datasync());
    } finally {
      segment.file.release();
    }
  }

  /** True when an empty batch has exactly these offsets, or the log begins after them. */
  async #isAccepted({ startOffset, endOffset }: OffsetRange): Promise<boolean> {
    const { logStart, logEnd } = this.#parts.state.offsets;
    if (endOffset === logStart && startOffset < endOffset) return true;
    if (startOffset < logStart || endOffset > logEnd) return false;
    try {
      const [batch] = await this.#parts.reader.read(startOffset, 1, logEnd);
      return (
        batch?.recordCount === 0 &&
        batch.baseOffset === startOffset &&
        batch.nextOffset === endOffset
      );
    } catch (error) {
      if (damagedEndOffset(error) !== undefined) return false;
      throw error;
    }
  }

  #refusal({ startOffset, endOffset }: OffsetRange): ProtocolError {
    const { failure, offsets, topicPartition } = this.#parts.state;
    const { topic, partition } = topicPartition;
    const log = this.#parts.state;
    const candidates = [missingStart(log), ...missingBetween(log), failure?.lost];
    const lost = candidates.filter((candidate) => candidate !== undefined);
    const foundText =
      lost.length === 0
        ? 'no records are missing there'
        : `those missing are ${lost.map(({ startOffset, endOffset }) => `${startOffset} up to ${endOffset}`).join(' and ')}`;
    const named = failure?.lost ?? lost[0];
    const bounds =
      named === undefined
        ? {}
        : { lostStartOffset: named.startOffset, lostEndOffset: named.endOffset };
    return new ProtocolError(
      'OFFSET_OUT_OF_RANGE',
      `The records ${startOffset} up to ${endOffset} are not those missing in partition ` +
        `${partition} of topic "${topic}": ${foundText}.`,
      {
        members: {
          logStartOffset: offsets.logStart,
          highWatermark: offsets.highWatermark,
          ...bounds,
        },
      },
    );
  }
}

function tooMany(): ProtocolError {
  return new ProtocolError(
    'POLICY_VIOLATION',
    'More offsets are missing than one record batch can have: the log must be restored.',
  );
}
