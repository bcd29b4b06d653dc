import type { Offset } from '#protocol';
import type { FileHandle, FileSystem } from '#runtime';
import { isInPlace } from '../log/batch-place.js';
import type { LogState } from '../log/log-state.js';
import { scanBatches } from '../record-batch/batch-scan.js';
import { readLastEntry } from '../segment/offset-index.js';
import type { LogSegment } from '../segment/segment.js';

/** End of the batches of a closed segment. */
export interface SegmentEnd {
  /** Offset after the last batch. */
  readonly offset: Offset;
  /** Position in the file after the last batch, in bytes. */
  readonly position: number;
  /** True when that is the end of the file; false when bytes follow that are not a batch. */
  readonly isWhole: boolean;
}

/**
 * Finds the end of a closed segment by a scan from its last index entry on, without checking CRCs:
 * usually one small read of the index file and one of the log.
 * @param file the segment's `.log`, open
 * @returns undefined when the index does not lead to a batch and has to be rebuilt
 */
export async function segmentEnd(
  log: Pick<LogState, 'denseFrom' | 'segments' | 'offsets'>,
  fileSystem: FileSystem,
  segment: LogSegment,
  file: FileHandle,
): Promise<SegmentEnd | undefined> {
  const { baseOffset, sizeBytes } = segment;
  const entry = segment.lastIndexEntry ?? (await readLastEntry(fileSystem, segment.indexPath));
  if (entry === undefined) return undefined;
  const indexedLastOffset = baseOffset + entry.relativeOffset;
  let offset: Offset = baseOffset;
  let isAtEntry = entry.position > 0;
  const span = { from: entry.position, to: sizeBytes };
  const upper = log.segments.after(segment)?.baseOffset ?? log.offsets.logEnd;
  const end = await scanBatches(file, span, (batch) => {
    const isRight = isAtEntry
      ? batch.lastOffset === indexedLastOffset
      : isInPlace(log, batch, { expected: offset, upper });
    if (!isRight) return 'bad';
    isAtEntry = false;
    offset = batch.nextOffset;
    return 'next';
  });
  if (isAtEntry) return undefined;
  return { offset, position: end.position, isWhole: end.reason === 'end' };
}
