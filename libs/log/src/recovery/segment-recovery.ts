import type { Offset } from '#protocol';
import type { FileHandle } from '#runtime';
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
import { keepAside } from './kept-bytes.js';

/** What recovery needs to know of a log before it knows its end. */
export interface RecoveryBounds {
  /** Everything below was on disk for certain: missing it is damage, never a torn tail. */
  readonly durableEnd: Offset;
  /** Below it compaction is recorded to have left gaps. */
  readonly recordedDenseFrom: Offset;
}

/** The state of a log that is being recovered: its ends are not known yet. */
export type RecoveringLog = Pick<
  LogState,
  'topicPartition' | 'directory' | 'segments' | 'epochs' | 'damage' | 'denseFrom'
>;

/** From `from` to the log's end every batch was seen. */
export interface WalkedRange {
  readonly from: Offset;
  /** Of the first batch in it that has a producer id. */
  readonly firstIdempotentOffset: Offset | undefined;
}

/** Where a log ends after recovery. */
export interface RecoveredEnd {
  readonly logEnd: Offset;
  /** The last offsets below `durableEnd`, when they are gone: the log must take no writes. */
  readonly lost: DamagedRange | undefined;
  /** What recovery has looked at; undefined when it was not needed. */
  readonly walked?: WalkedRange;
}

/**
 * Recovers the segments of a log after an unclean stop, from `firstSegment` on: walks every batch,
 * checks size, CRC and offsets, and builds the indexes and leader epochs anew (kafka-format 6).
 *
 * Where a batch is bad there are two cases (replication-safety 3.2). When nothing valid follows,
 * and nothing below the durable end is missed, it is the torn tail of a write that was never
 * acknowledged: it is cut, and kept beside the log, on a full disk in the room that is held back
 * for such. Otherwise it is damage: the log stays as it is, the range is reported, what follows is
 * served.
 *
 * Offsets that are missing between two batches are damage too, unless they lie below `denseFrom`.
 */
export class SegmentRecovery {
  /** The offset that must come next. */
  #expected: Offset;
  #lost: DamagedRange | undefined;
  #firstIdempotentOffset: Offset | undefined;
  /** In the current segment, position of the first batch that is not known to be on the disk. */
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
        const end = await scanBatches(file, span, SCAN_CHUNK_BYTES, (batch, at) => {
          return this.#accept(segment, batch, at, upper) ? 'next' : 'bad';
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
   * Writes what is not known to be on the disk once more, as it is. After a failed sync Linux may
   * hold pages in memory that the disk does not have and call them clean: a process that starts on
   * the same machine reads them, and its own sync would pass them over.
   */
  async #writeAgain(segment: LogSegment, file: FileHandle): Promise<void> {
    if (this.#unsyncedPosition === undefined || this.#environment.durability !== 'fsync') return;
    const end = segment.sizeBytes;
    for (let at = this.#unsyncedPosition; at < end; at += SCAN_CHUNK_BYTES) {
      const chunk = await readChunk(file, at, Math.min(SCAN_CHUNK_BYTES, end - at));
      await file.writev([chunk], at);
    }
  }

  /** Takes a batch over when it is what must stand here. */
  #accept(
    segment: LogSegment,
    batch: RecordBatch,
    position: number,
    upper: Offset | undefined,
  ): boolean {
    const { baseOffset, lastOffset, sizeBytes } = batch;
    const isInPlace =
      baseOffset === this.#expected ||
      (baseOffset > this.#expected && this.#expected < this.#log.denseFrom);
    if (!isInPlace || lastOffset >= (upper ?? Number.MAX_SAFE_INTEGER)) return false;
    if (!batch.isCrcValid()) return false;
    segment.appended({ position, sizeBytes, lastOffset, maxTimestamp: batch.maxTimestamp });
    segment.verified.add(position, position + sizeBytes);
    if (lastOffset >= this.#bounds.durableEnd) this.#unsyncedPosition ??= position;
    if (batch.producerId >= 0) this.#firstIdempotentOffset ??= baseOffset;
    const { epochs } = this.#log;
    // The file of epochs is written before a batch of a new one is: it only misses what it lost,
    // and what is below the log start, where its first entry is.
    const isBelowFirst = baseOffset < (epochs.entries[0]?.startOffset ?? 0);
    if (!isBelowFirst && (epochs.epochForOffset(baseOffset) ?? -1) < batch.leaderEpoch) {
      epochs.assignUnflushed(batch.leaderEpoch, baseOffset);
    }
    this.#expected = lastOffset + 1;
    return true;
  }

  /**
   * Whether what follows a segment holds no batch and can go. An empty segment stays that begins
   * where the log was known to reach: its name may be all that tells so, when compaction removed
   * the last records before it.
   */
  async #mayBeLast(segment: LogSegment): Promise<boolean> {
    const next = this.#log.segments.after(segment);
    if (next === undefined) return true;
    const knownEnd = Math.max(this.#bounds.durableEnd, this.#bounds.recordedDenseFrom);
    return next.baseOffset > knownEnd && (await this.#isRestEmpty(segment));
  }

  /** Whether no segment after this one holds a batch. */
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
    for (const gone of later.toReversed()) {
      if (gone.sizeBytes > 0) await this.#keep(gone, { from: 0, to: gone.sizeBytes });
      await gone.remove();
    }
    log.segments.replace(segment.baseOffset + 1, Number.POSITIVE_INFINITY, []);
  }

  async #cut(segment: LogSegment, file: FileHandle, span: ByteSpan): Promise<void> {
    await this.#keep(segment, span);
    await file.truncate(span.from);
    await file.datasync();
  }

  /** Keeps bytes that are about to go, and tells of it. */
  async #keep(segment: LogSegment, span: ByteSpan): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const keptIn = await keepAside(log, environment, segment, span);
    const bytes = span.to - span.from;
    environment.logger.warn(
      { ...log.topicPartition, logEndOffset: this.#expected, bytes, keptIn },
      'recovery cut a torn tail off the log',
    );
    environment.observer.cut(log.topicPartition, bytes);
  }

  /** Offsets that are missing between two segments. */
  #gapBefore(segment: LogSegment): void {
    if (this.#expected >= this.#log.denseFrom) this.#report(segment, segment.baseOffset, 0, 0);
    this.#expected = segment.baseOffset;
  }

  /** Offsets that were durable are not in the file any more. */
  #reportMissing(): void {
    const { active } = this.#log.segments;
    this.#lost = this.#report(active, this.#bounds.durableEnd, active.sizeBytes, active.sizeBytes);
  }

  /** Offsets from the expected one up to `endOffset` are damaged; goes on there. */
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

  /**
   * Recovery ends with a sync: what was found may never have been acknowledged, and be lost yet.
   */
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
