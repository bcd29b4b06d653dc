import type { LogReader } from '../log/log-reader.js';
import type { LogState } from '../log/log-state.js';
import { SCAN_CHUNK_BYTES } from '../record-batch/batch-scan.js';
import { damagedEndOffset } from '../record-batch/damage.js';
import type { WalkedRange } from './segment-recovery.js';

/**
 * Brings the producer state up to the log end: the newest snapshot, then every batch after it.
 * Damaged ranges, whose batches are unknown, are skipped.
 * @param nowMs wall clock; producers count as having appended now, because their records'
 *   timestamps may be arbitrary
 * @param walked the range that recovery has scanned: its parts without producer ids are not read
 *   again
 */
export async function replayProducers(
  log: LogState,
  reader: LogReader,
  nowMs: number,
  walked?: WalkedRange,
): Promise<void> {
  const { logEnd } = log.offsets;
  // The first segment may begin below the log start. A producer whose last batch is there may
  // still retry it.
  const { baseOffset } = log.segments.first;
  let offset = await log.producers.reload(baseOffset, logEnd, nowMs);
  if (walked !== undefined && offset >= walked.from) {
    offset = Math.max(offset, walked.firstIdempotentOffset ?? logEnd);
  }
  while (offset < logEnd) {
    try {
      const batches = await reader.read(offset, SCAN_CHUNK_BYTES, logEnd);
      if (batches.length === 0) break;
      for (const batch of batches) {
        if (batch.baseOffset >= offset) log.producers.append(batch, batch.baseOffset, nowMs);
        offset = batch.nextOffset;
      }
    } catch (error) {
      const damagedEnd = damagedEndOffset(error);
      if (damagedEnd === undefined) throw error;
      offset = damagedEnd;
    }
    log.producers.commit();
  }
}
