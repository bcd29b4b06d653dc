/** The inputs of a segment's age. */
export interface AgedSegment {
  /** Greatest timestamp of its records in ms, -1 without any; known after `loadIndexes`. */
  readonly maxTimestamp: number;
  loadIndexes(): Promise<void> | undefined;
  /** Wall clock in ms of the last write to its log; undefined when unknown. */
  lastWriteMs(): Promise<number | undefined>;
}

/** The time at which the youngest record of a segment counts as written. */
export interface YoungestRecord {
  /** Wall clock, ms; -1 when the segment has no timestamps. */
  readonly timeMs: number;
  /** True when a record has a timestamp in the future, which is ignored. */
  readonly isInFuture: boolean;
}

/**
 * Determines the age of a segment: by the greatest timestamp of its records, as in Kafka, unless
 * that lies in the future. A record stamped years ahead would otherwise retain its segment and all
 * later ones for years. No record was appended after the last write to the segment's file, so that
 * this time replaces the timestamp: it may retain records longer than necessary (a copied file is
 * younger than the original) and never shorter.
 */
export async function youngestRecord(segment: AgedSegment, nowMs: number): Promise<YoungestRecord> {
  await segment.loadIndexes();
  const { maxTimestamp } = segment;
  if (maxTimestamp <= nowMs) return { timeMs: maxTimestamp, isInFuture: false };
  return { timeMs: (await segment.lastWriteMs()) ?? nowMs, isInFuture: true };
}
