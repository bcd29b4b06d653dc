import { type Offset, ProtocolError } from '#protocol';
import type { RecordBatch } from './record-batch.js';

/** A range of offsets [startOffset, endOffset). */
export interface OffsetRange {
  readonly startOffset: Offset;
  readonly endOffset: Offset;
}

/**
 * An unreadable part of a log: offsets [startOffset, endOffset), bytes [startPosition, endPosition)
 * of the segment with that base offset. The rest of the log is served.
 */
export interface DamagedRange extends OffsetRange {
  readonly segmentBaseOffset: Offset;
  readonly startPosition: number;
  readonly endPosition: number;
}

/**
 * The damaged ranges found in one log since it was opened. A range is removed when its segment is
 * deleted, the log is truncated below it, or it is repaired.
 */
export class DamageList {
  #ranges: DamagedRange[] = [];

  get ranges(): readonly DamagedRange[] {
    return this.#ranges;
  }

  /** Adds a range; returns whether it is new. */
  add(range: DamagedRange): boolean {
    const isKnown = this.#ranges.some(
      (existing) =>
        existing.startOffset === range.startOffset &&
        (existing.segmentBaseOffset === range.segmentBaseOffset ||
          existing.endOffset === range.endOffset),
    );
    if (isKnown) return false;
    this.#ranges = [...this.#ranges, range].toSorted(byStart);
    return true;
  }

  /** Replaces a range by the rest of it; undefined removes it. */
  replace(range: DamagedRange, rest: DamagedRange | undefined): void {
    const others = this.#ranges.filter((existing) => existing !== range);
    this.#ranges = rest === undefined ? others : [...others, rest].toSorted(byStart);
  }

  /** Returns the range that begins at this byte. */
  at(segmentBaseOffset: Offset, position: number): DamagedRange | undefined {
    return this.#ranges.find(
      (range) => range.segmentBaseOffset === segmentBaseOffset && range.startPosition === position,
    );
  }

  /** Returns the missing offsets before a log's first segment; undefined when none are missing. */
  missingBefore(firstBaseOffset: Offset): DamagedRange | undefined {
    const range = this.at(firstBaseOffset, 0);
    return range?.endPosition === 0 && range.endOffset === firstBaseOffset ? range : undefined;
  }

  /** Removes the ranges in removed segments. */
  dropSegments(isRemoved: (segmentBaseOffset: Offset) => boolean): void {
    this.#ranges = this.#ranges.filter((range) => !isRemoved(range.segmentBaseOffset));
  }

  /** Removes the ranges that end in (startOffset, endOffset]. */
  dropWithin(startOffset: Offset, endOffset: Offset): void {
    this.#ranges = this.#ranges.filter((range) => {
      return range.endOffset <= startOffset || range.endOffset > endOffset;
    });
  }

  /** Removes the ranges that begin at or after `offset`. */
  dropFrom(offset: Offset): void {
    this.#ranges = this.#ranges.filter((range) => range.startOffset < offset);
  }
}

function byStart(left: DamagedRange, right: DamagedRange): number {
  return left.startOffset - right.startOffset;
}

/** Error of a read of an offset in a damaged range. */
export function corruptMessage(range: DamagedRange): ProtocolError {
  return new ProtocolError(
    'CORRUPT_MESSAGE',
    `The records from offset ${range.startOffset} up to ${range.endOffset} are damaged on disk. ` +
      `Reading goes on at offset ${range.endOffset}.`,
    { members: { damagedStartOffset: range.startOffset, damagedEndOffset: range.endOffset } },
  );
}

/**
 * Error of a batch that is stored as it was written although its records cannot be read: malformed,
 * too large when unpacked, or of a codec that is not installed. Every replica has the same batch.
 */
export class UnreadableBatchError extends ProtocolError {
  constructor({ baseOffset, nextOffset }: RecordBatch, cause: ProtocolError) {
    super(
      cause.code,
      `The records from offset ${baseOffset} up to ${nextOffset} cannot be read: ` +
        `${cause.message} Reading goes on at offset ${nextOffset}.`,
      {
        cause,
        members: { damagedStartOffset: baseOffset, damagedEndOffset: nextOffset },
        ...(cause.bound === undefined ? {} : { bound: cause.bound }),
      },
    );
  }
}

/** True when a batch's records could not be read, as opposed to a fault of another kind. */
export function isUnreadable(error: unknown): error is ProtocolError {
  const code = error instanceof ProtocolError ? error.code : undefined;
  return code === 'CORRUPT_MESSAGE' || code === 'UNSUPPORTED_COMPRESSION_TYPE';
}

/** Converts an error for a reader of the batch; one of another kind is returned unchanged. */
export function unreadableBatch(batch: RecordBatch, error: unknown): unknown {
  return isUnreadable(error) ? new UnreadableBatchError(batch, error) : error;
}

/**
 * Returns the offset at which reading continues after a CORRUPT_MESSAGE; undefined for any other
 * error.
 */
export function damagedEndOffset(error: unknown): number | undefined {
  if (!(error instanceof ProtocolError) || error.code !== 'CORRUPT_MESSAGE') return undefined;
  const end = error.members['damagedEndOffset'];
  return typeof end === 'number' ? end : undefined;
}
