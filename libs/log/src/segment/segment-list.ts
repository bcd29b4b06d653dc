import type { Offset } from '#protocol';
import { assert } from '#runtime';
import type { LogSegment } from './segment.js';

/**
 * The segments of a log in the order of their base offsets; the last one is the active one, which
 * receives appends. Never empty. Changes replace the array: an iteration continues over the array
 * that it began with.
 */
export class SegmentList {
  #segments: readonly LogSegment[];

  constructor(segments: readonly LogSegment[]) {
    assert(segments.length > 0, 'a log has at least one segment');
    this.#segments = segments;
  }

  get all(): readonly LogSegment[] {
    return this.#segments;
  }

  get first(): LogSegment {
    return this.#segments[0] as LogSegment;
  }

  get active(): LogSegment {
    return this.#segments.at(-1) as LogSegment;
  }

  get sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.sizeBytes;
    return bytes;
  }

  /**
   * Returns the segment that may hold `offset`: the last that begins at or below it, else the
   * first.
   */
  holding(offset: Offset): LogSegment {
    return this.#segments[Math.max(0, this.#firstAbove(offset) - 1)] as LogSegment;
  }

  /** Returns the next segment; undefined after the active one. */
  after(segment: LogSegment): LogSegment | undefined {
    return this.#segments[this.#firstAbove(segment.baseOffset)];
  }

  add(segment: LogSegment): void {
    assert(segment.baseOffset > this.active.baseOffset, 'a new segment follows the active one');
    this.#segments = [...this.#segments, segment];
  }

  /** Replaces every segment with a base offset in [from, to). */
  replace(from: Offset, to: Offset, replacements: readonly LogSegment[]): void {
    const kept = this.#segments.filter(({ baseOffset }) => baseOffset < from || baseOffset >= to);
    const segments = [...kept, ...replacements].toSorted((a, b) => a.baseOffset - b.baseOffset);
    assert(segments.length > 0, 'a log has at least one segment');
    this.#segments = segments;
  }

  /** Returns the index of the first segment with a base offset above `offset`. */
  #firstAbove(offset: Offset): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle] as LogSegment).baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
