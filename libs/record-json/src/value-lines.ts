/**
 * Lines of text, many at a time, as one record set: each line is the value of one record as it
 * stands (`?lines=value`). A line that is one JSON text is marked as JSON; nothing is changed in
 * it.
 */
import { isUtf8 } from 'node:buffer';
import { type ProtocolError, RECORD_VALUE_IS_JSON } from '#protocol';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.js';
import { JsonProbe, NOT_JSON } from './json-probe.js';
import type { LineBlock } from './ndjson-lines.js';
import { isBlockUtf8, lineTooLong, type RecordLines } from './record-lines.js';

/** The longest of true, false and null. */
const LITERAL_LENGTH_MAX = 5;
const NO_KEY = Buffer.alloc(0);

const IS_NUMBER_BYTE = new Uint8Array(256);
for (const byte of Buffer.from('0123456789+-.eE')) IS_NUMBER_BYTE[byte] = 1;

/** Bytes that an element may begin with, but for numbers; and the end of an empty array. */
const BEGINS_ELEMENT = new Uint8Array(256);
for (const byte of Buffer.from('"{[tfn]')) BEGINS_ELEMENT[byte] = 1;

/** One serves all: scanning is synchronous. */
const probe = new JsonProbe();

/**
 * Makes a record of each line of a block. The set's source is the block's bytes.
 * @param key of every record, stored as its UTF-8 bytes; undefined: records without a key
 * @param lineBytesMax for the sentence about a line that was too long to be there
 * @param isJson whether all lines are JSON, where that is known: it was checked in slices
 */
export function valueLines(
  block: LineBlock,
  key: string | undefined,
  lineBytesMax: number,
  isJson?: boolean,
): RecordLines {
  const { bytes, starts, ends } = block;
  const isAllUtf8 = isJson === undefined && isBlockUtf8(block);
  const decoded = key === undefined ? NO_KEY : Buffer.from(key);
  const keyStart = key === undefined ? -1 : bytes.length;
  const keyEnd = key === undefined ? -1 : bytes.length + decoded.length;
  const fields: number[] = [];
  const lines: number[] = [];
  const failures: { line: number; error: ProtocolError }[] = [];
  block.lines.forEach((line, index) => {
    const start = starts[index] as number;
    const end = ends[index] as number;
    if (start < 0) {
      failures.push({ line, error: lineTooLong(lineBytesMax) });
      return;
    }
    const isMarked = isJson ?? isJsonLine(bytes, start, end, isAllUtf8);
    const attributes = isMarked ? RECORD_VALUE_IS_JSON : 0;
    // In the order of the FIELD_* places.
    fields.push(start, end, keyStart, keyEnd, 0, 0, 0, attributes, -1, -1);
    lines.push(line);
  });
  return { records: { source: bytes, decoded, count: lines.length, fields }, lines, failures };
}

/**
 * True when the bytes from `start` up to `end` are one JSON text; `end` is the end of a line or of
 * all.
 */
export function isJsonLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  isKnownUtf8: boolean,
): boolean {
  probe.reset(bytes, start, end);
  const first = probe.skipWhitespace(start);
  if (!canBeJson(bytes, first, end)) return false;
  if (!isKnownUtf8 && !isUtf8(bytes.subarray(start, end))) return false;
  try {
    probe.assertEnd(probe.skipValue(first));
    return true;
  } catch (error) {
    if (error === NOT_JSON) return false;
    throw error;
  }
}

/**
 * Tells most lines of a log from JSON by their beginning and their last character: a date, an
 * address or a word in brackets is not JSON.
 */
function canBeJson(bytes: Uint8Array, first: number, end: number): boolean {
  let last = end - 1;
  while (last > first && (bytes[last] as number) <= 0x20) last -= 1;
  const closing = bytes[last] as number;
  switch (bytes[first] as number) {
    case OPEN_BRACE:
      return closing === CLOSE_BRACE;
    case OPEN_BRACKET:
      return closing === CLOSE_BRACKET && canBeElement(bytes, probe.skipWhitespace(first + 1));
    case QUOTE:
      return closing === QUOTE;
    case LOWER_T:
    case LOWER_F:
    case LOWER_N:
      return last - first < LITERAL_LENGTH_MAX;
    default:
      return skipNumberBytes(bytes, first) === last + 1;
  }
}

/**
 * True when the bytes after an opening bracket can be the first element, or the closing bracket.
 */
function canBeElement(bytes: Uint8Array, position: number): boolean {
  const byte = bytes[position] as number;
  if (IS_NUMBER_BYTE[byte] !== 1) return BEGINS_ELEMENT[byte] === 1;
  const after = bytes[skipNumberBytes(bytes, position)] as number;
  return after <= 0x20 || after === COMMA || after === CLOSE_BRACKET;
}

function skipNumberBytes(bytes: Uint8Array, start: number): number {
  let position = start;
  while (IS_NUMBER_BYTE[bytes[position] as number] === 1) position += 1;
  return position;
}
