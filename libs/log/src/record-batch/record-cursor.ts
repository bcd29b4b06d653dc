import { type Offset, ProtocolError } from '#protocol';
import { RECORD_BATCH_HEADER_BYTES, type RecordBatch } from './record-batch.js';
import { VarintReader } from './varint.js';

/**
 * Walks the records of one batch. The cursor is the current record: `next()` moves it and sets its
 * fields, so that reading a record allocates nothing. Keys, values and headers are positions in
 * `bytes`; a null key or value has start = end = -1.
 *
 * Record: length varint (of what follows), attributes int8, timestampDelta varlong, offsetDelta
 * varint, keyLength varint (-1 null), key, valueLength varint (-1 null), value, headersCount
 * varint, and for each header keyLength varint, key, valueLength varint (-1 null), value.
 */
export class RecordCursor {
  /** The bytes that positions refer to: the batch's, or its decompressed records. */
  readonly bytes: Buffer;
  offset: Offset = -1;
  /** Milliseconds since the epoch. */
  timestamp = -1;
  attributes = 0;
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  /** Position of the headers after their count. */
  headersStart = 0;
  headersEnd = 0;
  headerCount = 0;
  /** Bytes of the whole record in the (decompressed) batch. */
  sizeBytes = 0;

  /** Base offset of the batch; the next two are its base timestamp and its last offset. */
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly baseTimestamp: number;
  /** Timestamp of every record; undefined when each has its own. */
  readonly logAppendTime: number | undefined;
  readonly #reader: VarintReader;
  readonly #recordsEnd: number;
  #remaining: number;

  /**
   * @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE; CORRUPT_MESSAGE when it cannot be unpacked
   */
  constructor(batch: RecordBatch) {
    const isPlain = batch.compression === 'none';
    this.bytes = isPlain ? batch.bytes : batch.recordsBytes();
    this.#recordsEnd = this.bytes.length;
    this.#reader = new VarintReader(this.bytes, isPlain ? RECORD_BATCH_HEADER_BYTES : 0, 0);
    this.baseOffset = batch.baseOffset;
    this.lastOffset = batch.lastOffset;
    this.baseTimestamp = batch.baseTimestamp;
    this.logAppendTime = batch.isLogAppendTime ? batch.maxTimestamp : undefined;
    this.#remaining = batch.recordCount;
  }

  /** Position in `bytes` of the next record. */
  get position(): number {
    return this.#reader.position;
  }

  /** Number of records still to come. */
  get remaining(): number {
    return this.#remaining;
  }

  /**
   * Continues after records that the caller has walked itself, with the checks of `next`. The
   * other fields are undefined then.
   * @param position where the record after them begins
   * @param count number of these records
   * @param offset of the last one
   */
  passOver(position: number, count: number, offset: Offset): void {
    this.#reader.position = position;
    this.#remaining -= count;
    this.offset = offset;
  }

  /**
   * Moves to the next record.
   * @returns false when there is none
   * @throws ProtocolError CORRUPT_MESSAGE on a malformed record, on offsets that do not rise
   *   within the batch's range, and on bytes left over after the last record
   */
  next(): boolean {
    const reader = this.#reader;
    const start = reader.position;
    reader.end = this.#recordsEnd;
    if (this.#remaining === 0) {
      if (start !== this.#recordsEnd) {
        throw corrupt(`${this.#recordsEnd - start} bytes are left over after the last record.`);
      }
      return false;
    }
    const length = reader.readVarint();
    const end = reader.position + length;
    if (length < 0 || end > this.#recordsEnd) throw corrupt(`A record has length ${length}.`);
    this.#readBody(end);
    this.#remaining -= 1;
    this.sizeBytes = end - start;
    return true;
  }

  #readBody(end: number): void {
    const reader = this.#reader;
    reader.end = end;
    this.attributes = this.bytes[reader.position] ?? 0;
    reader.position += 1;
    const timestampDelta = reader.readVarlong();
    this.timestamp = this.logAppendTime ?? this.baseTimestamp + timestampDelta;
    this.#moveTo(this.baseOffset + reader.readVarint());

    const keyLength = reader.readVarint();
    this.keyStart = keyLength < 0 ? -1 : reader.position;
    this.keyEnd = keyLength < 0 ? -1 : skip(reader, keyLength);
    const valueLength = reader.readVarint();
    this.valueStart = valueLength < 0 ? -1 : reader.position;
    this.valueEnd = valueLength < 0 ? -1 : skip(reader, valueLength);

    this.headerCount = reader.readVarint();
    this.headersStart = reader.position;
    if (this.headerCount !== 0) skipHeaders(reader, this.headerCount);
    this.headersEnd = reader.position;
    if (reader.position !== end || keyLength < -1 || valueLength < -1) {
      throw corrupt(`The record at offset ${this.offset} is not of its declared length.`);
    }
    if (!Number.isSafeInteger(this.timestamp)) {
      throw corrupt(`The record at offset ${this.offset} has a timestamp beyond 2^53.`);
    }
  }

  #moveTo(offset: Offset): void {
    if (offset <= this.offset || offset < this.baseOffset || offset > this.lastOffset) {
      throw corrupt(`A record has offset ${offset}, outside its place in the batch.`);
    }
    this.offset = offset;
  }
}

/** @returns the reader's new position, `length` bytes further */
function skip(reader: VarintReader, length: number): number {
  const end = reader.position + length;
  if (end > reader.end) throw corrupt(`A field of ${length} bytes ends beyond its record.`);
  reader.position = end;
  return end;
}

function skipHeaders(reader: VarintReader, count: number): void {
  if (count < 0) throw corrupt(`A record has ${count} headers.`);
  for (let index = 0; index < count; index += 1) {
    const keyLength = reader.readVarint();
    if (keyLength < 0) throw corrupt('A header has no key.');
    skip(reader, keyLength);
    const valueLength = reader.readVarint();
    if (valueLength < -1) throw corrupt(`A header's value has length ${valueLength}.`);
    if (valueLength > 0) skip(reader, valueLength);
  }
}

function corrupt(detail: string): ProtocolError {
  return new ProtocolError('CORRUPT_MESSAGE', detail);
}
