/**
 * Bodies and lines of records in JSON, as record sets. A text with a fault yields no records.
 *
 * All functions throw ProtocolError with every fault and its pointer: INVALID_REQUEST when the text
 * is not JSON (members `position`, `line`, `column`) or has the wrong shape; REQUEST_TOO_LARGE for
 * too many records; INVALID_RECORD; INVALID_TIMESTAMP when only timestamps are at fault.
 */
import type { ProtocolError, RecordSet } from '#protocol';
import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, OPEN_BRACE, OPEN_BRACKET } from './json-bytes.js';
import { JsonRecordParser, type RecordLimits } from './json-record-parser.js';
import { memberPointer, quotedName, syntaxProblem } from './record-faults.js';
import { RECORDS_MEMBER } from './record-members.js';

/** Pointer to the list of records of a body. */
export const RECORDS_POINTER = '/records';
/** Number of the body as an object; its records have numbers from 0. */
const ENVELOPE_OBJECT = -1;

/**
 * Reads a body of `{"records": [...]}`, or of a single record. The set's source is `body` itself:
 * values stay in place, so that the body must not change until its records are encoded.
 * @throws ProtocolError, see above
 */
export function parseJsonRecords(body: Uint8Array, limits: RecordLimits): RecordSet {
  try {
    return parseBody(body, limits);
  } catch (error) {
    throw syntaxProblem(error, 'The body');
  }
}

/**
 * Reads exactly one record, the line of NDJSON.
 * @throws ProtocolError, see above
 */
export function parseJsonRecord(line: Uint8Array, limits: RecordLimits): RecordSet {
  const parser = new JsonRecordParser(limits);
  parser.turnTo(line, 0, line.length);
  try {
    parser.scanner.assertUtf8();
    parser.parseWholeText();
  } catch (error) {
    throw syntaxProblem(error, 'The line');
  }
  return finishRecords(parser);
}

/** True when a faultless body is a single record and not a list of them. */
export function isOneRecord(body: Uint8Array, limits: RecordLimits): boolean {
  const parser = new JsonRecordParser(limits);
  parser.turnTo(body, 0, body.length);
  return !beginsWithRecords(parser, parser.scanner.skipWhitespace(0));
}

function parseBody(body: Uint8Array, limits: RecordLimits): RecordSet {
  const parser = new JsonRecordParser(limits);
  parser.turnTo(body, 0, body.length);
  const { scanner } = parser;
  scanner.assertUtf8();
  const position = scanner.skipWhitespace(0);
  if (scanner.byteAt(position) !== OPEN_BRACE) {
    scanner.assertEnd(scanner.skipValue(position));
    addWrongBodyFault(parser);
  } else if (beginsWithRecords(parser, position)) {
    scanner.assertEnd(parseEnvelope(parser, position));
  } else {
    parser.parseWholeText();
    // The members before "records" are faults already: the list is read all the same, so that its
    // faults get their pointers.
    if (parser.hasSeen(RECORDS_MEMBER)) {
      const secondParser = new JsonRecordParser(limits);
      secondParser.turnTo(body, 0, body.length);
      parseEnvelope(secondParser, position);
      return finishRecords(secondParser);
    }
  }
  return finishRecords(parser);
}

/** Adds the fault that the body is not an object. */
export function addWrongBodyFault({ faults }: JsonRecordParser): void {
  faults.add('shape', '', 'the body is an object: {"records": [...]}, or one record');
}

/** True when the first member of the object at `position` is the list of records. */
export function beginsWithRecords(parser: JsonRecordParser, position: number): boolean {
  const byteIndex = parser.scanner.skipWhitespace(position + 1);
  return (
    parser.scanner.byteAt(byteIndex) !== CLOSE_BRACE &&
    parser.memberAt(byteIndex) === RECORDS_MEMBER
  );
}

/** @returns the position after `{"records": [...]}` */
function parseEnvelope(parser: JsonRecordParser, position: number): number {
  const { scanner } = parser;
  let hasRecords = false;
  let byteIndex = scanner.skipWhitespace(position + 1);
  for (;;) {
    const nameAt = byteIndex;
    const member = parser.memberAt(nameAt);
    byteIndex = scanner.skipColon(parser.nameEnd);
    if (member === RECORDS_MEMBER && !hasRecords) {
      hasRecords = true;
      byteIndex = parseRecordList(parser, byteIndex, RECORDS_POINTER);
    } else {
      addOtherMemberFault(parser, member, nameAt);
      byteIndex = scanner.skipValue(byteIndex);
    }
    byteIndex = scanner.skipWhitespace(byteIndex);
    const byte = scanner.byteAt(byteIndex);
    if (byte === CLOSE_BRACE) return byteIndex + 1;
    if (byte !== COMMA) scanner.fail(byteIndex, '"," or "}"');
    byteIndex = scanner.skipWhitespace(byteIndex + 1);
  }
}

/** Adds the fault of a member of the body that is not a list of records, or that is repeated. */
export function addOtherMemberFault(
  parser: JsonRecordParser,
  member: number,
  nameAt: number,
): void {
  const { faults } = parser;
  if (faults.isFull) {
    faults.countOne('shape');
  } else {
    const name = parser.nameAt(nameAt);
    const fault = member === RECORDS_MEMBER ? 'repeated member' : 'unknown member';
    faults.add('shape', memberPointer('', name), `${fault} ${quotedName(name)} beside "records"`);
  }
  faults.countMember(ENVELOPE_OBJECT);
}

/**
 * Reads the list of records at `position`; its faults are collected, not thrown.
 * @param pointer to the list, from the root of the text
 * @returns the position after the list
 * @throws JsonSyntaxError
 * @throws ProtocolError with the faults so far, for too many records
 */
export function parseRecordList(
  parser: JsonRecordParser,
  position: number,
  pointer: string,
): number {
  const { scanner, limits } = parser;
  let byteIndex = recordListStart(parser, position, pointer);
  if (byteIndex < 0) return -byteIndex;
  let found = 0;
  for (;;) {
    found += 1;
    if (found > limits.recordsMax) throw tooManyRecords(parser, pointer);
    byteIndex = parser.parseRecord(byteIndex);
    byteIndex = scanner.skipWhitespace(byteIndex);
    const byte = scanner.byteAt(byteIndex);
    if (byte === CLOSE_BRACKET) break;
    if (byte !== COMMA) scanner.fail(byteIndex, '"," or "]"');
    byteIndex = scanner.skipWhitespace(byteIndex + 1);
  }
  return byteIndex + 1;
}

/**
 * Begins the list of records at `position`.
 * @returns the position of its first record; without one, the position after the value, negated
 */
export function recordListStart(
  parser: JsonRecordParser,
  position: number,
  pointer: string,
): number {
  const { scanner, faults } = parser;
  if (scanner.byteAt(position) !== OPEN_BRACKET) {
    faults.add('shape', pointer, '"records" is a list of records');
    return -scanner.skipValue(position);
  }
  const byteIndex = scanner.skipWhitespace(position + 1);
  if (scanner.byteAt(byteIndex) === CLOSE_BRACKET) {
    faults.add('shape', pointer, '"records" has at least one record');
    return -(byteIndex + 1);
  }
  parser.listPointer = pointer;
  return byteIndex;
}

/** The error of a list with more records than a request may have. */
export function tooManyRecords(
  { faults, limits }: JsonRecordParser,
  pointer: string,
): ProtocolError {
  const bound = 'SLUICE_RECORDS_PER_REQUEST_MAX';
  faults.add('count', pointer, `a request has at most ${limits.recordsMax} records (${bound})`);
  faults.exceeded = bound;
  return faults.toError();
}

/** @throws ProtocolError with the faults, if there are any */
export function finishRecords(parser: JsonRecordParser): RecordSet {
  if (parser.faults.count > 0) throw parser.faults.toError();
  return parser.recordSet();
}
