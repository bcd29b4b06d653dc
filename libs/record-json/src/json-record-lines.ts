/**
 * Reads many lines of NDJSON as one record set, so that a stream of a million lines creates objects
 * per block and not per line.
 */
import { ProtocolError } from '#protocol';
import { JsonRecordParser, type RecordLimits } from './json-record-parser.js';
import type { LineBlock } from './ndjson-lines.js';
import { syntaxProblem } from './record-faults.js';
import { isBlockUtf8, lineTooLong, type RecordLines } from './record-lines.js';

/**
 * Reads a block of NDJSON lines into one record set, each line as `parseJsonRecord` does. A bad
 * line does not affect the others. The set's source is the block's bytes.
 * @param lineBytesMax for the error of a line that was too long to be read
 */
export function parseJsonRecordLines(
  block: LineBlock,
  limits: RecordLimits,
  lineBytesMax: number,
): RecordLines {
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
        ? lineTooLong(lineBytesMax)
        : tryTakeLine(parser, bytes, start, ends[index] as number, isAllUtf8);
    if (error === undefined) lines.push(line);
    else failures.push({ line, error });
  });
  return { records: parser.recordSet(), lines, failures };
}

/** Reads the record of a line; adds nothing when it is faulty. */
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
