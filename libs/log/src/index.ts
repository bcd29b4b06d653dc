export { type CompressionType, DECOMPRESSED_BYTES_MAX } from './compression.js';
export {
  batchSizeAt,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatch,
  stampBatch,
} from './record-batch.js';
export {
  type BatchProducer,
  batchOfOneSizeBytes,
  type EncodedBatches,
  type EncodeOptions,
  encodeRecordBatches,
  type RecordSelection,
} from './record-batch-encoder.js';
export { RecordCursor } from './record-cursor.js';
export { VarintReader, varintSizeBytes, writeVarint } from './varint.js';
