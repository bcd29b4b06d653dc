import type { Offset } from '#protocol';
import type { Throttler } from '../background/throttler.js';
import { COMPRESSION_MASK, compress } from '../compression/compression.js';
import { unpackedBatchOf } from '../record-batch/batch-parts.js';
import { crc32c } from '../record-batch/crc32c.js';
import { isUnreadable } from '../record-batch/damage.js';
import { deliverAtOf, mayHaveDelays } from '../record-batch/delivery-time.js';
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  CRC_AT,
  LOG_OVERHEAD_BYTES,
  MAX_TIMESTAMP_AT,
  RECORD_BATCH_HEADER_BYTES,
  RECORD_COUNT_AT,
  type RecordBatch,
} from '../record-batch/record-batch.js';
import { RecordCursor } from '../record-batch/record-cursor.js';
import {
  VarintReader,
  varlongSizeBytes,
  writeVarint,
  writeVarlong,
} from '../record-batch/varint.js';
import type { OffsetMap } from './offset-map.js';

const DELETE_HORIZON_FLAG = 0x40;
/** Records processed between two checks of the clock. */
const RECORDS_PER_LOOK = 64;

/** Decides which records compaction retains. */
export interface RetentionRule {
  /** Last offset of each key among the records below `mapEndOffset` that are not compacted yet. */
  readonly offsets: OffsetMap;
  /** First offset unknown to the map: records from here on are retained. */
  readonly mapEndOffset: Offset;
  readonly nowMs: number;
  /** Time in ms for which a tombstone is retained after its first compaction. */
  readonly deleteRetentionMs: number;
  /**
   * Last offset of each known producer: a batch that ends there is retained, without records if
   * necessary.
   */
  readonly producerLastOffsets: ReadonlyMap<number, Offset>;
}

/**
 * Filters a batch by Kafka's rules of compaction: it retains the last record of each key and
 * tombstones until their delete horizon, and removes records without a key. Records that wait for
 * their time of delivery are retained: queue groups will get them. Offsets, the offset
 * range of the batch, its leader epoch and its producer's fields do not change.
 *
 * A tombstone gets its horizon at its first compaction, now plus delete.retention.ms: bit 6 of the
 * attributes says that `baseTimestamp` is that time (KIP-534).
 *
 * @returns the batch's own bytes when all of it is retained, new ones when a part is, undefined
 *   when nothing is
 * @throws StoppedError
 */
export async function filterBatch(
  batch: RecordBatch,
  rule: RetentionRule,
  throttler: Throttler,
): Promise<Buffer | undefined> {
  if (batch.isControl || batch.baseOffset >= rule.mapEndOffset) return batch.bytes;
  try {
    const cursor = new RecordCursor(await unpackedBatchOf(batch));
    const kept = await selectRecords(batch, cursor, rule, throttler);
    return await keptBatch(batch, { bytes: cursor.bytes, kept }, rule, throttler);
  } catch (error) {
    // A batch that cannot be read is retained completely.
    if (isUnreadable(error)) return batch.bytes;
    throw error;
  }
}

async function keptBatch(
  batch: RecordBatch,
  unpacked: UnpackedRecords,
  rule: RetentionRule,
  throttler: Throttler,
): Promise<Buffer | undefined> {
  const { kept } = unpacked;
  if (kept.count === 0) {
    const isLastOfProducer = rule.producerLastOffsets.get(batch.producerId) === batch.lastOffset;
    if (!isLastOfProducer) return undefined;
    return batch.recordCount === 0 ? batch.bytes : emptyBatch(batch);
  }
  const needsHorizon = kept.hasTombstone && !batch.hasDeleteHorizon;
  if (kept.count === batch.recordCount && !needsHorizon) return batch.bytes;
  const horizonMs = needsHorizon ? deleteHorizonMs(rule) : undefined;
  return rewriteBatch(batch, unpacked, horizonMs, throttler);
}

/** Returns the time at which tombstones may go, as an integer that readers can represent. */
function deleteHorizonMs({ nowMs, deleteRetentionMs }: RetentionRule): number {
  return Math.min(nowMs + deleteRetentionMs, Number.MAX_SAFE_INTEGER);
}

/** An unpacked batch, and which of its records stay. */
interface UnpackedRecords {
  /** The header of the batch and its records, not compressed. */
  readonly bytes: Buffer;
  readonly kept: KeptRecords;
}

/** The retained records of a batch. */
interface KeptRecords {
  count: number;
  /** Spans in the cursor's bytes: start, end, start, end; consecutive records share a span. */
  readonly spans: number[];
  maxTimestamp: number;
  hasTombstone: boolean;
}

async function selectRecords(
  batch: RecordBatch,
  cursor: RecordCursor,
  rule: RetentionRule,
  throttler: Throttler,
): Promise<KeptRecords> {
  const kept: KeptRecords = { count: 0, spans: [], maxTimestamp: -1, hasTombstone: false };
  const mayDropTombstones = batch.hasDeleteHorizon && rule.nowMs >= batch.baseTimestamp;
  const mayBeDelayed = mayHaveDelays(batch);
  let start = RECORD_BATCH_HEADER_BYTES;
  for (let checkedCount = 0; cursor.next(); checkedCount += 1) {
    const end = start + cursor.sizeBytes;
    const isPending = mayBeDelayed && (deliverAtOf(cursor) ?? 0) > rule.nowMs;
    if (isPending || isRetained(cursor, rule, mayDropTombstones)) {
      const last = kept.spans.length - 1;
      if (kept.spans[last] === start) kept.spans[last] = end;
      else kept.spans.push(start, end);
      kept.count += 1;
      kept.maxTimestamp = Math.max(kept.maxTimestamp, cursor.timestamp);
      kept.hasTombstone ||= cursor.valueStart < 0;
    }
    start = end;
    if (checkedCount % RECORDS_PER_LOOK === 0 && throttler.isDue) await throttler.pause();
  }
  return kept;
}

function isRetained(
  record: RecordCursor,
  rule: RetentionRule,
  mayDropTombstones: boolean,
): boolean {
  if (record.offset >= rule.mapEndOffset) return true;
  if (record.keyStart < 0) return false;
  if (record.valueStart < 0 && mayDropTombstones) return false;
  return record.offset >= rule.offsets.get(record.bytes, record.keyStart, record.keyEnd);
}

/** Builds a batch without records that keeps the offsets and the producer's last sequence. */
function emptyBatch(batch: RecordBatch): Buffer {
  const bytes = Buffer.from(batch.bytes.subarray(0, RECORD_BATCH_HEADER_BYTES));
  const attributes = batch.attributes & ~(COMPRESSION_MASK | DELETE_HORIZON_FLAG);
  bytes.writeBigInt64BE(-1n, BASE_TIMESTAMP_AT);
  return finishBatch(bytes, { attributes, count: 0, maxTimestamp: batch.maxTimestamp });
}

async function rewriteBatch(
  batch: RecordBatch,
  { bytes: source, kept }: UnpackedRecords,
  horizonMs: number | undefined,
  throttler: Throttler,
): Promise<Buffer> {
  const records =
    horizonMs === undefined
      ? await copySpans(source, kept.spans, throttler)
      : await rebaseTimestamps(source, kept.spans, batch.baseTimestamp - horizonMs, throttler);
  let attributes = batch.attributes & ~COMPRESSION_MASK;
  let body = records;
  if (
    RECORD_BATCH_HEADER_BYTES + records.length > batch.sizeBytes &&
    batch.compression !== 'none'
  ) {
    // An unpacked body would be larger than the original, and the segment could exceed its limit.
    const compressed = await compress(records);
    body = compressed.bytes;
    attributes |= compressed.codec;
  }
  const bytes = Buffer.concat([batch.bytes.subarray(0, RECORD_BATCH_HEADER_BYTES), body]);
  if (horizonMs !== undefined) {
    attributes |= DELETE_HORIZON_FLAG;
    bytes.writeBigInt64BE(BigInt(horizonMs), BASE_TIMESTAMP_AT);
  }
  return finishBatch(bytes, { attributes, count: kept.count, maxTimestamp: kept.maxTimestamp });
}

/**
 * Copies the spans into one buffer; a large batch may have millions of them.
 * @throws StoppedError
 */
async function copySpans(
  source: Buffer,
  spans: readonly number[],
  throttler: Throttler,
): Promise<Buffer> {
  const target = Buffer.allocUnsafe(sizeOf(spans));
  let position = 0;
  for (let i = 0; i < spans.length; i += 2) {
    position += source.copy(target, position, spans[i], spans[i + 1]);
    if (i % (2 * RECORDS_PER_LOOK) === 0 && throttler.isDue) await throttler.pause();
  }
  return target;
}

function sizeOf(spans: readonly number[]): number {
  let bytes = 0;
  for (let i = 0; i < spans.length; i += 2) bytes += (spans[i + 1] ?? 0) - (spans[i] ?? 0);
  return bytes;
}

/**
 * Copies records for a batch with another base timestamp: each timestamp delta grows by `shiftMs`,
 * and the length of the record changes with it.
 * @throws StoppedError
 */
async function rebaseTimestamps(
  source: Buffer,
  spans: readonly number[],
  shiftMs: number,
  throttler: Throttler,
): Promise<Buffer> {
  const reader = new VarintReader(source, 0, source.length);
  const sourceBytes = sizeOf(spans);
  // A record takes at least 7 bytes; its length and its delta can grow by 4 and by 9.
  const target = Buffer.allocUnsafe(sourceBytes + Math.ceil(sourceBytes / 7) * 13);
  let position = 0;
  let moved = 0;
  for (let i = 0; i < spans.length; i += 2) {
    reader.position = spans[i] ?? 0;
    const spanEnd = spans[i + 1] ?? 0;
    while (reader.position < spanEnd) {
      const length = reader.readVarint();
      const bodyStart = reader.position;
      const bodyEnd = bodyStart + length;
      reader.position = bodyStart + 1;
      const delta = reader.readVarlong();
      const rest = source.subarray(reader.position, bodyEnd);
      const newDelta = delta + shiftMs;
      position = writeVarint(target, position, 1 + varlongSizeBytes(newDelta) + rest.length);
      target[position] = source[bodyStart] ?? 0;
      position += 1;
      position = writeVarlong(target, position, newDelta);
      target.set(rest, position);
      position += rest.length;
      reader.position = bodyEnd;
      moved += 1;
      if (moved % RECORDS_PER_LOOK === 0 && throttler.isDue) await throttler.pause();
    }
  }
  return target.subarray(0, position);
}

function finishBatch(
  bytes: Buffer,
  header: {
    readonly attributes: number;
    readonly count: number;
    readonly maxTimestamp: number;
  },
): Buffer {
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT);
  bytes.writeInt16BE(header.attributes, ATTRIBUTES_AT);
  bytes.writeBigInt64BE(BigInt(header.maxTimestamp), MAX_TIMESTAMP_AT);
  bytes.writeInt32BE(header.count, RECORD_COUNT_AT);
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return bytes;
}
