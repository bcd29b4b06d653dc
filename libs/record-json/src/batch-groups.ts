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

/** Bytes of batches rendered at once: a few milliseconds, more when all is base64 or escapes. */
const GROUP_BYTES = 256 * 1024;
/** Batches of at most this many bytes together are rendered at once. */
const AT_ONCE_BYTES_MAX = 1024 * 1024;
/** Batches of at most this many records together are rendered at once: some 0.3 us per record. */
const AT_ONCE_RECORDS_MAX = 16_384;
/** A larger record is written in pieces; see large-record-json.ts. */
const LARGE_RECORD_BYTES = GROUP_BYTES;

/**
 * Whether the batches are few and small enough to be rendered in one slice.
 * @param recordsMax records that are wanted; batches after the last of them are not rendered
 */
export function areRenderedAtOnce(
  batches: readonly RecordBatch[],
  recordsMax = Number.POSITIVE_INFINITY,
): boolean {
  let sizeBytes = 0;
  let recordCount = 0;
  // Records of the first batch may lie before those that are wanted.
  let wantedCount = -(batches[0]?.recordCount ?? 0);
  for (const batch of batches) {
    sizeBytes += batch.sizeBytes;
    recordCount += batch.recordCount;
    wantedCount += batch.recordCount;
    if (sizeBytes > AT_ONCE_BYTES_MAX || recordCount > AT_ONCE_RECORDS_MAX) return false;
    if (batch.compression !== 'none') return false;
    if (wantedCount >= recordsMax) return true;
  }
  return true;
}

/** Whether one batch is small enough to be rendered in one slice. */
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
  for (const batch of batches) {
    if (batch.nextOffset <= from) continue;
    const isSmall = batch.sizeBytes <= GROUP_BYTES && batch.compression === 'none';
    if (group.length > 0 && (!isSmall || groupBytes + batch.sizeBytes > GROUP_BYTES)) {
      yield group;
      group = [];
      groupBytes = 0;
      await turnOfLoop();
    }
    if (isSmall) {
      group.push(batch);
      groupBytes += batch.sizeBytes;
      continue;
    }
    for (const part of batchParts(await unpacked(batch), from, GROUP_BYTES)) {
      yield [part];
      await turnOfLoop();
    }
  }
  if (group.length > 0) yield group;
}

/** Whether a batch of `batchGroups` has a single record that should be written in pieces. */
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
