import type { ShareChange } from './share-change.js';
import { DELTA_SLOTS, type SharePartitionKey, type ShareRecord } from './share-log-records.js';
import type { SharePartition } from './share-partition.js';
import { snapshotOf } from './share-snapshot.js';

/** The place of a share partition's next delta in the group's log. */
export interface ShareLogPosition {
  readonly topicId: string;
  /** Epoch of the last whole snapshot; -1 before the first. */
  readonly epoch: number;
  /** Slot of the next delta. */
  readonly slot: number;
}

/** Records to append, and the position that holds once they are in the log. */
export interface ShareLogWrite {
  readonly records: readonly ShareRecord[];
  readonly next: ShareLogPosition;
}

/**
 * The records for changes of `state`, which does not have them yet: deltas, and before them a
 * snapshot when there are not enough slots for them.
 * @param partBytesMax bytes that the JSON text of one record's list may take
 */
export function writeChanges(
  key: SharePartitionKey,
  position: ShareLogPosition,
  state: SharePartition,
  { changes, partBytesMax }: { changes: readonly ShareChange[]; partBytesMax: number },
): ShareLogWrite {
  const lists = packed(changes, partBytesMax);
  if (position.epoch < 0 || position.slot + lists.length > DELTA_SLOTS) {
    const snapshot = writeSnapshot(key, position, state, partBytesMax);
    if (changes.length === 0) return snapshot;
    const deltas = writeChanges(key, snapshot.next, state, { changes, partBytesMax });
    return { records: [...snapshot.records, ...deltas.records], next: deltas.next };
  }
  const { topicId, epoch, slot } = position;
  const records = lists.map(
    (some, index): ShareRecord => ({
      kind: 'share-delta',
      key: { ...key, slot: slot + index },
      value: { topicId, epoch, changes: some },
    }),
  );
  return { records, next: { topicId, epoch, slot: slot + lists.length } };
}

/** A snapshot of the next epoch, in as many chunks as it needs. */
export function writeSnapshot(
  key: SharePartitionKey,
  { topicId, epoch: lastEpoch }: ShareLogPosition,
  state: SharePartition,
  partBytesMax: number,
): ShareLogWrite {
  const epoch = lastEpoch + 1;
  const lists = packed(snapshotOf(state), partBytesMax);
  const records = lists.map(
    (parts, chunk): ShareRecord => ({
      kind: 'share-snapshot',
      key: { ...key, half: epoch % 2, chunk },
      value: { topicId, epoch, chunks: lists.length, parts },
    }),
  );
  return { records, next: { topicId, epoch, slot: 0 } };
}

/** Cuts a list so that the JSON text of each part stays within a size; at least one item each. */
function packed<Item>(items: readonly Item[], bytesMax: number): Item[][] {
  const lists: Item[][] = [];
  let sizeBytes = Infinity;
  for (const item of items) {
    const itemBytes = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (sizeBytes + itemBytes > bytesMax) {
      lists.push([]);
      sizeBytes = 0;
    }
    lists.at(-1)?.push(item);
    sizeBytes += itemBytes;
  }
  return lists;
}
