import type { Offset } from '#protocol';
import type { FileHandle } from '#runtime';
import { findNextBatch } from '../record-batch/batch-scan.js';
import type { DamagedRange } from '../record-batch/damage.js';
import type { LogSegment } from '../segment/segment.js';
import type { LogEnvironment, LogState } from './log-state.js';

/** Position in a segment at which a scan met bytes that are not a batch. */
export interface DamagePlace {
  readonly segment: LogSegment;
  readonly file: FileHandle;
  readonly position: number;
  /** The offset expected there. */
  readonly expectedOffset: Offset;
}

/**
 * Determines the extent of damage: up to the next valid batch, else the segment's end. The range is
 * stored with the log and reported once.
 */
export async function measureDamage(
  log: LogState,
  environment: LogEnvironment,
  place: DamagePlace,
): Promise<DamagedRange> {
  const { segment, position, expectedOffset } = place;
  const known = log.damage.at(segment.baseOffset, position);
  if (known !== undefined) return known;
  const endPosition = segment.sizeBytes;
  const endOffset = log.segments.after(segment)?.baseOffset ?? log.offsets.logEnd;
  const next = await findNextBatch(
    place.file,
    { from: position + 1, to: endPosition },
    { from: expectedOffset + 1, to: endOffset },
  );
  const range: DamagedRange = {
    segmentBaseOffset: segment.baseOffset,
    startOffset: expectedOffset,
    endOffset: next?.batch.baseOffset ?? endOffset,
    startPosition: position,
    endPosition: next?.position ?? endPosition,
  };
  reportDamage(log, environment, range);
  return range;
}

/** Stores a damaged range with the log and reports it, unless it is known. */
export function reportDamage(
  log: Pick<LogState, 'damage' | 'topicPartition'>,
  environment: LogEnvironment,
  range: DamagedRange,
): void {
  if (!log.damage.add(range)) return;
  environment.logger.error(
    { ...log.topicPartition, ...range },
    'a part of the log is damaged: its offsets are answered with CORRUPT_MESSAGE',
  );
  environment.observer.damaged(log.topicPartition, range);
}
