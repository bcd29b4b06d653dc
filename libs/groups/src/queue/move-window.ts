import type { Offset } from '#protocol';
import type { ShareChange } from './share-change.js';
import type { SharePartition } from './share-partition.js';

/** Drops the window: delivery begins again at an offset, which may be lower than before. */
export function resetWindow(offset: Offset): ShareChange[] {
  return [{ kind: 'reset', offset }];
}

/**
 * Finishes all records below an offset that no member has, delayed ones too. Records that members
 * have stay theirs.
 */
export function purgeRecords(state: SharePartition, to: Offset): ShareChange[] {
  const isEmpty =
    state.scanOffset >= to &&
    state.pendingCount === 0 &&
    !state.window.records.some((record) => record.offset < to && record.delivery === undefined);
  return isEmpty ? [] : [{ kind: 'purged', to }];
}
