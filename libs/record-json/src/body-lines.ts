/**
 * A whole body of lines as one record set: each line is the value of one record, as in a stream of
 * lines (`?lines=value` and `?lines=text`).
 */
import { isUtf8 } from 'node:buffer';
import { ProtocolError, RECORD_VALUE_IS_JSON, type RecordSet } from '#protocol';
import type { SlicedWork } from '#runtime';
import { isJsonInSlices } from './json-text.js';
import { AT_ONCE_BYTES_MAX, SLICE_BYTES } from './slices.js';
import { isJsonLine } from './value-lines.js';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** Lines that one slice reads, empty ones included. */
const SLICE_LINES = 4096;

export interface BodyLineOptions {
  /** Key of every record; undefined: records without a key. */
  readonly key: string | undefined;
  readonly partition: number | undefined;
  /** Lines that are JSON are text, too. */
  readonly areText: boolean;
  readonly recordsMax: number;
}

/** Records with the number of the line of each, from 1. */
export interface LineRecords extends RecordSet {
  readonly lines: readonly number[];
}

/**
 * Makes a record of each line that is not empty. The set's source is the body.
 * @throws ProtocolError INVALID_REQUEST without a line, REQUEST_TOO_LARGE for too many
 */
export function* bodyLines(body: Buffer, options: BodyLineOptions): SlicedWork<LineRecords> {
  const { key, partition = -1, areText, recordsMax } = options;
  const decoded = key === undefined ? NOTHING : Buffer.from(key);
  const keyStart = key === undefined ? -1 : body.length;
  const keyEnd = key === undefined ? -1 : body.length + decoded.length;
  const isAllUtf8 = !areText && isUtf8(body);
  const fields: number[] = [];
  const lines: number[] = [];
  let sliceEnd = SLICE_BYTES;
  for (let start = 0, number = 1; start < body.length; number += 1) {
    const feed = body.indexOf(NEWLINE, start);
    const end = feed < 0 ? body.length : lineEnd(body, start, feed);
    if (end > start) {
      if (lines.length >= recordsMax) throw tooManyLines(recordsMax);
      const isJson = !areText && (yield* isJsonSpan(body, start, end, isAllUtf8));
      const attributes = isJson ? RECORD_VALUE_IS_JSON : 0;
      // In the order of the FIELD_* places.
      fields.push(start, end, keyStart, keyEnd, 0, 0, 0, attributes, partition, -1);
      lines.push(number);
    }
    start = feed < 0 ? body.length : feed + 1;
    if (start < sliceEnd && number % SLICE_LINES !== 0) continue;
    sliceEnd = start + SLICE_BYTES;
    yield;
  }
  if (lines.length === 0) throw noLines();
  return { source: body, decoded, count: lines.length, fields, lines };
}

function* isJsonSpan(
  body: Buffer,
  start: number,
  end: number,
  isKnownUtf8: boolean,
): SlicedWork<boolean> {
  if (end - start > AT_ONCE_BYTES_MAX) return yield* isJsonInSlices(body.subarray(start, end));
  return isJsonLine(body, start, end, isKnownUtf8);
}

/** Returns the end of the line before the newline at `feed`. */
function lineEnd(body: Buffer, start: number, feed: number): number {
  return feed > start && body[feed - 1] === CARRIAGE_RETURN ? feed - 1 : feed;
}

function tooManyLines(recordsMax: number): ProtocolError {
  const bound = 'SLUICE_RECORDS_PER_REQUEST_MAX';
  const detail = `a request has at most ${recordsMax} records (${bound})`;
  return new ProtocolError('REQUEST_TOO_LARGE', `The body has too many lines: ${detail}.`, {
    faults: [{ pointer: '', detail }],
    bound,
  });
}

function noLines(): ProtocolError {
  const detail = 'a body of lines has at least one that is not empty';
  return new ProtocolError('INVALID_REQUEST', `The body has no record: ${detail}.`, {
    faults: [{ pointer: '', detail }],
  });
}

const NOTHING = Buffer.alloc(0);
