import type { Offset } from '#protocol';
import type { SharePartition } from './share-partition.js';

/** The offset below which the group is done with all records for good, also with delayed ones. */
export function floorOf({
  startOffset,
  window,
  pendingCount,
  delayedFrom,
}: SharePartition): Offset {
  const first = window.records[0]?.offset ?? startOffset;
  const pending = pendingCount > 0 ? delayedFrom : startOffset;
  return Math.min(startOffset, first, pending);
}
