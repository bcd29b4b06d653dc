import type { LeaderEpoch, Offset } from '#protocol';
import { crc32c } from './crc32c.js';
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  RECORD_BATCH_HEADER_BYTES,
  RECORD_BATCH_MAGIC,
  RECORD_COUNT_AT,
  stampBatch,
} from './record-batch.js';

/**
 * Creates a batch that has offsets and no records, as compaction does.
 * @param offsets both included, at most 2^31 - 1 apart
 */
export function emptyBatch(
  { baseOffset, lastOffset }: { readonly baseOffset: Offset; readonly lastOffset: Offset },
  leaderEpoch: LeaderEpoch,
): Buffer {
  const bytes = Buffer.alloc(RECORD_BATCH_HEADER_BYTES);
  stampBatch(bytes, baseOffset, leaderEpoch);
  bytes.writeInt32BE(RECORD_BATCH_HEADER_BYTES - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT);
  bytes[MAGIC_AT] = RECORD_BATCH_MAGIC;
  bytes.writeInt32BE(lastOffset - baseOffset, LAST_OFFSET_DELTA_AT);
  // Timestamps, producer id, epoch and sequence: none.
  bytes.fill(0xff, BASE_TIMESTAMP_AT, RECORD_COUNT_AT);
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return bytes;
}
