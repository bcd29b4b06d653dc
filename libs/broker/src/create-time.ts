import { type AppendResult, type RecordBatch, RecordCursor } from '#log';
import { FIELD_TIMESTAMP, type Offset, RECORD_STRIDE } from '#protocol';
import type { ProduceEntry } from './pending-produce.js';

/**
 * The time that the first attempt of a request gave to records without one, so that its retry is
 * answered alike. It is the newest timestamp of the batch, unless a record has one that is as new:
 * only then is the log read.
 * @param first answer to the first attempt, as a duplicate
 * @param read the batch that has an offset
 * @returns ms; undefined where all records have a time, or the log does not have them any
 *   more: the offsets are what a retry is about
 */
export async function createTimeOf(
  { records: { fields, count } }: ProduceEntry,
  { baseOffset, maxTimestampMs = -1 }: AppendResult,
  read: (offset: Offset) => Promise<RecordBatch | undefined>,
): Promise<number | undefined> {
  let timeless = -1;
  let newestGiven = -1;
  for (let index = 0; index < count; index += 1) {
    const givenTimestamp = fields[index * RECORD_STRIDE + FIELD_TIMESTAMP] as number;
    if (givenTimestamp === -1 && timeless < 0) timeless = index;
    newestGiven = Math.max(newestGiven, givenTimestamp);
  }
  if (timeless < 0) return undefined;
  if (maxTimestampMs > newestGiven) return maxTimestampMs;
  const offset = baseOffset + timeless;
  const batch = await read(offset).catch(() => undefined);
  const cursor = batch === undefined ? undefined : new RecordCursor(batch);
  while (cursor?.next() === true) if (cursor.offset === offset) return cursor.timestamp;
  return undefined;
}
