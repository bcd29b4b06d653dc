import { RecordCursor } from '#log';
import { DELIVER_AT_HEADER, RECORD_STRIDE, type RecordSet } from '#protocol';
import type { FetchResult, ProduceRequest } from '../broker.js';

/** A record as a test writes it down. */
export interface PlainRecord {
  readonly value: string | null;
  readonly key?: string;
  readonly partition?: number;
  readonly timestamp?: number;
  /** Time of delivery, ms. */
  readonly deliverAtMs?: number;
}

/** A record set of these records, or of these values. */
export function recordsOf(records: readonly (PlainRecord | string)[]): RecordSet {
  const chunks: Buffer[] = [];
  const fields: number[] = [];
  let position = 0;
  const add = (text: string | null | undefined): [number, number] => {
    if (text === null || text === undefined) return [-1, -1];
    const bytes = Buffer.from(text);
    chunks.push(bytes);
    position += bytes.length;
    return [position - bytes.length, position];
  };
  for (const one of records) {
    const record = typeof one === 'string' ? { value: one } : one;
    const partition = record.partition ?? -1;
    const timestamp = record.timestamp ?? -1;
    const { deliverAtMs } = record;
    const [start, end] = add(deliverAtMs === undefined ? '' : delayHeader(deliverAtMs));
    const headers = deliverAtMs === undefined ? 0 : 1;
    const parts = [...add(record.value), ...add(record.key), start, end];
    fields.push(...parts, headers, 0, partition, timestamp);
  }
  if (fields.length !== records.length * RECORD_STRIDE) throw new Error('the stride has changed');
  const decoded = new Uint8Array(0);
  return { source: Buffer.concat(chunks), decoded, count: records.length, fields };
}

/** The header of a delayed record in its form in a batch. */
function delayHeader(deliverAtMs: number): string {
  const sized = (text: string): string => String.fromCharCode(2 * text.length) + text;
  return sized(DELIVER_AT_HEADER) + sized(String(deliverAtMs));
}

/** A produce request with the defaults of the contract. */
export function produceOf(
  topic: string,
  records: readonly (PlainRecord | string)[],
  options: Partial<ProduceRequest> = {},
): ProduceRequest {
  return {
    topic,
    records: recordsOf(records),
    acks: 'all',
    timeoutMs: 30_000,
    partitioner: 'sticky',
    ...options,
  };
}

/** The records of a fetch as `offset:value`, from the requested offset on. */
export function valuesOf(result: FetchResult, fromOffset = 0): string[] {
  const values: string[] = [];
  for (const batch of result.batches) {
    const cursor = new RecordCursor(batch);
    while (cursor.next()) {
      if (cursor.offset < fromOffset) continue;
      const { bytes, offset, valueStart, valueEnd } = cursor;
      const value = valueStart < 0 ? 'null' : bytes.toString('utf8', valueStart, valueEnd);
      values.push(`${offset}:${value}`);
    }
  }
  return values;
}
