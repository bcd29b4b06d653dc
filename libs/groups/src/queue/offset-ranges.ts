import type { Offset } from '#protocol';

/**
 * Ranges of offsets as a flat list: the first and the last offset of each range. Ranges ascend,
 * do not overlap, and are as few as possible. A list costs two numbers per range in memory and in
 * the log.
 */
export type OffsetRanges = readonly number[];

/** The ranges of some offsets, which may come in any order; repeated ones count once. */
export function rangesOf(offsets: readonly Offset[]): OffsetRanges {
  const ranges: number[] = [];
  for (const offset of ascending(offsets)) {
    const last = ranges.at(-1);
    if (last === offset) continue;
    if (last !== undefined && last + 1 === offset) ranges[ranges.length - 1] = offset;
    else ranges.push(offset, offset);
  }
  return ranges;
}

/** All offsets of the ranges, ascending. */
export function* offsetsIn(ranges: OffsetRanges): Iterable<Offset> {
  for (const [first, last] of boundsOf(ranges)) {
    for (let offset = first; offset <= last; offset += 1) yield offset;
  }
}

/** First and last offset of each range, ascending. */
export function* boundsOf(ranges: OffsetRanges): Iterable<readonly [first: Offset, last: Offset]> {
  for (let at = 0; at + 1 < ranges.length; at += 2) {
    yield [ranges[at] as number, ranges[at + 1] as number];
  }
}

/** Number of offsets in the ranges. */
export function offsetCountOf(ranges: OffsetRanges): number {
  let count = 0;
  for (const [first, last] of boundsOf(ranges)) count += last - first + 1;
  return count;
}

/** The same list where it ascends already, as it does in most cases. */
function ascending(offsets: readonly Offset[]): readonly Offset[] {
  for (let at = 1; at < offsets.length; at += 1) {
    if ((offsets[at] as number) < (offsets[at - 1] as number)) {
      return offsets.toSorted((left, right) => left - right);
    }
  }
  return offsets;
}
