import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import {
  type BatchUnpacker,
  type CompressionType,
  compressionTypeOf,
  DEFAULT_UNPACKER,
} from '../compression/compression.js';
import { crc32c } from './crc32c.js';

/**
 * Kafka's record batch, magic 2. All integers are big-endian.
 *
 * | at | bytes | field                                                                  |
 * |---:|------:|------------------------------------------------------------------------|
 * |  0 |     8 | baseOffset, stamped by the leader                                      |
 * |  8 |     4 | batchLength: bytes that follow this field                              |
 * | 12 |     4 | partitionLeaderEpoch, stamped by the leader                            |
 * | 16 |     1 | magic = 2                                                              |
 * | 17 |     4 | CRC-32C of all that follows                                            |
 * | 21 |     2 | attributes: 0-2 compression, 3 LogAppendTime, 4 transactional,         |
 * |    |       | 5 control, 6 baseTimestamp is a delete horizon                         |
 * | 23 |     4 | lastOffsetDelta                                                        |
 * | 27 |     8 | baseTimestamp                                                          |
 * | 35 |     8 | maxTimestamp                                                           |
 * | 43 |     8 | producerId, -1 for none                                                |
 * | 51 |     2 | producerEpoch, -1 for none                                             |
 * | 53 |     4 | baseSequence, -1 for none                                              |
 * | 57 |     4 | recordsCount: fewer than lastOffsetDelta + 1 after compaction, even 0  |
 * | 61 |       | records, one after the other (see RecordCursor), or one compressed blob |
 */
export const BASE_OFFSET_AT = 0;
/**
 * Bound (exclusive) of the upper 32 bits of baseOffset: offsets are safe integers, below 2^53, and
 * never negative.
 */
export const BASE_OFFSET_UPPER_LIMIT = 2 ** 21;
export const BATCH_LENGTH_AT = 8;
export const LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;

/** The header: what an empty batch consists of. */
export const RECORD_BATCH_HEADER_BYTES = 61;
/** Bytes before the part that batchLength counts. */
export const LOG_OVERHEAD_BYTES = 12;
export const RECORD_BATCH_MAGIC = 2;
export const LOG_APPEND_TIME_FLAG = 0x08;
const TRANSACTIONAL_FLAG = 0x10;
const CONTROL_FLAG = 0x20;
const DELETE_HORIZON_FLAG = 0x40;

/** Fewer bytes than this are not a batch: the header up to the CRC's first byte (Kafka's rule). */
const FRAME_BYTES_MIN = 18;
/** Kafka's smallest batchLength of any magic. */
const BATCH_LENGTH_MIN = 14;
const INT32_MAX = 2 ** 31 - 1;

/**
 * A view over the bytes of exactly one batch. Cheap to create: fields are read on access. Any
 * getter may throw ProtocolError CORRUPT_MESSAGE on a value that no batch can have: check
 * `isCrcValid()` first when the bytes come from a disk or a socket (the CRC does not cover
 * baseOffset and leaderEpoch).
 */
export class RecordBatch {
  readonly #unpacker: BatchUnpacker;

  /**
   * @param unpacker unpacks its records, with the bound of the broker that reads them
   * @throws ProtocolError CORRUPT_MESSAGE when `bytes` is not framed as one batch of magic 2
   */
  constructor(
    readonly bytes: Buffer,
    unpacker: BatchUnpacker = DEFAULT_UNPACKER,
  ) {
    this.#unpacker = unpacker;
    if (bytes.length < RECORD_BATCH_HEADER_BYTES) {
      throw corrupt(`A batch of ${bytes.length} bytes is shorter than its header.`);
    }
    if (bytes[MAGIC_AT] !== RECORD_BATCH_MAGIC) {
      throw corrupt(`A batch of magic ${bytes[MAGIC_AT]}; only ${RECORD_BATCH_MAGIC} is known.`);
    }
    const declaredBytes = int32At(bytes, BATCH_LENGTH_AT) + LOG_OVERHEAD_BYTES;
    if (declaredBytes !== bytes.length) {
      throw corrupt(`A batch says it has ${declaredBytes} bytes and has ${bytes.length}.`);
    }
  }

  /** Offset of the first record, from 0 to 2^53 - 1 (see BASE_OFFSET_UPPER_LIMIT). */
  get baseOffset(): Offset {
    const offset = this.#readInt64(BASE_OFFSET_AT);
    if (offset < 0) throw corrupt(`A batch has base offset ${offset}.`);
    return offset;
  }

  /** Last offset; compaction keeps it even when it removes that record. */
  get lastOffset(): Offset {
    return this.baseOffset + this.lastOffsetDelta;
  }

  /** Offset of the record that follows this batch. */
  get nextOffset(): Offset {
    return this.lastOffset + 1;
  }

  get lastOffsetDelta(): number {
    const delta = int32At(this.bytes, LAST_OFFSET_DELTA_AT);
    if (delta < 0) throw corrupt(`A batch has last offset delta ${delta}.`);
    return delta;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  get leaderEpoch(): LeaderEpoch {
    return int32At(this.bytes, LEADER_EPOCH_AT);
  }

  get attributes(): number {
    return this.bytes.readInt16BE(ATTRIBUTES_AT);
  }

  get compression(): CompressionType {
    return compressionTypeOf(this.attributes);
  }

  /** True when every record's timestamp is `maxTimestamp` and its own is ignored. */
  get isLogAppendTime(): boolean {
    return (this.attributes & LOG_APPEND_TIME_FLAG) !== 0;
  }

  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_FLAG) !== 0;
  }

  /** True when this is a marker of the broker, hidden from consumers. */
  get isControl(): boolean {
    return (this.attributes & CONTROL_FLAG) !== 0;
  }

  /** True when `baseTimestamp` is the time from which its tombstones may be removed. */
  get hasDeleteHorizon(): boolean {
    return (this.attributes & DELETE_HORIZON_FLAG) !== 0;
  }

  /** Base of the records' timestamp deltas, ms; -1 for none. */
  get baseTimestamp(): number {
    return this.#readInt64(BASE_TIMESTAMP_AT);
  }

  /** Milliseconds since the epoch; -1 for none. */
  get maxTimestamp(): number {
    return this.#readInt64(MAX_TIMESTAMP_AT);
  }

  /** Producer id; -1 for none. */
  get producerId(): number {
    return this.#readInt64(PRODUCER_ID_AT);
  }

  /** Producer epoch; -1 for none. */
  get producerEpoch(): number {
    return this.bytes.readInt16BE(PRODUCER_EPOCH_AT);
  }

  /** Sequence of the first record; -1 for none. */
  get baseSequence(): number {
    return int32At(this.bytes, BASE_SEQUENCE_AT);
  }

  /** Sequence of the last record, after 2147483647 comes 0; -1 for none. */
  get lastSequence(): number {
    const { baseSequence, lastOffsetDelta } = this;
    if (baseSequence < 0) return -1;
    const untilWrap = INT32_MAX - baseSequence;
    return lastOffsetDelta <= untilWrap
      ? baseSequence + lastOffsetDelta
      : lastOffsetDelta - untilWrap - 1;
  }

  /** Records that are present. */
  get recordCount(): number {
    const count = int32At(this.bytes, RECORD_COUNT_AT);
    if (count < 0) throw corrupt(`A batch has ${count} records.`);
    return count;
  }

  /** CRC-32C of the bytes from the attributes on, as the batch declares it. */
  get crc(): number {
    return int32At(this.bytes, CRC_AT) >>> 0;
  }

  /** True when the CRC matches. Reads every byte from the attributes on. */
  isCrcValid(): boolean {
    return crc32c(this.bytes, ATTRIBUTES_AT) === this.crc;
  }

  /**
   * Returns the records section, decompressed. It is not kept with the batch: caches of batches
   * count the bytes of the batch alone.
   * @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE; CORRUPT_MESSAGE when it cannot be unpacked
   */
  recordsBytes(): Buffer {
    return this.#unpacker.unpack(this.compression, this.bytes.subarray(RECORD_BATCH_HEADER_BYTES));
  }

  /** Works like `recordsBytes`, unpacked on a thread of the pool, in pieces. */
  recordsPiecesOnThread(): Promise<Buffer[]> {
    const records = this.bytes.subarray(RECORD_BATCH_HEADER_BYTES);
    return this.#unpacker.unpackOnThread(this.compression, records);
  }

  #readInt64(position: number): number {
    const { bytes } = this;
    const value = int32At(bytes, position) * 2 ** 32 + (int32At(bytes, position + 4) >>> 0);
    if (!Number.isSafeInteger(value)) {
      throw corrupt(`A batch has an integer beyond 2^53 at byte ${position} of its header.`);
    }
    return value;
  }
}

/**
 * Writes the fields that only the leader knows into the bytes of a batch; the CRC covers neither.
 * @param baseOffset a safe integer >= 0
 */
export function stampBatch(bytes: Buffer, baseOffset: Offset, leaderEpoch: LeaderEpoch): void {
  bytes.writeUInt32BE(Math.floor(baseOffset / 2 ** 32), BASE_OFFSET_AT);
  bytes.writeUInt32BE(baseOffset % 2 ** 32, BASE_OFFSET_AT + 4);
  bytes.writeInt32BE(leaderEpoch, LEADER_EPOCH_AT);
}

/** Identifies the producer of a batch, so that a retry is recognised. */
export interface BatchProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence of the first record. */
  readonly baseSequence: number;
}

/**
 * Returns the declared size in bytes of the batch that begins at `position` of concatenated
 * batches: it may end beyond the buffer. Undefined when too few bytes are left.
 * @throws ProtocolError CORRUPT_MESSAGE when no batch can have the declared size
 */
export function batchSizeAt(buffer: Buffer, position: number): number | undefined {
  if (buffer.length - position < FRAME_BYTES_MIN) return undefined;
  const batchLength = buffer.readInt32BE(position + BATCH_LENGTH_AT);
  if (batchLength < BATCH_LENGTH_MIN) {
    throw corrupt(`A batch says that ${batchLength} bytes follow its length.`);
  }
  return batchLength + LOG_OVERHEAD_BYTES;
}

/**
 * Reads a field of the header, which `bytes` has completely. The compiler inlines these few
 * operations where a field is read, which it does not do with `readInt32BE` and its checks.
 */
function int32At(bytes: Uint8Array, position: number): number {
  return (
    ((bytes[position] as number) << 24) |
    ((bytes[position + 1] as number) << 16) |
    ((bytes[position + 2] as number) << 8) |
    (bytes[position + 3] as number)
  );
}

function corrupt(detail: string): ProtocolError {
  return new ProtocolError('CORRUPT_MESSAGE', detail);
}
