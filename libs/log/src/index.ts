export { RepeatedTask } from './background/repeated-task.js';
export { replaceFile } from './checkpoint/checkpoint-file.js';
export {
  BatchUnpacker,
  CONCURRENT_UNPACKS_MAX,
  type CompressionType,
} from './compression/compression.js';
export { DataDirLockedError } from './data-dir/data-dir.js';
export { LogManager } from './data-dir/log-manager.js';
export type { LogManagerOptions, LogManagerPorts } from './data-dir/log-manager-options.js';
export type { Election } from './leader-epoch/leader-elections.js';
export type { EpochEndOffset } from './leader-epoch/leader-epoch-cache.js';
export type { AppendResult } from './log/append-round.js';
export type { FoundTimestamp } from './log/log-reader.js';
export type { Durability } from './log/log-state.js';
export { type LogObserver, silentLogObserver } from './log/observer.js';
export { Log } from './log.js';
export type { ProducerMemory, ProducerMemoryStatus } from './producer-state/producer-memory.js';
export { batchParts, unpackedBatchOf } from './record-batch/batch-parts.js';
export { crc32c } from './record-batch/crc32c.js';
export {
  type DamagedRange,
  damagedEndOffset,
  type OffsetRange,
  UnreadableBatchError,
  unreadableBatch,
} from './record-batch/damage.js';
export { deliverAtOf, mayHaveDelays } from './record-batch/delivery-time.js';
export {
  type BatchProducer,
  batchSizeAt,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatch,
  stampBatch,
} from './record-batch/record-batch.js';
export {
  type EncodedBatches,
  type EncodeOptions,
  encodeInSlices,
  encodeRecordBatches,
  type RecordSelection,
} from './record-batch/record-batch-encoder.js';
export { RecordCursor } from './record-batch/record-cursor.js';
export { batchOfOneSizeBytes } from './record-batch/record-size.js';
export { VarintReader, varintSizeBytes, writeVarint } from './record-batch/varint.js';
export type { LeaderLog } from './replica/follower-appends.js';
export type { ElectionEndOffset } from './replica/log-leadership.js';
