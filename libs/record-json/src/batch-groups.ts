/**
 * Record batches for work in slices: compressed ones are unpacked on a thread, large ones are cut
 * into parts, and small ones are grouped, so that each group takes a short time to render.
 */

import {
  batchParts,
  RECORD_BATCH_HEADER_BYTES,
  type RecordBatch,
  unpackedBatchOf,
  unreadableBatch,
} from '#log';
import type { Offset } from '#protocol';
import { turnOfLoop } from '#runtime';
import type { RecordFormat } from './record-frame.js';

/** Bytes of batches rendered at once: a few milliseconds, more when all is base64 or escapes. */
const GROUP_BYTES = 256 * 1024;
/** Batches of at most this many bytes together are rendered at once. */
const AT_ONCE_BYTES_MAX = 1024 * 1024;
/** Batches of at most this many records together are rendered at once: some 0.3 us per record. */
const AT_ONCE_RECORDS_MAX = 16_384;
/** The same where the format is `json`: a value that is not JSON costs some 10 us. */
const PROBED_AT_ONCE_RECORDS_MAX = 2048;
/** Records of batches rendered at once in a group. */
const GROUP_RECORDS = 2048;
/** A larger record is written in pieces; see large-record-json.ts. */
const LARGE_RECORD_BYTES = GROUP_BYTES;

/**
 * True when the batches are few and small enough to be rendered in one slice.
 * @param options.recordsMax records that are wanted; batches after the last of them are not
 *   rendered
 * @param options.format format of the answer
 */
export function areRenderedAtOnce(
  batches: readonly RecordBatch[],
  { recordsMax, format }: { readonly recordsMax?: number; readonly format?: RecordFormat } = {},
): boolean {
  const recordCountMax = format === 'json' ? PROBED_AT_ONCE_RECORDS_MAX : AT_ONCE_RECORDS_MAX;
  let sizeBytes = 0;
  let recordCount = 0;
  // Records of the first batch may lie before those that are wanted.
  let wantedCount = -(batches[0]?.recordCount ?? 0);
  for (const batch of batches) {
    sizeBytes += batch.sizeBytes;
    recordCount += batch.recordCount;
    wantedCount += batch.recordCount;
    if (sizeBytes > AT_ONCE_BYTES_MAX || recordCount > recordCountMax) return false;
    if (batch.compression !== 'none') return false;
    if (recordsMax !== undefined && wantedCount >= recordsMax) return true;
  }
  return true;
}

/** True when one batch is small enough to be rendered in one slice. */
export function isRenderedAtOnce({ sizeBytes, recordCount, compression }: RecordBatch): boolean {
  const isSmall = sizeBytes <= AT_ONCE_BYTES_MAX && recordCount <= AT_ONCE_RECORDS_MAX;
  return isSmall && compression === 'none';
}

/**
 * Yields the batches in groups; the event loop turns between two of them. A record of more than
 * LARGE_RECORD_BYTES is alone in a batch that is alone in its group.
 * @param from records below this offset may be left out
 * @throws UnreadableBatchError after the groups before it, for a batch that cannot be unpacked
 */
export async function* batchGroups(
  batches: readonly RecordBatch[],
  from: Offset,
): AsyncGenerator<readonly RecordBatch[], void, void> {
  let group: RecordBatch[] = [];
  let groupBytes = 0;
  let groupRecords = 0;
  for (const batch of batches) {
    if (batch.nextOffset <= from) continue;
    const partBytes = partBytesOf(batch);
    const isSmall = batch.sizeBytes <= partBytes && batch.compression === 'none';
    const isFull =
      groupBytes + batch.sizeBytes > GROUP_BYTES ||
      groupRecords + batch.recordCount > GROUP_RECORDS;
    if (group.length > 0 && (!isSmall || isFull)) {
      yield group;
      group = [];
      groupBytes = 0;
      groupRecords = 0;
      await turnOfLoop();
    }
    if (isSmall) {
      group.push(batch);
      groupBytes += batch.sizeBytes;
      groupRecords += batch.recordCount;
      continue;
    }
    for await (const part of batchParts(await unpacked(batch), from, partBytes)) {
      yield [part];
      await turnOfLoop();
    }
  }
  if (group.length > 0) yield group;
}

/** Size of the parts that a batch is cut into, so that each has few enough bytes and records. */
function partBytesOf({ sizeBytes, recordCount }: RecordBatch): number {
  if (recordCount <= GROUP_RECORDS) return GROUP_BYTES;
  return Math.min(GROUP_BYTES, Math.ceil((sizeBytes * GROUP_RECORDS) / recordCount));
}

/** True when a batch of `batchGroups` has a single record that should be written in pieces. */
export function isLargeRecord({ recordCount, sizeBytes, isControl }: RecordBatch): boolean {
  const isLarge = sizeBytes > LARGE_RECORD_BYTES + RECORD_BATCH_HEADER_BYTES;
  return recordCount === 1 && isLarge && !isControl;
}

async function unpacked(batch: RecordBatch): Promise<RecordBatch> {
  try {
    return await unpackedBatchOf(batch);
  } catch (error) {
    throw unreadableBatch(batch, error);
  }
}
