import type { Offset, TopicConfig } from '#protocol';
import type { BatchUnpacker } from '../compression/compression.js';
import { type AgedSegment, youngestRecord } from './record-age.js';

/** The side of a segment that retention uses. */
interface RetainedSegment extends AgedSegment {
  readonly baseOffset: Offset;
  readonly sizeBytes: number;
  /** Latest time of delivery of its records, ms since 1970; -1 when none is delayed. */
  latestDeliverAtMs(unpacker: BatchUnpacker): Promise<number>;
}

/** The side of a log that retention uses. */
export interface RetainedLog {
  /** Segments in order, the active one last. */
  readonly segments: readonly RetainedSegment[];
  readonly config: Pick<TopicConfig, 'cleanup.policy' | 'retention.ms' | 'retention.bytes'>;
  readonly offsets: { readonly highWatermark: Offset; readonly logEnd: Offset };
  /** Called for a segment with a timestamp in the future, at every check of retention by time. */
  futureTimestampSeen?(segmentBaseOffset: Offset, timestampMs: number): void;
}

/** A log that retention can shorten. */
export interface TrimmableLog extends RetainedLog {
  /** Begins a new segment, unless the active one is empty. */
  roll(): Promise<void>;
  readonly trimmer: {
    /** Moves the log start up, durably, and removes the segments below; returns their number. */
    deleteSegmentsBefore(offset: Offset): Promise<number>;
  };
}

/**
 * Deletes whole segments below the high watermark that exceed `retention.ms` or `retention.bytes`;
 * an active segment among them is rolled first.
 * @param unpacker unpacks batches whose records may be delayed
 * @returns the number of deleted segments
 */
export async function applyRetention(
  log: TrimmableLog,
  nowMs: number,
  unpacker: BatchUnpacker,
): Promise<number> {
  const startOffset = await retentionStartOffset(log, nowMs, unpacker);
  if (startOffset <= (log.segments[0]?.baseOffset ?? startOffset)) return 0;
  if (startOffset > (log.segments.at(-1)?.baseOffset ?? 0)) await log.roll();
  return log.trimmer.deleteSegmentsBefore(startOffset);
}

/**
 * Determines the log start that the configs ask for: segments are deleted oldest first, up to the
 * first that is retained. The result is the base offset of a segment, or the log end when even the
 * active segment is deleted.
 *
 * A segment expires by time when its youngest record is older than `retention.ms` (see
 * record-age.ts for timestamps in the future); one without timestamps is retained. It expires by
 * size when the rest of the log has `retention.bytes` and none of its records waits for its time of
 * delivery: such a record was promised to queue groups. A segment with a record at or above the
 * high watermark is retained, and so is an empty active one.
 */
export async function retentionStartOffset(
  log: RetainedLog,
  nowMs: number,
  unpacker: BatchUnpacker,
): Promise<Offset> {
  const { segments, config } = log;
  const { highWatermark, logEnd } = log.offsets;
  const retentionMs = config['retention.ms'];
  const retentionBytes = config['retention.bytes'];
  const deletes = config['cleanup.policy'].includes('delete');
  let excessBytes = -retentionBytes;
  for (const segment of segments) excessBytes += segment.sizeBytes;
  for (const [segmentIndex, segment] of segments.entries()) {
    const endOffset = segments[segmentIndex + 1]?.baseOffset ?? logEnd;
    const isEmptyActive = segmentIndex === segments.length - 1 && segment.sizeBytes === 0;
    if (!deletes || endOffset > highWatermark || isEmptyActive) return segment.baseOffset;
    const isTooMuch = retentionBytes >= 0 && excessBytes >= segment.sizeBytes;
    const isToGo =
      (retentionMs >= 0 && (await isTooOld(log, segment, nowMs))) ||
      (isTooMuch && (await segment.latestDeliverAtMs(unpacker)) <= nowMs);
    if (!isToGo) return segment.baseOffset;
    excessBytes -= segment.sizeBytes;
  }
  return logEnd;
}

async function isTooOld(
  log: RetainedLog,
  segment: RetainedSegment,
  nowMs: number,
): Promise<boolean> {
  const { timeMs, isInFuture } = await youngestRecord(segment, nowMs);
  if (isInFuture) log.futureTimestampSeen?.(segment.baseOffset, segment.maxTimestamp);
  return timeMs >= 0 && timeMs < nowMs - log.config['retention.ms'];
}
