import { RECORD_STRIDE, type RecordSet } from '#protocol';
import type { RecordBatch } from '../record-batch/record-batch.js';
import { RecordCursor } from '../record-batch/record-cursor.js';
import { VarintReader, varintSizeBytes, writeVarint } from '../record-batch/varint.js';

/** A record as a test writes it down; texts are UTF-8. */
export interface PlainRecord {
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: readonly PlainHeader[];
  /** -1: the time of the request. */
  readonly timestamp?: number;
  readonly attributes?: number;
}

export type PlainHeader = readonly [key: string, value: string | Buffer | null];

/**
 * A record as it was read; bytes as latin1 text, a character a byte: cheap to compare and to print.
 */
export interface ReadRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly attributes: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly [key: string, value: string | null][];
}

/**
 * A record set of these records: keys and values in `source`, headers in `decoded`, or with
 * `inDecoded` everything in `decoded`. Bytes between the spans belong to none of them.
 */
export function recordSetOf(records: readonly PlainRecord[], inDecoded = false): RecordSet {
  const source: Buffer[] = [];
  const decoded: Buffer[] = [];
  const fields: number[] = [];
  const sourceLength = inDecoded
    ? 0
    : records.reduce((sum, { key, value }) => sum + spanBytes(key) + spanBytes(value), 0);
  let sourceAt = 0;
  let decodedAt = sourceLength;

  const add = (content: string | Buffer | null, toDecoded: boolean): [number, number] => {
    if (content === null) return [-1, -1];
    const bytes = Buffer.from(content);
    (toDecoded ? decoded : source).push(bytes, Buffer.from('|'));
    const start = toDecoded ? decodedAt : sourceAt;
    if (toDecoded) decodedAt += bytes.length + 1;
    else sourceAt += bytes.length + 1;
    return [start, start + bytes.length];
  };

  for (const { key, value, headers = [], timestamp = -1, attributes = 0 } of records) {
    const valueSpan = add(value, inDecoded);
    const keySpan = add(key, inDecoded);
    const headersSpan = headers.length === 0 ? [0, 0] : add(headersBytes(headers), true);
    fields.push(
      ...valueSpan,
      ...keySpan,
      ...headersSpan,
      headers.length,
      attributes,
      -1,
      timestamp,
    );
  }
  if (fields.length !== records.length * RECORD_STRIDE) throw new Error('the stride has changed');
  return {
    source: Buffer.concat(source),
    decoded: Buffer.concat(decoded),
    count: records.length,
    fields,
  };
}

/** All records of a batch, as the cursor reads them. */
export function readRecords(batch: RecordBatch): ReadRecord[] {
  const cursor = new RecordCursor(batch);
  const records: ReadRecord[] = [];
  while (cursor.next()) {
    const { offset, timestamp, attributes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    const key = textOf(cursor.bytes, keyStart, keyEnd);
    const value = textOf(cursor.bytes, valueStart, valueEnd);
    records.push({ offset, timestamp, attributes, key, value, headers: readHeaders(cursor) });
  }
  return records;
}

function readHeaders(cursor: RecordCursor): [string, string | null][] {
  const reader = new VarintReader(cursor.bytes, cursor.headersStart, cursor.headersEnd);
  return Array.from({ length: cursor.headerCount }, () => {
    const key = readSpan(cursor.bytes, reader);
    return [key ?? '', readSpan(cursor.bytes, reader)];
  });
}

function readSpan(bytes: Buffer, reader: VarintReader): string | null {
  const length = reader.readVarint();
  if (length < 0) return null;
  reader.position += length;
  return textOf(bytes, reader.position - length, reader.position);
}

function textOf(bytes: Buffer, start: number, end: number): string | null {
  return start < 0 ? null : bytes.toString('latin1', start, end);
}

function spanBytes(content: string | Buffer | null): number {
  return content === null ? 0 : Buffer.byteLength(content) + 1;
}

function headersBytes(headers: readonly PlainHeader[]): Buffer {
  return Buffer.concat(headers.flatMap(([key, value]) => [prefixed(key), prefixed(value)]));
}

function prefixed(content: string | Buffer | null): Buffer {
  const bytes = content === null ? Buffer.alloc(0) : Buffer.from(content);
  const length = content === null ? -1 : bytes.length;
  const prefix = Buffer.alloc(varintSizeBytes(length));
  writeVarint(prefix, 0, length);
  return Buffer.concat([prefix, bytes]);
}
