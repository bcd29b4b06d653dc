import type { LogReader } from '../log/log-reader.js';
import type { LogState } from '../log/log-state.js';
import { SCAN_CHUNK_BYTES } from '../record-batch/batch-scan.js';
import { damagedEndOffset } from '../record-batch/damage.js';
import type { WalkedRange } from './segment-recovery.js';

/**
 * Brings the producer state to what the log holds: the newest snapshot, then every batch after it.
 * At a damaged range what stood there is not known: it is passed over.
 * @param nowMs wall clock; producers count as having appended now, for their records' own
 *   timestamps may be of any time
 * @param walked what recovery has looked at: of that, what has no producer ids is not read again
 */
export async function replayProducers(
  log: LogState,
  reader: LogReader,
  nowMs: number,
  walked?: WalkedRange,
): Promise<void> {
  const { logEnd } = log.offsets;
  // Not from the log start: a producer may have written nothing since, and still try again.
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
