/**
 * Encodes record sets as record batches (magic 2, uncompressed).
 *
 * This runs for every record produced, so that it allocates no object per record. A selection's
 * bytes are copied once into a scratch array, and the batch grows in front of them in the same
 * array: each key and value then moves with `copyWithin`, which costs a third of a view and a
 * `set`. A finished batch is copied out at its exact size. Encoding at once is synchronous: one
 * scratch serves all of it. Encoding in slices has a scratch of its own until it ends; the next one
 * uses that again, because new memory costs more than the work on it.
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
import type { SlicedWork } from '#runtime';
import { allocateBatch } from './batch-memory.js';
import { crc32c } from './crc32c.js';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  type BatchProducer,
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
import { contentSizeBytes, contentSizeBytesAt, deltasSizeBytes } from './record-size.js';
import { lengthSizeBytes, writeLength, writeVarlong } from './varint.js';

/** Records of one set, in the order of `indexes`; undefined: all of them, in their own order. */
export interface RecordSelection {
  readonly records: RecordSet;
  readonly indexes: readonly number[] | undefined;
}

export interface EncodeOptions {
  /** Timestamp of records that have none and, with LogAppendTime, of all. */
  readonly nowMs: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  /**
   * A record that would exceed this size begins the next batch; a larger record has a batch of its
   * own.
   */
  readonly batchSizeBytes: number;
  /** No batch is larger. */
  readonly maxBatchBytes: number;
  /**
   * Producer stamped into the batches: the sequence is the first record's, later batches continue
   * from it.
   */
  readonly producer?: BatchProducer | undefined;
  /** Encodes the records as one batch, even above `batchSizeBytes`. */
  readonly isOneBatch?: boolean;
}

export interface EncodedBatches {
  /** Base offsets are relative: 0, then the number of records before. Leader epoch 0; CRC set. */
  readonly batches: Buffer[];
  readonly recordCount: number;
  /** Relative offset of the first record of each selection. */
  readonly starts: number[];
}

/**
 * Encodes selections one after the other, into as few batches as the limits allow.
 * @throws ProtocolError MESSAGE_TOO_LARGE when a record alone, or the one batch of `isOneBatch`, is
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

/**
 * Encodes like `encodeRecordBatches`, in slices: for requests of very many records or bytes. The
 * records must not change meanwhile.
 * @throws ProtocolError as `encodeRecordBatches` does
 */
export function* encodeInSlices(
  selections: readonly RecordSelection[],
  options: EncodeOptions,
): SlicedWork<EncodedBatches> {
  const encoder = new BatchEncoder(options, takeSlicedScratch());
  const starts: number[] = [];
  for (const selection of selections) {
    starts.push(encoder.recordCount);
    yield* encoder.addInSlices(selection);
  }
  return { batches: encoder.finish(), recordCount: encoder.recordCount, starts };
}

/** Bytes per selected record up to which a selection is staged in the scratch. */
const STAGED_BYTES_PER_RECORD_MAX = 1024;
/** Bytes in all up to which a selection is staged, which bounds the scratch. */
const STAGED_BYTES_MAX = 1024 * 1024;
/** A scratch that had to grow past this is not kept. */
const SCRATCH_KEPT_BYTES_MAX = 4 * 1024 * 1024;
const SCRATCH_BYTES = 256 * 1024;
/** Records that are encoded in one slice. */
const RECORDS_PER_SLICE = 4096;
/** Spans shorter than this are copied byte by byte, which is cheaper than a call. */
const COPY_CALL_BYTES_MIN = 12;

/** -1, the length of null, as a varint. */
const VARINT_MINUS_ONE = 1;
/** Value of a position of staged bytes when a selection is not staged. */
const NOT_STAGED = -1;

/** Sequences are int32, and not negative. */
const SEQUENCES = 2 ** 31;

/** Scratch of synchronous encoding. */
let sharedScratch = new Uint8Array(SCRATCH_BYTES);
/** Scratch of an encoding in slices that has ended; undefined while another one has it. */
let slicedScratch: Uint8Array<ArrayBuffer> | undefined;

function takeSlicedScratch(): Uint8Array<ArrayBuffer> {
  const scratch = slicedScratch ?? new Uint8Array(SCRATCH_BYTES);
  slicedScratch = undefined;
  return scratch;
}

/** One call of `encodeRecordBatches`. The current batch is `#scratch[0, #position)`. */
class BatchEncoder {
  recordCount = 0;
  readonly #batches: Buffer[] = [];
  readonly #isScratchShared: boolean;
  #scratch: Uint8Array<ArrayBuffer>;
  readonly #nowMs: number;
  readonly #isLogAppendTime: boolean;
  readonly #producer: BatchProducer | undefined;
  readonly #isOneBatch: boolean;
  readonly #batchSizeBytes: number;
  readonly #maxBatchBytes: number;
  /** Position of the selection's staged bytes, which end where the scratch ends. */
  #stagedAt: number;
  #isStaged = false;
  #position = RECORD_BATCH_HEADER_BYTES;
  #batchRecords = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  /**
   * @param scratch a scratch of its own; undefined: the encoder uses the shared one and finishes
   *   before others begin
   */
  constructor(options: EncodeOptions, scratch?: Uint8Array<ArrayBuffer>) {
    this.#isScratchShared = scratch === undefined;
    this.#scratch = scratch ?? sharedScratch;
    this.#stagedAt = this.#scratch.length;
    const { maxBatchBytes, batchSizeBytes, producer, isOneBatch = false } = options;
    this.#nowMs = options.nowMs;
    this.#isLogAppendTime = options.timestampType === 'LogAppendTime';
    this.#producer = producer;
    this.#isOneBatch = isOneBatch;
    this.#maxBatchBytes = maxBatchBytes;
    this.#batchSizeBytes = Math.min(batchSizeBytes, maxBatchBytes);
  }

  addSelection({ records, indexes }: RecordSelection): void {
    const count = indexes === undefined ? records.count : indexes.length;
    this.#stage(records, count);
    let nth = this.#addWhileRoom(records, indexes, 0, count);
    while (nth < count) {
      this.#makeRoom(records, indexes === undefined ? nth : (indexes[nth] as number));
      nth = this.#addWhileRoom(records, indexes, nth, count);
    }
  }

  /** Adds a selection like `addSelection`, in slices. */
  *addInSlices({ records, indexes }: RecordSelection): SlicedWork<void> {
    const count = indexes === undefined ? records.count : indexes.length;
    this.#stage(records, count);
    for (let nth = 0, sliceEnd = 0; nth < count; ) {
      if (nth === sliceEnd) {
        if (nth > 0) yield;
        sliceEnd = Math.min(count, nth + RECORDS_PER_SLICE);
      }
      nth = this.#addWhileRoom(records, indexes, nth, sliceEnd);
      if (nth < sliceEnd) {
        this.#makeRoom(records, indexes === undefined ? nth : (indexes[nth] as number));
      }
    }
  }

  finish(): Buffer[] {
    if (this.#batchRecords > 0) this.#endBatch();
    const isKept = this.#scratch.length <= SCRATCH_KEPT_BYTES_MAX;
    if (!this.#isScratchShared) slicedScratch = isKept ? this.#scratch : undefined;
    else sharedScratch = isKept ? this.#scratch : new Uint8Array(SCRATCH_BYTES);
    return this.#batches;
  }

  /** Copies a record set to the end of the scratch when that is faster. */
  #stage({ source, decoded }: RecordSet, count: number): void {
    const bytes = source.length + decoded.length;
    this.#stagedAt = this.#scratch.length;
    this.#isStaged = bytes <= count * STAGED_BYTES_PER_RECORD_MAX && bytes <= STAGED_BYTES_MAX;
    if (!this.#isStaged) return;
    this.#reserve(bytes);
    this.#stagedAt = this.#scratch.length - bytes;
    this.#scratch.set(source, this.#stagedAt);
    if (decoded.length > 0) this.#scratch.set(decoded, this.#stagedAt + source.length);
  }

  /**
   * Adds records of a selection, from its `from`-th on, to the current batch. The loop runs for
   * every record: the encoder's state is in locals meanwhile, and null, no headers and no timestamp
   * delta, the usual cases, are one byte each that is written without a call.
   *
   * @returns the index in the selection of the first record without room; `count` when all are
   *   added
   */
  #addWhileRoom(
    records: RecordSet,
    indexes: readonly number[] | undefined,
    from: number,
    count: number,
  ): number {
    const { fields } = records;
    const target = this.#scratch;
    const stagedAt = this.#isStaged ? this.#stagedAt : NOT_STAGED;
    const nowMs = this.#nowMs;
    const usesNow = this.#isLogAppendTime;
    let batchRecords = this.#batchRecords;
    let roomEnd = this.#roomEnd(batchRecords);
    let position = this.#position;
    let baseTimestamp = this.#baseTimestamp;
    let maxTimestamp = this.#maxTimestamp;
    let nth = from;
    for (; nth < count; nth += 1) {
      const first = (indexes === undefined ? nth : (indexes[nth] as number)) * RECORD_STRIDE;
      const keyStart = fields[first + FIELD_KEY_START] as number;
      const keyBytes = keyStart < 0 ? -1 : (fields[first + FIELD_KEY_END] as number) - keyStart;
      const valueStart = fields[first + FIELD_VALUE_START] as number;
      const valueBytes =
        valueStart < 0 ? -1 : (fields[first + FIELD_VALUE_END] as number) - valueStart;
      const headerCount = fields[first + FIELD_HEADER_COUNT] as number;
      const headersStart = headerCount === 0 ? 0 : (fields[first + FIELD_HEADERS_START] as number);
      const headersBytes =
        headerCount === 0 ? 0 : (fields[first + FIELD_HEADERS_END] as number) - headersStart;
      const givenTimestamp = fields[first + FIELD_TIMESTAMP] as number;
      const timestamp = usesNow || givenTimestamp < 0 ? nowMs : givenTimestamp;
      const delta = batchRecords === 0 ? 0 : timestamp - baseTimestamp;
      const contentBytes = contentSizeBytes(keyBytes, valueBytes, headerCount, headersBytes);
      const bodyBytes = deltasSizeBytes(delta, batchRecords) + contentBytes;
      if (position + lengthSizeBytes(bodyBytes) + bodyBytes > roomEnd) break;
      position = writeLength(target, position, bodyBytes);
      target[position] = fields[first + FIELD_ATTRIBUTES] as number;
      position += 1;
      target[position] = 0;
      position = delta === 0 ? position + 1 : writeVarlong(target, position, delta);
      position = writeLength(target, position, batchRecords);
      position = writeSpanLength(target, position, keyBytes);
      if (keyBytes > 0) position = copy(target, position, records, stagedAt, keyStart, keyBytes);
      position = writeSpanLength(target, position, valueBytes);
      if (valueBytes > 0) {
        position = copy(target, position, records, stagedAt, valueStart, valueBytes);
      }
      if (headerCount === 0) {
        target[position] = 0;
        position += 1;
      } else {
        position = writeLength(target, position, headerCount);
        position = copy(target, position, records, stagedAt, headersStart, headersBytes);
      }

      if (batchRecords === 0) {
        baseTimestamp = timestamp;
        maxTimestamp = timestamp;
        roomEnd = this.#roomEnd(1);
      } else if (timestamp > maxTimestamp) {
        maxTimestamp = timestamp;
      }
      batchRecords += 1;
    }
    this.recordCount += nth - from;
    this.#batchRecords = batchRecords;
    this.#position = position;
    this.#baseTimestamp = baseTimestamp;
    this.#maxTimestamp = maxTimestamp;
    return nth;
  }

  /**
   * Returns the position at which the current batch must end: at one of its limits, or where the
   * staged bytes begin.
   */
  #roomEnd(batchRecords: number): number {
    const isBoundHard = batchRecords === 0 || this.#isOneBatch;
    return Math.min(this.#stagedAt, isBoundHard ? this.#maxBatchBytes : this.#batchSizeBytes);
  }

  /** Ends the current batch or enlarges the scratch, because a record has no room. */
  #makeRoom({ fields }: RecordSet, index: number): void {
    const first = index * RECORD_STRIDE;
    const givenTimestamp = fields[first + FIELD_TIMESTAMP] as number;
    const timestamp = this.#isLogAppendTime || givenTimestamp < 0 ? this.#nowMs : givenTimestamp;
    const delta = this.#batchRecords === 0 ? 0 : timestamp - this.#baseTimestamp;
    const bodyBytes =
      deltasSizeBytes(delta, this.#batchRecords) + contentSizeBytesAt(fields, first);
    const sizeBytes = lengthSizeBytes(bodyBytes) + bodyBytes;
    const mayEnd = this.#batchRecords > 0 && !this.#isOneBatch;
    if (mayEnd && this.#position + sizeBytes > this.#batchSizeBytes) {
      this.#endBatch();
    } else {
      this.#assertFits(sizeBytes);
      this.#reserve(sizeBytes);
    }
  }

  #assertFits(recordBytes: number): void {
    const batchBytes = this.#position + recordBytes;
    if (batchBytes <= this.#maxBatchBytes) return;
    const subject = this.#isOneBatch ? 'The records make' : 'A record makes';
    throw new ProtocolError(
      'MESSAGE_TOO_LARGE',
      `${subject} a batch of ${batchBytes} bytes, max.message.bytes is ${this.#maxBatchBytes}.`,
      { members: { batchSizeBytes: batchBytes, maxMessageBytes: this.#maxBatchBytes } },
    );
  }

  #endBatch(): void {
    const size = this.#position;
    this.#writeHeader(size);
    const batch = allocateBatch(size);
    batch.set(this.#scratch.subarray(0, size));
    batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT);
    this.#batches.push(batch);
    this.#position = RECORD_BATCH_HEADER_BYTES;
    this.#batchRecords = 0;
  }

  #writeHeader(size: number): void {
    const target = this.#scratch;
    const producer = this.#producer;
    const attributes = this.#isLogAppendTime ? LOG_APPEND_TIME_FLAG : 0;
    const recordsBefore = this.recordCount - this.#batchRecords;
    writeInt64(target, BASE_OFFSET_AT, recordsBefore);
    writeInt32(target, BATCH_LENGTH_AT, size - LOG_OVERHEAD_BYTES);
    writeInt32(target, LEADER_EPOCH_AT, 0);
    target[MAGIC_AT] = RECORD_BATCH_MAGIC;
    writeInt16(target, ATTRIBUTES_AT, attributes);
    writeInt32(target, LAST_OFFSET_DELTA_AT, this.#batchRecords - 1);
    writeInt64(target, BASE_TIMESTAMP_AT, this.#baseTimestamp);
    writeInt64(target, MAX_TIMESTAMP_AT, this.#maxTimestamp);
    writeInt64(target, PRODUCER_ID_AT, producer === undefined ? -1 : producer.producerId);
    writeInt16(target, PRODUCER_EPOCH_AT, producer === undefined ? -1 : producer.producerEpoch);
    writeInt32(target, BASE_SEQUENCE_AT, sequenceOf(producer, recordsBefore));
    writeInt32(target, RECORD_COUNT_AT, this.#batchRecords);
  }

  /** Makes room for `bytes` between the batch and the staged bytes. */
  #reserve(bytes: number): void {
    const stagedBytes = this.#scratch.length - this.#stagedAt;
    const needed = this.#position + bytes + stagedBytes;
    if (needed <= this.#scratch.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#scratch.length * 2));
    grown.set(this.#scratch.subarray(0, this.#position));
    grown.set(this.#scratch.subarray(this.#stagedAt), grown.length - stagedBytes);
    this.#scratch = grown;
    this.#stagedAt = grown.length - stagedBytes;
  }
}

/**
 * Returns the sequence of the record this many records later; 0 follows 2147483647, -1 is for no
 * producer.
 */
function sequenceOf(producer: BatchProducer | undefined, recordsBefore: number): number {
  return producer === undefined ? -1 : (producer.baseSequence + recordsBefore) % SEQUENCES;
}

/** Writes the length of a key or value, -1 for null. @returns the position after it */
function writeSpanLength(target: Uint8Array, position: number, bytes: number): number {
  if (bytes >= 0) return writeLength(target, position, bytes);
  target[position] = VARINT_MINUS_ONE;
  return position + 1;
}

/** @returns the position after the copy */
function copy(
  target: Uint8Array,
  position: number,
  { source, decoded }: RecordSet,
  stagedAt: number,
  start: number,
  length: number,
): number {
  if (stagedAt !== NOT_STAGED) {
    copyWithin(target, position, stagedAt + start, stagedAt + start + length);
  } else if (start < source.length) {
    target.set(source.subarray(start, start + length), position);
  } else {
    const from = start - source.length;
    target.set(decoded.subarray(from, from + length), position);
  }
  return position + length;
}

function copyWithin(bytes: Uint8Array, target: number, start: number, end: number): void {
  if (end - start >= COPY_CALL_BYTES_MIN) {
    bytes.copyWithin(target, start, end);
    return;
  }
  let to = target;
  for (let from = start; from < end; from += 1) {
    bytes[to] = bytes[from] as number;
    to += 1;
  }
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
