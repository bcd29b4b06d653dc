import { crc32c, encodeRecordBatches, RECORD_BATCH_HEADER_BYTES } from '#log';
import { recordSetOf } from '../../libs/log/src/testing/record-sets.js';

/** Positions of a batch's fields; docs: kafka.apache.org/documentation/#recordbatch. */
const LENGTH_AT = 8;
const LENGTH_COUNTS_FROM = 12;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;

/**
 * Returns the bytes of one batch, base offset 0, with compressed records, as only Kafka writes it.
 * @param codec number in Kafka's attributes: 1 gzip, 2 snappy, 3 lz4
 */
export function packedBatch(
  values: readonly string[],
  codec: number,
  pack: (records: Buffer) => Buffer,
): Buffer {
  const records = recordSetOf(values.map((value) => ({ key: null, value })));
  const [batch = Buffer.alloc(0)] = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: Date.now(),
    timestampType: 'CreateTime',
    batchSizeBytes: 2 ** 30,
    maxBatchBytes: 2 ** 30,
  }).batches;
  const header = batch.subarray(0, RECORD_BATCH_HEADER_BYTES);
  const bytes = Buffer.concat([header, pack(batch.subarray(RECORD_BATCH_HEADER_BYTES))]);
  bytes.writeInt32BE(bytes.length - LENGTH_COUNTS_FROM, LENGTH_AT);
  bytes.writeInt16BE(codec, ATTRIBUTES_AT);
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return bytes;
}
