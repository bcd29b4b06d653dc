import type { Offset } from '#protocol';
import { wholeBatches } from './batches.js';

/** A segment of a log as it is on a disk. */
export interface LogFile {
  readonly baseOffset: Offset;
  readonly bytes: Buffer;
}

export interface LogExtent {
  readonly start: Offset;
  readonly end: Offset;
  /** True when compaction may have removed records, and with them all batches of an offset. */
  readonly isCompacted: boolean;
}

/**
 * True when the files of a log, in their order, consist of valid batches, which have all its
 * offsets; those of a compacted log may leave some out.
 */
export function isUndamaged(files: readonly LogFile[], extent: LogExtent): boolean {
  let next = extent.start;
  for (const { baseOffset, bytes } of files) {
    if (extent.isCompacted) next = Math.max(next, baseOffset);
    let sizeBytes = 0;
    for (const batch of wholeBatches(bytes)) {
      if (batch.baseOffset > next && !extent.isCompacted) return false;
      next = batch.nextOffset;
      sizeBytes += batch.sizeBytes;
    }
    if (sizeBytes < bytes.length) return false;
  }
  return next >= extent.end;
}
