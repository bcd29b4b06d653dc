/** Numbers for metrics. */
export interface SegmentBudgetStatus {
  /** Segments of all logs when they were last counted. */
  readonly segments: number;
}

/** Where there are too many segments, one is filled up to this size before the next is begun. */
const LARGE_SEGMENT_BYTES = 256 * 1024 * 1024;

/**
 * Bounds the segments of all logs, each of which takes memory: a topic with a small `segment.bytes`
 * makes one of every batch. Over the bound nothing is refused; segments become larger than their
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

  /** Segments of all logs as they are now. */
  counted(segments: number): void {
    this.#segments = segments;
  }

  /** Size at which a segment is rolled, in bytes. */
  segmentBytesMax(configuredBytes: number): number {
    if (this.#segments < this.#segmentsMax) return configuredBytes;
    return Math.max(configuredBytes, LARGE_SEGMENT_BYTES);
  }
}
