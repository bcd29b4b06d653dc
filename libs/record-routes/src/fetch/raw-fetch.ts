import { isUtf8 } from 'node:buffer';
import type { Broker, FetchResult } from '#broker';
import { chargeQuota, type Exchange } from '#http-front';
import { type RecordBatch, RecordCursor, unpackedBatchOf, unreadableBatch } from '#log';
import { type Offset, RECORD_VALUE_IS_JSON } from '#protocol';
import { type Fetch, fetchFrom } from './fetch-position.js';

/**
 * Longer keys are omitted. Percent-encoded they have three times as many characters, and clients
 * refuse heads of 16 KiB or more.
 */
const KEY_BYTES_MAX = 4096;

/** One batch is enough, because the first batch is always returned. */
const READ_BYTES = 1;

/**
 * Answers with the bytes of one value; `Sluice-*` headers have offset, timestamp and key. 204 if
 * there is no record.
 */
export async function answerRaw(fetch: Fetch, broker: Broker): Promise<void> {
  const { exchange, topic, partition } = fetch;
  let { offset, result } = await fetchFrom(broker, fetch, { maxBytes: READ_BYTES });
  while (!exchange.isGone) {
    const [batch] = result.batches;
    if (batch === undefined) {
      writeNone(exchange, offset, result);
      return;
    }
    const record = await firstRecord(batch, offset);
    if (exchange.isGone) return;
    if (record !== undefined) {
      writeRecord(exchange, record, result);
      return;
    }
    // The batch has no records to show: it has control records, or compaction emptied it.
    offset = batch.nextOffset;
    const request = { topic, partition, offset, maxBytes: READ_BYTES, minBytes: 1, waitMs: 0 };
    result = await broker.as(exchange.access.caller).fetch(request);
  }
}

/**
 * Returns a cursor on the first record at or after `offset`, or undefined.
 * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
 */
async function firstRecord(batch: RecordBatch, offset: Offset): Promise<RecordCursor | undefined> {
  if (batch.isControl) return undefined;
  try {
    const cursor = new RecordCursor(await unpackedBatchOf(batch));
    while (cursor.next()) {
      if (cursor.offset >= offset) return cursor;
    }
    return undefined;
  } catch (error) {
    throw unreadableBatch(batch, error);
  }
}

function writeNone({ response }: Exchange, offset: Offset, result: FetchResult): void {
  response.writeHead(204, positionHeaders(offset, result));
  response.end();
}

function writeRecord(exchange: Exchange, record: RecordCursor, result: FetchResult): void {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  const value = valueStart < 0 ? Buffer.alloc(0) : bytes.subarray(valueStart, valueEnd);
  const isJson = (record.attributes & RECORD_VALUE_IS_JSON) !== 0;
  const headers = [
    ...positionHeaders(record.offset + 1, result),
    'Content-Type',
    mediaType(value, isJson),
    'Content-Length',
    String(value.length),
    'Sluice-Offset',
    String(record.offset),
    'Sluice-Timestamp',
    String(record.timestamp),
  ];
  if (valueStart < 0) headers.push('Sluice-Tombstone', 'true');
  if (keyStart >= 0) headers.push(...keyHeader(bytes.subarray(keyStart, keyEnd)));
  const { context, response } = exchange;
  context.outbound.assertRoomFor(bytes.length);
  context.observer.recordsSent(1, value.length);
  chargeQuota(exchange, 'consumer_byte_rate', value.length);
  response.writeHead(200, headers);
  response.end(value);
  // The value keeps the whole batch in memory, because it is a view of it.
  exchange.countUnreceived(bytes.length);
}

function positionHeaders(nextOffset: Offset, result: FetchResult): string[] {
  return [
    'Cache-Control',
    'no-store',
    'Sluice-Next-Offset',
    String(nextOffset),
    'Sluice-High-Watermark',
    String(result.highWatermark),
  ];
}

/**
 * Header values are ASCII and keys are not: a key that is text is percent-encoded, another one is
 * in base64. For a long key only its size is sent, in bytes.
 */
function keyHeader(key: Buffer): [string, string] {
  if (key.length > KEY_BYTES_MAX) return ['Sluice-Key-Size', String(key.length)];
  return isUtf8(key)
    ? ['Sluice-Key', encodeURIComponent(key.toString())]
    : ['Sluice-Key-Base64', key.toString('base64')];
}

function mediaType(value: Buffer, isJson: boolean): string {
  if (isJson) return 'application/json';
  return isUtf8(value) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}
