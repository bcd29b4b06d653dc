import type { ProduceEntry } from './pending-produce.js';

/** Records that are encoded at once: a few milliseconds. */
const RECORDS_AT_ONCE_MAX = 8192;

/** True when entries are so many records that they are encoded in slices. */
export function areEncodedInSlices(entries: readonly ProduceEntry[]): boolean {
  let recordCount = 0;
  for (const { indexes, records } of entries) recordCount += indexes?.length ?? records.count;
  return recordCount > RECORDS_AT_ONCE_MAX;
}
