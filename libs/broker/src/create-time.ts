import { type RecordBatch, RecordCursor } from '#log';
import { FIELD_TIMESTAMP, type Offset, RECORD_STRIDE } from '#protocol';
import type { ProduceEntry } from './pending-produce.js';

/**
 * The time that the first try of a request gave to records which came without one, for its retry to be
 * answered alike.
 * @param baseOffset of the first try
 * @param read the batch that has an offset
 * @returns undefined where all records came with a time, or the log does not have them any more: the
 *   offsets are what a retry is about
 */
export async function createTimeInLog(
  entry: ProduceEntry,
  baseOffset: Offset,
  read: (offset: Offset) => Promise<RecordBatch | undefined>,
): Promise<number | undefined> {
  const { fields, count } = entry.records;
  let timeless = 0;
  while (timeless < count && fields[timeless * RECORD_STRIDE + FIELD_TIMESTAMP] !== -1) {
    timeless += 1;
  }
  if (timeless === count) return undefined;
  const offset = baseOffset + timeless;
  const batch = await read(offset);
  const cursor = batch === undefined ? undefined : new RecordCursor(batch);
  while (cursor?.next() === true) if (cursor.offset === offset) return cursor.timestamp;
  return undefined;
}
