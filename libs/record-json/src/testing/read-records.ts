/** Reads record sets back, for tests: spans as text, headers as objects. */
import { expect } from 'vitest';
import { VarintReader } from '#log';
import {
  FIELD_ATTRIBUTES,
  FIELD_HEADER_COUNT,
  FIELD_HEADERS_START,
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
  FIELD_VALUE_START,
  ProtocolError,
  RECORD_STRIDE,
  type RecordSet,
} from '#protocol';
import { recordSpan } from '#protocol/testing';
import { parseJsonRecords } from '../json-records.js';

export const LIMITS = {
  recordsMax: 1000,
  headersPerRecordMax: 5,
  faultyMembersMax: 50,
  nowMs: () => 1_000,
};

interface Header {
  key: string;
  value: string | null;
}

/** A record of a set, its bytes as latin1 text. */
export interface ReadRecord {
  value: string | null;
  key: string | null;
  headers: Header[];
  attributes: number;
  partition: number;
  timestamp: number;
}

/** All records of a set. */
export function read(set: RecordSet): ReadRecord[] {
  expect(set.fields.length).toBe(set.count * RECORD_STRIDE);
  return Array.from({ length: set.count }, (_, index) => {
    const field = (place: number) => set.fields[index * RECORD_STRIDE + place] as number;
    const bytes = (place: number) => {
      const span = recordSpan(set, index, place);
      return span === undefined ? null : Buffer.from(span).toString('latin1');
    };
    return {
      value: bytes(FIELD_VALUE_START),
      key: bytes(FIELD_KEY_START),
      headers: readHeaders(
        recordSpan(set, index, FIELD_HEADERS_START) ?? Buffer.alloc(0),
        field(FIELD_HEADER_COUNT),
      ),
      attributes: field(FIELD_ATTRIBUTES),
      partition: field(FIELD_PARTITION),
      timestamp: field(FIELD_TIMESTAMP),
    };
  });
}

function readHeaders(bytes: Uint8Array, count: number): Header[] {
  const reader = new VarintReader(bytes, 0, bytes.length);
  const next = (): string | null => {
    const length = reader.readVarint();
    const start = reader.position;
    reader.position += Math.max(0, length);
    return length < 0
      ? null
      : Buffer.from(bytes.subarray(start, reader.position)).toString('latin1');
  };
  const headers = Array.from({ length: count }, () => ({ key: next() ?? '', value: next() }));
  expect(reader.position).toBe(bytes.length);
  return headers;
}

/** Reads a body that is one record alone. */
export function readOne(text: string): ReadRecord {
  const [record, ...others] = read(parseJsonRecords(Buffer.from(text), LIMITS));
  expect(others).toEqual([]);
  if (record === undefined) throw new Error('no record');
  return record;
}

/** The problem that a text is refused with. */
export function problem(text: string | Buffer, parse = parseJsonRecords): ProtocolError {
  try {
    parse(Buffer.from(text), LIMITS);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text.toString()}`);
}

/** Pointers to the faults of a problem. */
export const pointers = (error: ProtocolError) => error.faults.map(({ pointer }) => pointer);

/** The UTF-8 bytes of a text, each as a character. */
export const latin1 = (text: string) => Buffer.from(text).toString('latin1');
