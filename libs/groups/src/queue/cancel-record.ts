import { type CancelledRecord, compareDue, type ShareChange } from './share-change.js';
import type { ShareContext } from './share-context.js';
import type { SharePartition } from './share-partition.js';

/**
 * - `done` it is never delivered
 * - `finished` the group was done with it before
 * - `inUse` a member has it, or it is on its way to the dead letters
 * - `full` too many records that the group has not reached yet are cancelled
 */
export type CancelResult = 'done' | 'finished' | 'inUse' | 'full';

/** Finishes one record that waits, delayed or not, so that it is never delivered. */
export function cancelRecord(
  state: SharePartition,
  cancelled: CancelledRecord,
  { config }: Pick<ShareContext, 'config'>,
): { readonly result: CancelResult; readonly changes: ShareChange[] } {
  const { offset, leaderEpoch } = cancelled;
  const record = state.window.get(offset);
  if (record?.state === 'available') {
    return { result: 'done', changes: [{ kind: 'archived', ranges: [offset, offset] }] };
  }
  if (record !== undefined && record.state !== 'delayed') return { result: 'inUse', changes: [] };
  if (state.cancelled.isSame(offset, leaderEpoch)) return { result: 'done', changes: [] };
  const isLive = record !== undefined || !isFinished(state, cancelled);
  if (!isLive) return { result: 'finished', changes: [] };
  // The mark of a record that was lost gives its place to that of the record with its offset.
  const marks = state.cancelled.size - (state.cancelled.has(offset) ? 1 : 0);
  if (marks >= config.recordLocksMax) return { result: 'full', changes: [] };
  return { result: 'done', changes: [{ kind: 'cancelled', ...cancelled }] };
}

/** True when a record outside of the window was scanned and is not pending. */
function isFinished(state: SharePartition, { offset, deliverAtMs }: CancelledRecord): boolean {
  const { scanOffset, delayedFrom, pendingCount, due } = state;
  if (offset >= scanOffset) return false;
  if (deliverAtMs === null || pendingCount === 0 || offset < delayedFrom) return true;
  return compareDue({ atMs: deliverAtMs, offset }, due) <= 0;
}
