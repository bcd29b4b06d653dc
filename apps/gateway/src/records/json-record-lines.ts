/**
 * Lines of NDJSON, many at a time, as one record set: a stream of a million lines makes objects by
 * the chunk, not by the line.
 */
import { isUtf8 } from 'node:buffer';
import { ProtocolError, type RecordSet } from '#protocol';
import { JsonRecordParser, type RecordLimits } from './json-record-parser.js';
import type { LineBlock } from './ndjson-lines.js';
import { syntaxProblem } from './record-faults.js';

/**
 * The lines of a block that are records, and why the others are not. Both in the order of lines.
 */
export interface JsonRecordLines {
  readonly records: RecordSet;
  /** Number of each record's line. */
  readonly lines: readonly number[];
  readonly failures: readonly { readonly line: number; readonly error: ProtocolError }[];
}

/**
 * Reads a block of NDJSON lines into one record set, each line as `parseJsonRecord` does. One
 * bad line does not end the rest. The set's source is the block's bytes.
 * @param lineBytesMax for the sentence about a line that was too long to be there
 */
export function parseJsonRecordLines(
  block: LineBlock,
  limits: RecordLimits,
  lineBytesMax: number,
): JsonRecordLines {
  const { bytes, starts, ends } = block;
  const parser = new JsonRecordParser(limits);
  parser.turnTo(bytes, 0, 0);
  const isAllUtf8 = isBlockUtf8(block);
  const lines: number[] = [];
  const failures: { line: number; error: ProtocolError }[] = [];
  block.lines.forEach((line, index) => {
    const start = starts[index] as number;
    const error =
      start < 0
        ? tooLong(lineBytesMax)
        : tryTakeLine(parser, bytes, start, ends[index] as number, isAllUtf8);
    if (error === undefined) lines.push(line);
    else failures.push({ line, error });
  });
  return { records: parser.recordSet(), lines, failures };
}

/**
 * Whether all lines of a block are UTF-8: looked at in one go, for one call costs more than a line.
 */
function isBlockUtf8({ bytes, starts, ends }: LineBlock): boolean {
  const first = starts.find((start) => start >= 0);
  const last = ends.findLast((end) => end >= 0);
  return first === undefined || isUtf8(bytes.subarray(first, last));
}

/** Takes the record that a line is; nothing of it when it is none. */
function tryTakeLine(
  parser: JsonRecordParser,
  bytes: Buffer,
  start: number,
  end: number,
  isKnownUtf8: boolean,
): ProtocolError | undefined {
  const { count, decodedBytes } = parser;
  try {
    parser.turnTo(bytes, start, end);
    if (!isKnownUtf8) parser.scanner.assertUtf8();
    parser.parseWholeText();
    if (parser.faults.count === 0) return undefined;
    const error = parser.faults.toError();
    parser.goBackTo(count, decodedBytes);
    return error;
  } catch (error) {
    parser.goBackTo(count, decodedBytes);
    const problem = syntaxProblem(error, 'The line');
    if (problem instanceof ProtocolError) return problem;
    throw problem;
  }
}

function tooLong(lineBytesMax: number): ProtocolError {
  return new ProtocolError('MESSAGE_TOO_LARGE', `A line has at most ${lineBytesMax} bytes.`, {
    members: { lineBytesMax },
  });
}
