import { gzipSync } from 'node:zlib';
import { crc32c } from '../record-batch/crc32c.js';
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  type BatchProducer,
  CRC_AT,
  LOG_OVERHEAD_BYTES,
  RECORD_BATCH_HEADER_BYTES,
} from '../record-batch/record-batch.js';
import { encodeRecordBatches } from '../record-batch/record-batch-encoder.js';
import { type PlainRecord, recordSetOf } from './record-sets.js';

/** Bits of the attributes. */
const GZIP = 1;
const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;

/** One batch of these records, base offset 0. */
export function testBatch(records: readonly PlainRecord[], producer?: BatchProducer): Buffer {
  const selection = { records: recordSetOf(records), indexes: undefined };
  const { batches } = encodeRecordBatches([selection], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: 2 ** 30,
    maxBatchBytes: 2 ** 30,
    ...(producer === undefined ? {} : { producer }),
  });
  const [batch] = batches;
  if (batch === undefined) throw new Error('a test batch of no records');
  return batch;
}

/** The same batch with its records compressed. */
export function gzipBatch(batch: Buffer): Buffer {
  const body = gzipSync(batch.subarray(RECORD_BATCH_HEADER_BYTES));
  const bytes = Buffer.concat([batch.subarray(0, RECORD_BATCH_HEADER_BYTES), body]);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT);
  return withAttribute(bytes, GZIP);
}

/** The same batch, which says that its records are compressed: no reader can unpack them. */
export function unreadableBatch(batch: Buffer): Buffer {
  return withAttribute(Buffer.from(batch), GZIP);
}

/** The same batch as a part of a transaction. */
export function transactionalBatch(batch: Buffer): Buffer {
  return withAttribute(Buffer.from(batch), IS_TRANSACTIONAL);
}

/** The same batch as the marker of a transaction. */
export function controlBatch(batch: Buffer): Buffer {
  return withAttribute(Buffer.from(batch), IS_TRANSACTIONAL | IS_CONTROL);
}

/** Sets bits of the attributes of a batch, and its checksum. */
function withAttribute(bytes: Buffer, bits: number): Buffer {
  bytes.writeInt16BE(bytes.readInt16BE(ATTRIBUTES_AT) | bits, ATTRIBUTES_AT);
  return withChecksum(bytes);
}

/** Sets the checksum of a batch whose bytes were changed. */
export function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return bytes;
}
