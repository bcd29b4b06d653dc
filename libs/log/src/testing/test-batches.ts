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
  bytes.writeInt16BE(bytes.readInt16BE(ATTRIBUTES_AT) | 1, ATTRIBUTES_AT);
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return bytes;
}
