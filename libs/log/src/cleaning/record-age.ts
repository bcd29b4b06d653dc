/** What the age of a segment's records is told by. */
export interface AgedSegment {
  /** Greatest timestamp of its records, ms, -1 when it has none; known after `loadIndexes`. */
  readonly maxTimestamp: number;
  loadIndexes(): Promise<void> | undefined;
  /** When its log was last written, wall clock in ms; undefined when that is not known. */
  lastWriteMs(): Promise<number | undefined>;
}

/** The time that the youngest record of a segment counts as written at. */
export interface YoungestRecord {
  /** Wall clock, ms; -1 when the segment has no timestamps. */
  readonly timeMs: number;
  /** Whether a record has a timestamp in the future, which does not count. */
  readonly isInFuture: boolean;
}

/**
 * How young a segment is: by the greatest timestamp of its records, as in Kafka, unless that lies
 * in the future. A record stamped years ahead would keep its segment, and all that follow it, for
 * years. No record was appended after the last write to the segment's file, so that this time takes
 * the place of the timestamp: it may keep records longer than they need (a copy of the file is
 * younger than the original) and never shorter.
 */
export async function youngestRecord(segment: AgedSegment, nowMs: number): Promise<YoungestRecord> {
  await segment.loadIndexes();
  const { maxTimestamp } = segment;
  if (maxTimestamp <= nowMs) return { timeMs: maxTimestamp, isInFuture: false };
  return { timeMs: (await segment.lastWriteMs()) ?? nowMs, isInFuture: true };
}
