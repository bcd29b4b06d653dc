/**
 * Reads bodies of records that are too large to be read at once: the same records, faults and
 * errors as in json-records.ts, in slices.
 *
 * A record is read at once when it ends within a window of bytes; nearly every one does. A longer
 * one is read again member by member: each value is scanned in slices, and then stored.
 */
import type { RecordSet } from '#protocol';
import { type SlicedWork } from '#runtime';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.js';
import { JsonRecordParser, type RecordLimits } from './json-record-parser.js';
import {
  addOtherMemberFault,
  addWrongBodyFault,
  beginsWithRecords,
  finishRecords,
  RECORDS_POINTER,
  recordListStart,
  tooManyRecords,
} from './json-records.js';
import { JsonSyntaxError } from './json-syntax-error.js';
import { syntaxProblem } from './record-faults.js';
import { isDecodedMember, RECORDS_MEMBER } from './record-members.js';
import { SLICE_BYTES } from './slices.js';

/** Bytes of the window; a longer record is read member by member. */
const WINDOW_BYTES = 256 * 1024;

/** Text bytes of a record that are decoded, per byte that a batch may have. */
const TEXT_BYTES_PER_BYTE = 4;

/**
 * Reads a body like `parseJsonRecords`, in slices.
 * @throws ProtocolError as `parseJsonRecords` does
 */
export function* parseLargeBody(body: Uint8Array, limits: RecordLimits): SlicedWork<RecordSet> {
  const parser = new JsonRecordParser(limits);
  parser.turnTo(body, 0, body.length);
  try {
    parser.scanner.assertUtf8();
    yield;
    yield* parseBody(parser, body);
  } catch (error) {
    throw syntaxProblem(error, 'The body');
  }
  return finishRecords(parser);
}

/**
 * Reads one record like `parseJsonRecord`, in slices.
 * @param line valid UTF-8 or not
 * @throws ProtocolError as `parseJsonRecord` does
 */
export function* parseLargeLine(line: Uint8Array, limits: RecordLimits): SlicedWork<RecordSet> {
  const parser = new JsonRecordParser(limits);
  parser.turnTo(line, 0, line.length);
  const { scanner } = parser;
  try {
    scanner.assertUtf8();
    scanner.assertEnd(yield* parseLargeRecord(parser, scanner.skipWhitespace(0)));
  } catch (error) {
    throw syntaxProblem(error, 'The line');
  }
  return finishRecords(parser);
}

function* parseBody(parser: JsonRecordParser, body: Uint8Array): SlicedWork<void> {
  const { scanner } = parser;
  const position = scanner.skipWhitespace(0);
  yield;
  if (scanner.byteAt(position) !== OPEN_BRACE) {
    yield* scanner.scanAhead(position);
    scanner.assertEnd(scanner.skipValue(position));
    addWrongBodyFault(parser);
    return;
  }
  if (beginsWithRecords(parser, position)) {
    scanner.assertEnd(yield* parseEnvelope(parser, position));
    return;
  }
  scanner.assertEnd(yield* parseLargeRecord(parser, position));
  if (!parser.hasSeen(RECORDS_MEMBER)) return;
  // The members before "records" are faults already: the list is read all the same, so that its
  // faults get their pointers.
  const secondParser = new JsonRecordParser(parser.limits);
  secondParser.turnTo(body, 0, body.length);
  yield* parseEnvelope(secondParser, position);
  finishRecords(secondParser);
}

/** @returns the position after `{"records": [...]}` */
function* parseEnvelope(parser: JsonRecordParser, position: number): SlicedWork<number> {
  const { scanner } = parser;
  let hasRecords = false;
  let byteIndex = scanner.skipWhitespace(position + 1);
  for (;;) {
    const nameAt = byteIndex;
    if (scanner.byteAt(nameAt) === QUOTE) yield* scanner.scanAhead(nameAt);
    const member = parser.memberAt(nameAt);
    byteIndex = scanner.skipColon(parser.nameEnd);
    if (member === RECORDS_MEMBER && !hasRecords) {
      hasRecords = true;
      byteIndex = yield* parseLargeList(parser, byteIndex, RECORDS_POINTER);
    } else {
      addOtherMemberFault(parser, member, nameAt);
      yield* scanner.scanAhead(byteIndex);
      byteIndex = scanner.skipValue(byteIndex);
    }
    byteIndex = scanner.skipWhitespace(byteIndex);
    const byte = scanner.byteAt(byteIndex);
    if (byte === CLOSE_BRACE) return byteIndex + 1;
    if (byte !== COMMA) scanner.fail(byteIndex, '"," or "}"');
    byteIndex = scanner.skipWhitespace(byteIndex + 1);
  }
}

/** Reads a list of records like `parseRecordList`, in slices. */
export function* parseLargeList(
  parser: JsonRecordParser,
  position: number,
  pointer: string,
): SlicedWork<number> {
  const { scanner, limits } = parser;
  if (scanner.byteAt(position) !== OPEN_BRACKET) yield* scanner.scanAhead(position);
  let byteIndex = recordListStart(parser, position, pointer);
  if (byteIndex < 0) return -byteIndex;
  let sliceEnd = byteIndex + SLICE_BYTES;
  for (let found = 1; ; found += 1) {
    if (found > limits.recordsMax) throw tooManyRecords(parser, pointer);
    const end = tryParseWithin(parser, byteIndex);
    byteIndex = scanner.skipWhitespace(end < 0 ? yield* parseLargeRecord(parser, byteIndex) : end);
    const byte = scanner.byteAt(byteIndex);
    if (byte === CLOSE_BRACKET) return byteIndex + 1;
    if (byte !== COMMA) scanner.fail(byteIndex, '"," or "]"');
    byteIndex = scanner.skipWhitespace(byteIndex + 1);
    if (byteIndex <= sliceEnd) continue;
    yield;
    sliceEnd = byteIndex + SLICE_BYTES;
  }
}

/** @returns the position after the record, or -1 when it does not end within the window */
function tryParseWithin(parser: JsonRecordParser, position: number): number {
  const { scanner } = parser;
  const { bytes, start, end } = scanner;
  const windowEnd = position + WINDOW_BYTES;
  if (windowEnd >= end) return parser.parseRecord(position);
  const mark = parser.mark();
  scanner.reset(bytes, position, windowEnd);
  try {
    const recordEnd = parser.parseRecord(position);
    if (recordEnd < windowEnd) return recordEnd;
  } catch (error) {
    // A syntax error within the window is found again, with its position in the whole body.
    if (!(error instanceof JsonSyntaxError)) throw error;
  } finally {
    scanner.reset(bytes, start, end);
  }
  parser.rewind(mark);
  return -1;
}

/** Reads the record at `position` member by member. */
function* parseLargeRecord(parser: JsonRecordParser, position: number): SlicedWork<number> {
  const { scanner } = parser;
  if (scanner.byteAt(position) !== OPEN_BRACE) {
    yield* scanner.scanAhead(position);
    return parser.parseRecord(position);
  }
  parser.beginRecord();
  let byteIndex = scanner.skipWhitespace(position + 1);
  if (scanner.byteAt(byteIndex) === CLOSE_BRACE) {
    byteIndex += 1;
  } else {
    let sliceEnd = byteIndex + SLICE_BYTES;
    for (;;) {
      byteIndex = scanner.skipWhitespace(yield* parseLargeMember(parser, byteIndex));
      const byte = scanner.byteAt(byteIndex);
      byteIndex += 1;
      if (byte === CLOSE_BRACE) break;
      if (byte !== COMMA) scanner.fail(byteIndex - 1, '"," or "}"');
      byteIndex = scanner.skipWhitespace(byteIndex);
      if (byteIndex <= sliceEnd) continue;
      yield;
      sliceEnd = byteIndex + SLICE_BYTES;
    }
  }
  parser.endRecord();
  return byteIndex;
}

function* parseLargeMember(parser: JsonRecordParser, nameAt: number): SlicedWork<number> {
  const { scanner } = parser;
  if (scanner.byteAt(nameAt) === QUOTE) yield* scanner.scanAhead(nameAt);
  const member = parser.memberAt(nameAt);
  const valueAt = scanner.skipColon(parser.nameEnd);
  yield* scanner.scanAhead(valueAt);
  const { batchBytesMax = Number.POSITIVE_INFINITY } = parser.limits;
  const end = scanner.skipValue(valueAt);
  if (isDecodedMember(member) && end - valueAt > batchBytesMax * TEXT_BYTES_PER_BYTE) {
    parser.refuseMember(member, nameAt, `is too large: max.message.bytes is ${batchBytesMax}`);
    return end;
  }
  return parser.parseMember(member, nameAt, valueAt);
}
