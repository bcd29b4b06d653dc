import type { LeaderEpoch, Offset } from '#protocol';
import { type CancelledRecord, compareDue, type DueCursor } from './share-change.js';

/**
 * Cancelled records that were delayed or not scanned yet: the group skips them when it reaches
 * them. Each is remembered until then, so the caller bounds their number.
 */
export class CancelledRecords {
  readonly #records = new Map<Offset, CancelledRecord>();

  get size(): number {
    return this.#records.size;
  }

  /** All of them, in the order in which they were cancelled. */
  get all(): readonly CancelledRecord[] {
    return [...this.#records.values()];
  }

  /** True when a record with this offset was cancelled: this one, or one that was lost since. */
  has(offset: Offset): boolean {
    return this.#records.has(offset);
  }

  /** True when a record that a leader of this epoch appended may be the one that was cancelled. */
  isSame(offset: Offset, leaderEpoch: LeaderEpoch | undefined): boolean {
    const record = this.#records.get(offset);
    if (record === undefined) return false;
    const { leaderEpoch: known } = record;
    return known === undefined || leaderEpoch === undefined || known === leaderEpoch;
  }

  add(record: CancelledRecord): void {
    this.#records.set(record.offset, record);
  }

  clear(): void {
    this.#records.clear();
  }

  forget(offsets: readonly Offset[]): void {
    for (const offset of offsets) this.#records.delete(offset);
  }

  /** Forgets all records below an offset. */
  forgetBelow(offset: Offset): void {
    for (const one of this.#records.keys()) if (one < offset) this.#records.delete(one);
  }

  /** Forgets all records from an offset on. */
  forgetFrom(offset: Offset): void {
    for (const one of this.#records.keys()) if (one >= offset) this.#records.delete(one);
  }

  /** Forgets the records below `scanOffset` that the index of delayed records does not list. */
  forgetPassed(scanOffset: Offset, due: DueCursor): void {
    for (const [offset, { deliverAtMs: atMs }] of this.#records) {
      const isPending = atMs !== null && compareDue({ atMs, offset }, due) > 0;
      if (offset < scanOffset && !isPending) this.#records.delete(offset);
    }
  }
}
