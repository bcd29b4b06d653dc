export type { AppendResult } from './append-round.js';
export { batchParts, unpackedBatchOf } from './batch-parts.js';
export {
  type CompressionType,
  UNPACKED_AT_A_TIME,
  UNPACKED_BATCH_BYTES_MAX,
  unpackedBatch,
} from './compression.js';
export {
  type DamagedRange,
  type OffsetRange,
  UnreadableBatchError,
  unreadableBatch,
} from './damage.js';
export { DataDirLockedError } from './data-dir.js';
export type { ElectionEndOffset } from './election-end-offset.js';
export type { LeaderLog } from './follower-appends.js';
export type { Election } from './leader-elections.js';
export type { EpochEndOffset } from './leader-epoch-cache.js';
export { Log } from './log.js';
export { LogManager } from './log-manager.js';
export type { LogManagerOptions, LogManagerPorts } from './log-manager-options.js';
export type { FoundTimestamp } from './log-reader.js';
export type { Durability } from './log-state.js';
export { type LogObserver, silentLogObserver } from './observer.js';
export type { ProducerMemory, ProducerMemoryStatus } from './producer-memory.js';
export {
  type BatchProducer,
  batchSizeAt,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatch,
  stampBatch,
  stampProducer,
} from './record-batch.js';
export {
  batchOfOneSizeBytes,
  type EncodedBatches,
  type EncodeOptions,
  encodeInSlices,
  encodeRecordBatches,
  type RecordSelection,
} from './record-batch-encoder.js';
export { RecordCursor } from './record-cursor.js';
export { RepeatedTask } from './repeated-task.js';
export { VarintReader, varintSizeBytes, writeVarint } from './varint.js';
