import { compareDue, type DueCursor } from '../queue/share-change.js';
import type { DelayedEntry } from './delayed-entries.js';
import type { EntryReader } from './delayed-run.js';

interface DueBounds {
  readonly from: DueCursor;
  /** Time up to which records are due, ms since 1970. */
  readonly untilMs: number;
  readonly recordsMax: number;
}

interface DueList {
  /** The cursor that the list is complete up to. */
  readonly to: DueCursor;
  readonly records: readonly DelayedEntry[];
  /** Time of the next entry after `to`, ms since 1970; null when there is none. */
  readonly nextAtMs: number | null;
}

/** Merges sorted readers, which stand after `from`. @throws what their `advance` throws */
export async function listDue(
  readers: readonly EntryReader[],
  { from, untilMs, recordsMax }: DueBounds,
): Promise<DueList> {
  const records: DelayedEntry[] = [];
  for (;;) {
    const reader = earliest(readers);
    const head = reader?.head;
    if (reader === undefined || head === undefined || head.atMs > untilMs) {
      const end = { atMs: untilMs, offset: Number.MAX_SAFE_INTEGER };
      // A clock that was set back leaves the cursor where it is.
      const to = compareDue(end, from) < 0 ? from : end;
      return { to, records, nextAtMs: head?.atMs ?? null };
    }
    if (records.length >= recordsMax) {
      const { atMs, offset } = records.at(-1) ?? from;
      return { to: { atMs, offset }, records, nextAtMs: head.atMs };
    }
    records.push(head);
    const advance = reader.advance();
    if (advance !== undefined) await advance;
  }
}

/** The reader with the first entry of all; undefined when all are at their ends. */
function earliest(readers: readonly EntryReader[]): EntryReader | undefined {
  let first: EntryReader | undefined;
  for (const reader of readers) {
    if (reader.head === undefined) continue;
    if (first?.head === undefined || compareDue(reader.head, first.head) < 0) first = reader;
  }
  return first;
}
