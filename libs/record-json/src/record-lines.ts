/** Records of the lines of a stream, in any form. */
import { isUtf8 } from 'node:buffer';
import { ProtocolError, type RecordSet } from '#protocol';
import type { LineBlock } from './ndjson-lines.js';

/**
 * The lines of a block that are records, and the faults of the others. Both in the order of lines.
 */
export interface RecordLines {
  readonly records: RecordSet;
  /** Number of each record's line. */
  readonly lines: readonly number[];
  readonly failures: readonly { readonly line: number; readonly error: ProtocolError }[];
}

/**
 * True when all lines of a block are UTF-8: checked together, because a call per line costs more.
 */
export function isBlockUtf8({ bytes, starts, ends }: LineBlock): boolean {
  const first = starts.find((start) => start >= 0);
  const last = ends.findLast((end) => end >= 0);
  return first === undefined || isUtf8(bytes.subarray(first, last));
}

export function lineTooLong(lineBytesMax: number): ProtocolError {
  return new ProtocolError('MESSAGE_TOO_LARGE', `A line has at most ${lineBytesMax} bytes.`, {
    faults: [{ pointer: '', detail: `a line has at most ${lineBytesMax} bytes` }],
    members: { lineBytesMax },
  });
}
