/** Numbers for metrics. */
export interface SegmentBudgetStatus {
  /** Segments of all logs at the last count. */
  readonly segments: number;
}

/** Size in bytes up to which segments are filled when there are too many of them. */
const LARGE_SEGMENT_BYTES = 256 * 1024 * 1024;

/**
 * Bounds the segments of all logs, each of which takes memory: with a small `segment.bytes` every
 * batch becomes a segment. Above the bound nothing is refused; segments become larger than their
 * topics say.
 */
export class SegmentBudget {
  #segments = 0;
  readonly #segmentsMax: number;

  constructor(segmentsMax: number) {
    this.#segmentsMax = segmentsMax;
  }

  get status(): SegmentBudgetStatus {
    return { segments: this.#segments };
  }

  /** Sets the current number of segments of all logs. */
  counted(segments: number): void {
    this.#segments = segments;
  }

  /** Size at which a segment is rolled, in bytes. */
  segmentBytesMax(configuredBytes: number): number {
    if (this.#segments < this.#segmentsMax) return configuredBytes;
    return Math.max(configuredBytes, LARGE_SEGMENT_BYTES);
  }
}
