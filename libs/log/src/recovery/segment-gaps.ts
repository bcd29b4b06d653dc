import type { Offset } from '#protocol';
import { measureDamage, reportDamage } from '../log/damage-search.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import type { DamagedRange, OffsetRange } from '../record-batch/damage.js';
import type { LogSegment } from '../segment/segment.js';
import { segmentEnd } from './segment-end.js';

/**
 * Finds the offsets that are missing between two segments of a log, as after a file was removed by
 * hand. Runs at every start, so that it reads only the last batches of each closed segment, and
 * none of segments below `from`, where compaction may have left gaps: see `findMissingSegments`.
 *
 * A tail whose bytes are not a batch is reported as damage.
 * @param from gaps that begin below it are ignored
 * @param to base offset of the first segment that recovery has scanned: gaps after it are known
 */
export async function findSegmentGaps(
  log: LogState,
  environment: LogEnvironment,
  { from, to }: { readonly from: Offset; readonly to: Offset },
): Promise<DamagedRange[]> {
  const gaps: DamagedRange[] = [];
  for (const [segmentIndex, segment] of log.segments.all.entries()) {
    const nextBaseOffset = log.segments.all[segmentIndex + 1]?.baseOffset;
    if (nextBaseOffset === undefined || nextBaseOffset > to) break;
    if (nextBaseOffset <= Math.max(from, log.offsets.logStart)) continue;
    const endOffset = await endOf(log, environment, segment);
    if (endOffset === undefined || endOffset < from || endOffset >= nextBaseOffset) continue;
    gaps.push(gapBehind(segment, endOffset, nextBaseOffset));
  }
  return gaps;
}

/**
 * Finds the segments that are missing in the compacted part of a log, by the list that compaction
 * wrote. A missing one whose offsets the segment before has taken over is not a loss: the log was
 * compacted, or the loss was accepted.
 * @param to gaps that begin at or after it are found by `findSegmentGaps`
 */
export async function findMissingSegments(
  log: LogState,
  environment: LogEnvironment,
  to: Offset,
): Promise<DamagedRange[]> {
  const gaps: DamagedRange[] = [];
  for (const [place, segment] of log.segments.all.entries()) {
    const nextBaseOffset = log.segments.all[place + 1]?.baseOffset;
    if (nextBaseOffset === undefined || segment.baseOffset >= to) break;
    if (nextBaseOffset <= log.offsets.logStart) continue;
    const listed = log.compactedSegments.lastBetween(segment.baseOffset, nextBaseOffset);
    if (listed === undefined) continue;
    const endOffset = await endOf(log, environment, segment);
    if (endOffset === undefined || endOffset > listed || endOffset >= to) continue;
    gaps.push(gapBehind(segment, endOffset, nextBaseOffset));
  }
  return gaps;
}

function gapBehind(
  { baseOffset, sizeBytes }: LogSegment,
  startOffset: Offset,
  endOffset: Offset,
): DamagedRange {
  return {
    segmentBaseOffset: baseOffset,
    startOffset,
    endOffset,
    startPosition: sizeBytes,
    endPosition: sizeBytes,
  };
}

/** Reports gaps that compaction does not explain: the records in them are lost. */
export function reportGaps(
  log: LogState,
  environment: LogEnvironment,
  gaps: readonly DamagedRange[],
): void {
  for (const gap of gaps) {
    const { startOffset, endOffset } = gap;
    environment.logger.error(
      { ...log.topicPartition, startOffset, endOffset },
      'synced records are missing in the middle of the log and were not deleted',
    );
    reportDamage(log, environment, gap);
  }
}

/**
 * Decides about the gaps of a copied log once the topic's config is known. Under a `cleanup.policy`
 * with `compact` they are due to Kafka's compaction, and stay recorded as such when the policy
 * changes. Under any other policy the records in them are lost.
 */
export function explainGaps(log: LogState, environment: LogEnvironment): void {
  const { unexplainedGaps } = log;
  if (unexplainedGaps === undefined) return;
  log.unexplainedGaps = undefined;
  if (log.config['cleanup.policy'].includes('compact')) return;
  const { recordedDenseFrom, logEnd, gaps } = unexplainedGaps;
  // Gaps that a leader has sent since then are after the copied part.
  if (log.denseFrom > logEnd) return;
  log.denseFrom = Math.min(log.denseFrom, recordedDenseFrom);
  reportGaps(log, environment, gaps);
}

/** Returns the ranges of records that are missing between two segments and were not deleted. */
export function missingBetween(log: LogState): OffsetRange[] {
  const { damage, segments, offsets, failure } = log;
  if (damage.ranges.length === 0) return [];
  const atStart = damage.missingBefore(segments.first.baseOffset);
  const missing = damage.ranges.filter((range) => {
    const hasNoBytes = range.startPosition === range.endPosition;
    const isAtEnd = range.startOffset === failure?.lost?.startOffset;
    return hasNoBytes && !isAtEnd && range !== atStart && range.endOffset > offsets.logStart;
  });
  return missing.map(({ startOffset, endOffset }) => ({
    startOffset: Math.max(startOffset, offsets.logStart),
    endOffset,
  }));
}

/** @returns undefined when the tail of the segment is damaged, which is reported */
async function endOf(
  log: LogState,
  environment: LogEnvironment,
  segment: LogSegment,
): Promise<Offset | undefined> {
  const file = await segment.file.acquire();
  try {
    let end = await segmentEnd(log, environment.fileSystem, segment, file);
    if (end === undefined) {
      // The index is missing or wrong: the rebuilt one leads to the tail.
      await segment.rebuildIndexes();
      end = await segmentEnd(log, environment.fileSystem, segment, file);
    }
    if (end === undefined) return undefined;
    if (end.isWhole) return end.offset;
    const { offset: expectedOffset, position } = end;
    await measureDamage(log, environment, { segment, file, position, expectedOffset });
    return undefined;
  } finally {
    segment.file.release();
  }
}
