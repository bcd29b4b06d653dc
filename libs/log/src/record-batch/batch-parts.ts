import type { Offset } from '#protocol';
import { inSlices, joinedInSlices } from '#runtime';
import { COMPRESSION_MASK } from '../compression/compression.js';
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD_BYTES,
  RECORD_BATCH_HEADER_BYTES,
  RECORD_COUNT_AT,
  RecordBatch,
} from './record-batch.js';
import { VarintReader } from './varint.js';

/**
 * Cuts an uncompressed batch into smaller batches of the same records, so that each can be read in
 * a short time. Copying a part does not block the event loop. A part keeps the base offset and the
 * timestamps of the whole batch, and ends at the offset of its last record; the last part ends
 * where the whole batch ends. Its CRC is that of the whole batch.
 *
 * A malformed record ends the cutting: the last part has all the rest, so that its reader meets the
 * fault.
 *
 * @param from records below this offset may be left out
 * @param bytesMax bytes per part; a larger record is a part of its own
 */
export async function* batchParts(
  batch: RecordBatch,
  from: Offset,
  bytesMax: number,
): AsyncGenerator<RecordBatch, void, void> {
  const { bytes, baseOffset } = batch;
  const reader = new VarintReader(bytes, RECORD_BATCH_HEADER_BYTES, bytes.length);
  let left = batch.recordCount;
  let part = { start: reader.position, count: 0, lastDelta: 0 };
  while (left > 0) {
    const start = reader.position;
    const record = nextRecord(reader);
    if (record === undefined) break;
    if (baseOffset + record.offsetDelta < from) {
      part = { start: record.end, count: 0, lastDelta: 0 };
    } else {
      if (part.count > 0 && record.end - part.start > bytesMax) {
        yield await partOf(batch, part.start, start, part);
        part = { start, count: 0, lastDelta: 0 };
      }
      part.count += 1;
      part.lastDelta = record.offsetDelta;
    }
    left -= 1;
  }
  const count = part.count + left;
  const lastDelta = batch.lastOffsetDelta;
  yield await partOf(batch, part.start, bytes.length, { count, lastDelta });
}

/**
 * Returns the batch with its records unpacked; an uncompressed batch is returned unchanged. The CRC
 * stays that of the compressed batch. Does not block the event loop.
 * @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE; CORRUPT_MESSAGE when it cannot be unpacked
 */
export async function unpackedBatchOf(batch: RecordBatch): Promise<RecordBatch> {
  if (batch.compression === 'none') return batch;
  const pieces = await batch.recordsPiecesOnThread();
  const { recordCount: count, lastOffsetDelta: lastDelta } = batch;
  return withRecords(batch, pieces, { count, lastDelta });
}

/** Skips one record. @returns undefined when none can be read */
function nextRecord(
  reader: VarintReader,
): { readonly end: number; readonly offsetDelta: number } | undefined {
  try {
    const length = reader.readVarint();
    const end = reader.position + length;
    if (length < 0 || end > reader.end) return undefined;
    reader.position += 1;
    reader.readVarlong();
    const offsetDelta = reader.readVarint();
    if (offsetDelta < 0 || reader.position > end) return undefined;
    reader.position = end;
    return { end, offsetDelta };
  } catch {
    return undefined;
  }
}

interface PartRecords {
  readonly count: number;
  /** Offset of the last record minus the base offset. */
  readonly lastDelta: number;
}

function partOf(
  batch: RecordBatch,
  start: number,
  end: number,
  records: PartRecords,
): Promise<RecordBatch> {
  return withRecords(batch, [batch.bytes.subarray(start, end)], records);
}

/** Copies the records after the header of the batch, in slices: they may have 64 MiB. */
async function withRecords(
  { bytes }: RecordBatch,
  records: readonly Buffer[],
  { count, lastDelta }: PartRecords,
): Promise<RecordBatch> {
  const header = bytes.subarray(0, RECORD_BATCH_HEADER_BYTES);
  const batchBytes = await inSlices(joinedInSlices([header, ...records]));
  batchBytes.writeInt32BE(batchBytes.length - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT);
  batchBytes.writeInt16BE(batchBytes.readInt16BE(ATTRIBUTES_AT) & ~COMPRESSION_MASK, ATTRIBUTES_AT);
  batchBytes.writeInt32BE(lastDelta, LAST_OFFSET_DELTA_AT);
  batchBytes.writeInt32BE(count, RECORD_COUNT_AT);
  return new RecordBatch(batchBytes);
}
