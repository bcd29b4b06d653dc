import type { Offset } from '#protocol';
import type { FileHandle } from '#runtime';
import { isInPlace } from '../log/batch-place.js';
import { reportDamage } from '../log/damage-search.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import {
  type ByteSpan,
  findNextBatch,
  readChunk,
  SCAN_CHUNK_BYTES,
  scanBatches,
} from '../record-batch/batch-scan.js';
import type { DamagedRange } from '../record-batch/damage.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import type { LogSegment } from '../segment/segment.js';
import { quarantineBytes } from './quarantine-bytes.js';

/** Facts about a log that recovery needs before its end is known. */
export interface RecoveryBounds {
  /** Everything below was certainly on disk: a missing record is damage and no torn tail. */
  readonly durableEnd: Offset;
  /** Recorded first offset from which on no offset is missing; compaction left gaps below it. */
  readonly recordedDenseFrom: Offset;
}

/** The state of a log that is being recovered: its ends are not known yet. */
export type RecoveringLog = Pick<
  LogState,
  'topicPartition' | 'directory' | 'segments' | 'epochs' | 'damage' | 'denseFrom'
>;

/** Every batch from `from` to the log's end was scanned. */
export interface WalkedRange {
  readonly from: Offset;
  /** Offset of the first batch in it that has a producer id. */
  readonly firstIdempotentOffset: Offset | undefined;
}

/** End of a log after recovery. */
export interface RecoveredEnd {
  readonly logEnd: Offset;
  /** Missing last offsets below `durableEnd`: if there are any, the log must accept no writes. */
  readonly lost: DamagedRange | undefined;
  /** The range that recovery has scanned; undefined when no scan was needed. */
  readonly walked?: WalkedRange;
}

/**
 * Recovers the segments of a log after an unclean stop, from `firstSegment` on: scans every batch,
 * checks size, CRC and offsets, and rebuilds the indexes and leader epochs.
 *
 * There are two kinds of bad batches (replication-safety 3.2). When nothing valid follows, and
 * nothing below the durable end is missing, it is the torn tail of a write that was never
 * acknowledged: it is cut and quarantined beside the log, on a full disk in the reserved space.
 * Otherwise it is damage: the log stays as it is, the range is reported, and the batches after it
 * are served.
 *
 * Offsets missing between two batches are damage too, unless they lie below `denseFrom`.
 *
 * Overlap: `run` is called once, before the log is opened; nothing else uses the log meanwhile.
 */
export class SegmentRecovery {
  /** Offset expected next. */
  #expected: Offset;
  #lost: DamagedRange | undefined;
  #firstIdempotentOffset: Offset | undefined;
  /** Position in the current segment of the first batch that may not be on the disk. */
  #unsyncedPosition: number | undefined;
  readonly #log: RecoveringLog;
  readonly #environment: LogEnvironment;
  readonly #bounds: RecoveryBounds;

  constructor(
    log: RecoveringLog,
    environment: LogEnvironment,
    bounds: RecoveryBounds,
    firstSegment: LogSegment,
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#bounds = bounds;

    this.#expected = firstSegment.baseOffset;
  }

  /** @returns the log's end; everything is synced */
  async run(): Promise<RecoveredEnd> {
    const log = this.#log;
    const from = this.#expected;
    for (const segment of log.segments.all) {
      if (segment.baseOffset < from) continue;
      const isLast = await this.#mayBeLast(segment);
      if (isLast) await this.#removeAfter(segment);
      await this.#recover(segment);
      if (isLast) break;
    }
    if (this.#expected < this.#bounds.durableEnd) this.#reportMissing();
    await this.#makeDurable(from);
    const walked = { from, firstIdempotentOffset: this.#firstIdempotentOffset };
    return { logEnd: this.#expected, lost: this.#lost, walked };
  }

  async #recover(segment: LogSegment): Promise<void> {
    const log = this.#log;
    const upper = log.segments.after(segment)?.baseOffset;
    const sizeBytes = segment.sizeBytes;
    const file = await segment.file.acquire();
    this.#unsyncedPosition = undefined;
    try {
      segment.reset();
      if (segment.baseOffset > this.#expected) this.#gapBefore(segment);
      let position = 0;
      for (;;) {
        const span = { from: position, to: sizeBytes };
        const end = await scanBatches(file, span, (batch, batchPosition) => {
          return this.#accept(segment, batch, batchPosition, upper) ? 'next' : 'bad';
        });
        if (end.reason !== 'bad') break;
        const next = await findNextBatch(
          file,
          { from: end.position + 1, to: sizeBytes },
          { from: this.#expected + 1, to: upper ?? Number.MAX_SAFE_INTEGER },
        );
        const isTail = next === undefined && upper === undefined;
        if (isTail && this.#expected >= this.#bounds.durableEnd) {
          await this.#cut(segment, file, { from: end.position, to: sizeBytes });
          break;
        }
        const endOffset = next?.batch.baseOffset ?? upper ?? this.#bounds.durableEnd;
        const endPosition = next?.position ?? sizeBytes;
        const damaged = this.#report(segment, endOffset, end.position, endPosition);
        if (isTail) this.#lost = damaged;
        segment.skipTo(next?.position ?? sizeBytes);
        if (next === undefined) break;
        position = next.position;
      }
      await this.#writeAgain(segment, file);
    } finally {
      segment.file.release();
    }
  }

  /**
   * Writes bytes that may not be on the disk once more, unchanged. After a failed sync Linux may
   * hold pages in memory that the disk does not have and mark them clean: a process that starts on
   * the same machine reads them, and its own sync would skip them.
   */
  async #writeAgain(segment: LogSegment, file: FileHandle): Promise<void> {
    if (this.#unsyncedPosition === undefined || this.#environment.durability !== 'fsync') return;
    const end = segment.sizeBytes;
    for (let position = this.#unsyncedPosition; position < end; position += SCAN_CHUNK_BYTES) {
      const chunk = await readChunk(file, position, Math.min(SCAN_CHUNK_BYTES, end - position));
      await file.writev([chunk], position);
    }
  }

  /** Accepts a batch when it is the expected one. */
  #accept(
    segment: LogSegment,
    batch: RecordBatch,
    position: number,
    upper: Offset | undefined,
  ): boolean {
    const { baseOffset, lastOffset, sizeBytes } = batch;
    const bounds = { expected: this.#expected, upper: upper ?? Number.MAX_SAFE_INTEGER };
    if (!isInPlace(this.#log, batch, bounds) || !batch.isCrcValid()) return false;
    segment.appended({ position, sizeBytes, lastOffset, maxTimestamp: batch.maxTimestamp });
    segment.verified.add(position, position + sizeBytes);
    if (lastOffset >= this.#bounds.durableEnd) this.#unsyncedPosition ??= position;
    if (batch.producerId >= 0) this.#firstIdempotentOffset ??= baseOffset;
    const { epochs } = this.#log;
    // An epoch is recorded before its first batch is written: the file only lacks entries that it
    // lost, and those below the log start, at which its first entry begins.
    const isBelowFirst = baseOffset < (epochs.entries[0]?.startOffset ?? 0);
    if (!isBelowFirst && (epochs.epochForOffset(baseOffset) ?? -1) < batch.leaderEpoch) {
      epochs.assignUnflushed(batch.leaderEpoch, baseOffset);
    }
    this.#expected = lastOffset + 1;
    return true;
  }

  /**
   * True when no batch follows a segment, so that the rest can be removed. An empty segment stays
   * when it begins at an offset that the log is known to have reached: its name may be the only
   * evidence of it, when compaction removed the last records before it.
   */
  async #mayBeLast(segment: LogSegment): Promise<boolean> {
    const next = this.#log.segments.after(segment);
    if (next === undefined) return true;
    const knownEnd = Math.max(this.#bounds.durableEnd, this.#bounds.recordedDenseFrom);
    return next.baseOffset > knownEnd && (await this.#isRestEmpty(segment));
  }

  /** True when no segment after this one holds a batch. */
  async #isRestEmpty(segment: LogSegment): Promise<boolean> {
    for (const later of this.#log.segments.all) {
      if (later.baseOffset <= segment.baseOffset || later.sizeBytes === 0) continue;
      const file = await later.file.acquire();
      try {
        const span = { from: 0, to: later.sizeBytes };
        const offsets = { from: later.baseOffset, to: Number.MAX_SAFE_INTEGER };
        if ((await findNextBatch(file, span, offsets)) !== undefined) return false;
      } finally {
        later.file.release();
      }
    }
    return true;
  }

  async #removeAfter(segment: LogSegment): Promise<void> {
    const log = this.#log;
    const later = log.segments.all.filter(({ baseOffset }) => baseOffset > segment.baseOffset);
    for (const removedSegment of later.toReversed()) {
      if (removedSegment.sizeBytes > 0) {
        await this.#keep(removedSegment, { from: 0, to: removedSegment.sizeBytes });
      }
      await removedSegment.remove();
    }
    log.segments.replace(segment.baseOffset + 1, Number.POSITIVE_INFINITY, []);
  }

  async #cut(segment: LogSegment, file: FileHandle, span: ByteSpan): Promise<void> {
    await this.#keep(segment, span);
    await file.truncate(span.from);
    await file.datasync();
  }

  /** Quarantines bytes that are about to be cut, and reports it. */
  async #keep(segment: LogSegment, span: ByteSpan): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const keptIn = await quarantineBytes(log, environment, segment, span);
    const bytes = span.to - span.from;
    environment.logger.warn(
      { ...log.topicPartition, logEndOffset: this.#expected, bytes, keptIn },
      'recovery cut a torn tail off the log',
    );
    environment.observer.cut(log.topicPartition, bytes);
  }

  /** Reports missing offsets between two segments. */
  #gapBefore(segment: LogSegment): void {
    if (this.#expected >= this.#log.denseFrom) this.#report(segment, segment.baseOffset, 0, 0);
    this.#expected = segment.baseOffset;
  }

  /** Reports durable offsets that are no longer in the file. */
  #reportMissing(): void {
    const { active } = this.#log.segments;
    this.#lost = this.#report(active, this.#bounds.durableEnd, active.sizeBytes, active.sizeBytes);
  }

  /** Reports damage from the expected offset up to `endOffset`, and continues there. */
  #report(
    segment: LogSegment,
    endOffset: Offset,
    startPosition: number,
    endPosition: number,
  ): DamagedRange {
    const range: DamagedRange = {
      segmentBaseOffset: segment.baseOffset,
      startOffset: this.#expected,
      endOffset,
      startPosition,
      endPosition,
    };
    reportDamage(this.#log, this.#environment, range);
    this.#expected = endOffset;
    return range;
  }

  /** Recovery ends with a sync: recovered records may never have been acknowledged or synced. */
  async #makeDurable(from: Offset): Promise<void> {
    const { syncs, reserve } = this.#environment;
    const { active } = this.#log.segments;
    for (const segment of this.#log.segments.all) {
      if (segment.baseOffset < from) continue;
      await syncs.run(() => segment.datasync());
      if (segment !== active) await reserve.run(() => segment.flushIndexes());
    }
    await this.#environment.fileSystem.syncDirectory(this.#log.directory);
  }
}
