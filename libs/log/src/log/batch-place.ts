import type { Offset } from '#protocol';
import type { LogState } from './log-state.js';

/** The offsets at which a batch may stand. */
export interface BatchPlaceBounds {
  /** Offset after the batch before it. */
  readonly expected: Offset;
  /** Offset at which the next segment begins, or the end of the log. */
  readonly upper: Offset;
}

/**
 * True when a batch may stand where it was read. Its CRC does not cover its base offset: the
 * offsets around it show whether that is right.
 */
export function isInPlace(
  { denseFrom }: Pick<LogState, 'denseFrom'>,
  { baseOffset, lastOffset }: { readonly baseOffset: Offset; readonly lastOffset: Offset },
  { expected, upper }: BatchPlaceBounds,
): boolean {
  if (lastOffset >= upper) return false;
  return baseOffset === expected || (baseOffset > expected && expected < denseFrom);
}
