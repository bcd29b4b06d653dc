import { type Offset, ProtocolError } from '#protocol';
import { emptyBatch } from './empty-batch.js';
import { RecordBatch } from './record-batch.js';
import type { TransactionEnd, TransactionMarkers } from './transaction-markers.js';

/** Inputs that decide which batches a client may see. */
export interface CommittedView {
  readonly markers: TransactionMarkers;
  /** End of the committed offsets: the high watermark. */
  readonly endOffset: Offset;
  /**
   * True when a transaction without a marker here has none in the leader's log either. Nobody can
   * end it then, and its records are never committed.
   */
  readonly isLogComplete: boolean;
}

/** True when a batch holds records of a transaction. Hot: reads one number of the header. */
export function isOfTransaction(batch: RecordBatch): boolean {
  return batch.isTransactional && !batch.isControl;
}

/**
 * Filters batches for clients: a batch whose transaction was aborted, or can no longer be
 * committed, is replaced by an empty one of the same offsets. A reader thus continues after it,
 * and a broker can pass the result to another without a further mark.
 *
 * Ends before the first batch whose transaction is not decided.
 * @throws ProtocolError LEADER_NOT_AVAILABLE when that is the first one; KAFKA_STORAGE_ERROR
 */
export async function committedBatches(
  batches: readonly RecordBatch[],
  view: CommittedView,
): Promise<readonly RecordBatch[]> {
  const shown: RecordBatch[] = [];
  for (const batch of batches) {
    const visibility = isOfTransaction(batch) ? await visibilityOf(batch, view) : 'shown';
    if (visibility === 'undecided') {
      if (shown.length > 0) return shown;
      throw undecided(batch);
    }
    shown.push(visibility === 'shown' ? batch : inPlaceOf(batch));
  }
  return shown;
}

async function visibilityOf(
  batch: RecordBatch,
  { markers, endOffset, isLogComplete }: CommittedView,
): Promise<'shown' | 'hidden' | 'undecided'> {
  const end: TransactionEnd = await markers.endOf(batch, endOffset);
  if (end === 'committed') return 'shown';
  if (end === 'aborted') return 'hidden';
  return end === 'open' && isLogComplete ? 'hidden' : 'undecided';
}

function inPlaceOf(batch: RecordBatch): RecordBatch {
  return new RecordBatch(emptyBatch(batch, batch.leaderEpoch));
}

function undecided({ baseOffset }: RecordBatch): ProtocolError {
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    `Whether the transaction at offset ${baseOffset} was committed is not known to this replica yet.`,
  );
}
