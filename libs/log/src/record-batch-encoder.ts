/**
 * Makes record batches (magic 2, uncompressed) of record sets.
 *
 * This runs for every record produced, so it makes no object a record. A selection's bytes are copied
 * once into a scratch array, behind which the batch grows in the same array: each key and value then
 * moves with `copyWithin`, which costs a third of a view and a `set`. A finished batch is copied out
 * at its exact size. Encoding is synchronous: one scratch serves the whole process.
 */
import {
  FIELD_ATTRIBUTES,
  FIELD_HEADER_COUNT,
  FIELD_HEADERS_END,
  FIELD_HEADERS_START,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_TIMESTAMP,
  FIELD_VALUE_END,
  FIELD_VALUE_START,
  ProtocolError,
  RECORD_STRIDE,
  type RecordSet,
} from '#protocol';
import { crc32c } from './crc32c.js';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LOG_APPEND_TIME_FLAG,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_BATCH_HEADER_BYTES,
  RECORD_BATCH_MAGIC,
  RECORD_COUNT_AT,
} from './record-batch.js';
import { varintSizeBytes, varlongSizeBytes, writeVarint, writeVarlong } from './varint.js';

/** Records of one set, in the order of `indexes`; undefined: all of them, in their own order. */
export interface RecordSelection {
  readonly records: RecordSet;
  readonly indexes: readonly number[] | undefined;
}

export interface EncodeOptions {
  /** Timestamp of records that have none and, with LogAppendTime, of all. */
  readonly nowMs: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  /** A record that would take a batch past this begins the next one; a larger record is alone in one. */
  readonly batchSizeBytes: number;
  /** No batch is larger. */
  readonly maxBatchBytes: number;
  /** Makes the records one batch of this producer, whatever `batchSizeBytes` says. */
  readonly producer?: BatchProducer;
}

/** Who wrote a batch, for recognising it when it comes again. */
export interface BatchProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence of the first record. */
  readonly baseSequence: number;
}

export interface EncodedBatches {
  /** Base offsets are relative: 0, then the number of records before. Leader epoch 0; CRC set. */
  readonly batches: Buffer[];
  readonly recordCount: number;
  /** For each selection the relative offset of its first record. */
  readonly starts: number[];
}

/**
 * Encodes selections one after the other, into as few batches as the limits allow.
 * @throws ProtocolError MESSAGE_TOO_LARGE when a record alone, or the one batch of a producer, is
 *   larger than `maxBatchBytes`; nothing is kept of the call then
 */
export function encodeRecordBatches(
  selections: readonly RecordSelection[],
  options: EncodeOptions,
): EncodedBatches {
  const encoder = new BatchEncoder(options);
  const starts: number[] = [];
  for (const selection of selections) {
    starts.push(encoder.recordCount);
    encoder.addSelection(selection);
  }
  return { batches: encoder.finish(), recordCount: encoder.recordCount, starts };
}

/** Exact size in bytes of a batch of this record alone, as `max.message.bytes` limits it. */
export function batchOfOneSizeBytes(records: RecordSet, index: number): number {
  const body = 2 + contentSizeBytes(records.fields, index * RECORD_STRIDE);
  return RECORD_BATCH_HEADER_BYTES + varintSizeBytes(body) + body;
}

/** A selection is staged in the scratch when its set has at most this many bytes a selected record. */
const STAGED_BYTES_PER_RECORD_MAX = 1024;
/** ... and at most this many in all, which bounds the scratch. */
const STAGED_BYTES_MAX = 1024 * 1024;
/** A scratch that had to grow past this is not kept. */
const SCRATCH_KEPT_BYTES_MAX = 4 * 1024 * 1024;
const SCRATCH_BYTES = 256 * 1024;
/** Spans shorter than this are copied byte by byte, which is cheaper than a call. */
const COPY_CALL_BYTES_MIN = 12;

let scratch = new Uint8Array(SCRATCH_BYTES);

/** One call of `encodeRecordBatches`. The batch at hand is `scratch[0, #position)`. */
class BatchEncoder {
  recordCount = 0;
  readonly #batches: Buffer[] = [];
  readonly #nowMs: number;
  readonly #isLogAppendTime: boolean;
  readonly #producer: BatchProducer | undefined;
  readonly #batchSizeBytes: number;
  readonly #maxBatchBytes: number;
  /** Where the staged bytes of the selection begin: they end where the scratch ends. */
  #stagedAt = scratch.length;
  #isStaged = false;
  #position = RECORD_BATCH_HEADER_BYTES;
  #batchRecords = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(options: EncodeOptions) {
    const { maxBatchBytes, batchSizeBytes, producer } = options;
    this.#nowMs = options.nowMs;
    this.#isLogAppendTime = options.timestampType === 'LogAppendTime';
    this.#producer = producer;
    this.#maxBatchBytes = maxBatchBytes;
    this.#batchSizeBytes = Math.min(batchSizeBytes, maxBatchBytes);
  }

  addSelection({ records, indexes }: RecordSelection): void {
    const count = indexes === undefined ? records.count : indexes.length;
    this.#stage(records, count);
    for (let at = 0; at < count; at++) {
      this.#addRecord(records, indexes === undefined ? at : (indexes[at] as number));
    }
  }

  finish(): Buffer[] {
    if (this.#batchRecords > 0) this.#endBatch();
    if (scratch.length > SCRATCH_KEPT_BYTES_MAX) scratch = new Uint8Array(SCRATCH_BYTES);
    return this.#batches;
  }

  /** Copies a record set behind the batch when that pays. */
  #stage({ source, decoded }: RecordSet, count: number): void {
    const bytes = source.length + decoded.length;
    this.#stagedAt = scratch.length;
    this.#isStaged = bytes <= count * STAGED_BYTES_PER_RECORD_MAX && bytes <= STAGED_BYTES_MAX;
    if (!this.#isStaged) return;
    this.#reserve(bytes);
    this.#stagedAt = scratch.length - bytes;
    scratch.set(source, this.#stagedAt);
    if (decoded.length > 0) scratch.set(decoded, this.#stagedAt + source.length);
  }

  #addRecord(records: RecordSet, index: number): void {
    const { fields } = records;
    const at = index * RECORD_STRIDE;
    const given = fields[at + FIELD_TIMESTAMP] as number;
    const timestamp = this.#isLogAppendTime || given < 0 ? this.#nowMs : given;
    const contentBytes = contentSizeBytes(fields, at);

    let bodyBytes = this.#bodyBytes(contentBytes, timestamp);
    let sizeBytes = varintSizeBytes(bodyBytes) + bodyBytes;
    if (this.#position + sizeBytes > this.#batchSizeBytes) {
      if (this.#batchRecords > 0 && this.#producer === undefined) {
        this.#endBatch();
        bodyBytes = this.#bodyBytes(contentBytes, timestamp);
        sizeBytes = varintSizeBytes(bodyBytes) + bodyBytes;
      }
      this.#assertFits(sizeBytes);
    }
    if (this.#position + sizeBytes > this.#stagedAt) this.#reserve(sizeBytes);
    this.#writeRecord(records, at, bodyBytes, timestamp);
    this.recordCount += 1;
  }

  /** Size of a record without its length prefix, as the next record of the batch at hand. */
  #bodyBytes(contentBytes: number, timestamp: number): number {
    if (this.#batchRecords === 0) this.#baseTimestamp = timestamp;
    return (
      varlongSizeBytes(timestamp - this.#baseTimestamp) +
      varintSizeBytes(this.#batchRecords) +
      contentBytes
    );
  }

  #writeRecord(records: RecordSet, at: number, bodyBytes: number, timestamp: number): void {
    const { fields } = records;
    const target = scratch;
    let position = writeVarint(target, this.#position, bodyBytes);
    target[position++] = fields[at + FIELD_ATTRIBUTES] as number;
    position = writeVarlong(target, position, timestamp - this.#baseTimestamp);
    position = writeVarint(target, position, this.#batchRecords);

    position = this.#writeNullable(records, at + FIELD_KEY_START, at + FIELD_KEY_END, position);
    position = this.#writeNullable(records, at + FIELD_VALUE_START, at + FIELD_VALUE_END, position);
    const headerCount = fields[at + FIELD_HEADER_COUNT] as number;
    position = writeVarint(target, position, headerCount);
    if (headerCount > 0) {
      const start = fields[at + FIELD_HEADERS_START] as number;
      const end = fields[at + FIELD_HEADERS_END] as number;
      position = this.#copySpan(records, start, end, position);
    }
    this.#position = position;
    this.#maxTimestamp =
      this.#batchRecords === 0 ? timestamp : Math.max(this.#maxTimestamp, timestamp);
    this.#batchRecords += 1;
  }

  /** A length and that many bytes; -1 alone for null. */
  #writeNullable(records: RecordSet, startAt: number, endAt: number, position: number): number {
    const start = records.fields[startAt] as number;
    if (start < 0) return writeVarint(scratch, position, -1);
    const end = records.fields[endAt] as number;
    return this.#copySpan(records, start, end, writeVarint(scratch, position, end - start));
  }

  #copySpan({ source, decoded }: RecordSet, start: number, end: number, position: number): number {
    if (this.#isStaged) {
      copyWithin(scratch, position, this.#stagedAt + start, this.#stagedAt + end);
    } else if (start < source.length) {
      scratch.set(source.subarray(start, end), position);
    } else {
      scratch.set(decoded.subarray(start - source.length, end - source.length), position);
    }
    return position + end - start;
  }

  #assertFits(recordBytes: number): void {
    const batchBytes = this.#position + recordBytes;
    if (batchBytes <= this.#maxBatchBytes) return;
    const what = this.#producer === undefined ? 'A record makes' : 'The records make';
    throw new ProtocolError(
      'MESSAGE_TOO_LARGE',
      `${what} a batch of ${batchBytes} bytes, max.message.bytes is ${this.#maxBatchBytes}.`,
      { members: { batchSizeBytes: batchBytes, maxMessageBytes: this.#maxBatchBytes } },
    );
  }

  #endBatch(): void {
    const size = this.#position;
    this.#writeHeader(size);
    // A batch lives as long as a reader or a cache holds it: a large one gets memory of its own.
    const batch = Buffer.allocUnsafe(size);
    batch.set(scratch.subarray(0, size));
    batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT);
    this.#batches.push(batch);
    this.#position = RECORD_BATCH_HEADER_BYTES;
    this.#batchRecords = 0;
  }

  #writeHeader(size: number): void {
    const target = scratch;
    const producer = this.#producer;
    const attributes = this.#isLogAppendTime ? LOG_APPEND_TIME_FLAG : 0;
    writeInt64(target, BASE_OFFSET_AT, this.recordCount - this.#batchRecords);
    writeInt32(target, BATCH_LENGTH_AT, size - LOG_OVERHEAD_BYTES);
    writeInt32(target, LEADER_EPOCH_AT, 0);
    target[MAGIC_AT] = RECORD_BATCH_MAGIC;
    writeInt16(target, ATTRIBUTES_AT, attributes);
    writeInt32(target, LAST_OFFSET_DELTA_AT, this.#batchRecords - 1);
    writeInt64(target, BASE_TIMESTAMP_AT, this.#baseTimestamp);
    writeInt64(target, MAX_TIMESTAMP_AT, this.#maxTimestamp);
    writeInt64(target, PRODUCER_ID_AT, producer === undefined ? -1 : producer.producerId);
    writeInt16(target, PRODUCER_EPOCH_AT, producer === undefined ? -1 : producer.producerEpoch);
    writeInt32(target, BASE_SEQUENCE_AT, producer === undefined ? -1 : producer.baseSequence);
    writeInt32(target, RECORD_COUNT_AT, this.#batchRecords);
  }

  /** Makes room for `bytes` between the batch and what is staged. */
  #reserve(bytes: number): void {
    const stagedBytes = scratch.length - this.#stagedAt;
    const needed = this.#position + bytes + stagedBytes;
    if (needed <= scratch.length) return;
    const grown = new Uint8Array(Math.max(needed, scratch.length * 2));
    grown.set(scratch.subarray(0, this.#position));
    grown.set(scratch.subarray(this.#stagedAt), grown.length - stagedBytes);
    scratch = grown;
    this.#stagedAt = grown.length - stagedBytes;
  }
}

/** Size of what of a record does not depend on its place: attributes, key, value and headers. */
function contentSizeBytes(fields: readonly number[], at: number): number {
  const headerCount = fields[at + FIELD_HEADER_COUNT] as number;
  const headersBytes =
    headerCount === 0
      ? 0
      : (fields[at + FIELD_HEADERS_END] as number) - (fields[at + FIELD_HEADERS_START] as number);
  return (
    1 +
    nullableSizeBytes(
      fields[at + FIELD_KEY_START] as number,
      fields[at + FIELD_KEY_END] as number,
    ) +
    nullableSizeBytes(
      fields[at + FIELD_VALUE_START] as number,
      fields[at + FIELD_VALUE_END] as number,
    ) +
    varintSizeBytes(headerCount) +
    headersBytes
  );
}

function nullableSizeBytes(start: number, end: number): number {
  return start < 0 ? 1 : varintSizeBytes(end - start) + end - start;
}

function copyWithin(bytes: Uint8Array, target: number, start: number, end: number): void {
  if (end - start >= COPY_CALL_BYTES_MIN) {
    bytes.copyWithin(target, start, end);
    return;
  }
  let to = target;
  for (let from = start; from < end; from++) bytes[to++] = bytes[from] as number;
}

function writeInt16(target: Uint8Array, position: number, value: number): void {
  target[position] = value >> 8;
  target[position + 1] = value;
}

function writeInt32(target: Uint8Array, position: number, value: number): void {
  target[position] = value >> 24;
  target[position + 1] = value >> 16;
  target[position + 2] = value >> 8;
  target[position + 3] = value;
}

/** @param value a safe integer */
function writeInt64(target: Uint8Array, position: number, value: number): void {
  writeInt32(target, position, Math.floor(value / 2 ** 32));
  writeInt32(target, position + 4, value);
}
