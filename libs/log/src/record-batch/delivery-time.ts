/** The header by which a record says when queue groups may deliver it. */
import { DELIVER_AT_HEADER } from '#protocol';
import { COMPRESSION_MASK } from '../compression/compression.js';
import { unpackedBatchOf } from './batch-parts.js';
import { isUnreadable } from './damage.js';
import type { RecordBatch } from './record-batch.js';
import { RecordCursor } from './record-cursor.js';
import { VarintReader } from './varint.js';

const DELIVER_AT_BYTES = Buffer.from(DELIVER_AT_HEADER);
/** 2^53 - 1 has as many digits. */
const TIME_DIGITS_MAX = 16;

/**
 * False when no record of the batch is delayed: a search for the name's bytes is much cheaper than
 * a walk over the records. Records of a compressed batch may always be delayed.
 */
export function mayHaveDelays(batch: RecordBatch): boolean {
  const isPacked = (batch.attributes & COMPRESSION_MASK) !== 0;
  return isPacked || batch.bytes.includes(DELIVER_AT_BYTES);
}

/**
 * Time before which queue groups do not deliver the cursor's record, in ms since 1970; undefined
 * when it is not delayed. The last of several headers counts: produce writes it after the record's
 * own headers. A header whose value is not a time delays nothing.
 */
export function deliverAtOf(record: RecordCursor): number | undefined {
  const { bytes, headersStart, headersEnd, headerCount } = record;
  let deliverAtMs: number | undefined;
  const reader = new VarintReader(bytes, headersStart, headersEnd);
  for (let index = 0; index < headerCount; index += 1) {
    const nameLength = Math.max(0, reader.readVarint());
    const nameStart = reader.position;
    reader.position = nameStart + nameLength;
    const valueLength = Math.max(0, reader.readVarint());
    const valueStart = reader.position;
    reader.position = valueStart + valueLength;
    const isDelay =
      nameLength === DELIVER_AT_BYTES.length &&
      DELIVER_AT_BYTES.equals(bytes.subarray(nameStart, nameStart + nameLength));
    if (isDelay) deliverAtMs = timeIn(bytes, valueStart, valueLength);
  }
  return deliverAtMs;
}

/**
 * The latest time of delivery among the records of a batch, in ms since 1970; -1 when none is
 * delayed or the batch cannot be read. A compressed batch is unpacked on a thread.
 */
export async function latestDeliverAt(batch: RecordBatch): Promise<number> {
  if (batch.isControl) return -1;
  try {
    return latestIn(new RecordCursor(await unpackedBatchOf(batch)));
  } catch (error) {
    if (isUnreadable(error)) return -1;
    throw error;
  }
}

/** Works like `latestDeliverAt`, at once, for a batch that is not compressed. */
export function plainDeliverAt(batch: RecordBatch): number {
  if (batch.isControl || !mayHaveDelays(batch)) return -1;
  try {
    return latestIn(new RecordCursor(batch));
  } catch (error) {
    if (isUnreadable(error)) return -1;
    throw error;
  }
}

function latestIn(cursor: RecordCursor): number {
  let latestMs = -1;
  while (cursor.next()) latestMs = Math.max(latestMs, deliverAtOf(cursor) ?? -1);
  return latestMs;
}

function timeIn(bytes: Buffer, start: number, length: number): number | undefined {
  if (length > TIME_DIGITS_MAX) return undefined;
  const text = bytes.toString('latin1', start, start + length);
  if (!/^\d+$/u.test(text)) return undefined;
  const time = Number(text);
  return Number.isSafeInteger(time) ? time : undefined;
}
