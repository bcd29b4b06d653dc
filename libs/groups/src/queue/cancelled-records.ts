import type { Offset } from '#protocol';
import { compareDue, type DueCursor } from './share-change.js';

/**
 * Cancelled records that were delayed or not scanned yet: the group skips them when it reaches
 * them. Each is remembered until then, so the caller bounds their number.
 */
export class CancelledRecords {
  /** Time of delivery by offset, ms since 1970; null for a record that is not delayed. */
  readonly #atMs = new Map<Offset, number | null>();

  get size(): number {
    return this.#atMs.size;
  }

  /** Offset and time of delivery of each, in the order in which they were cancelled. */
  get entries(): readonly (readonly [Offset, number | null])[] {
    return [...this.#atMs];
  }

  has(offset: Offset): boolean {
    return this.#atMs.has(offset);
  }

  add(offset: Offset, deliverAtMs: number | null): void {
    this.#atMs.set(offset, deliverAtMs);
  }

  clear(): void {
    this.#atMs.clear();
  }

  /** Forgets all records below an offset. */
  forgetBelow(offset: Offset): void {
    for (const one of this.#atMs.keys()) if (one < offset) this.#atMs.delete(one);
  }

  /** Forgets all records from an offset on. */
  forgetFrom(offset: Offset): void {
    for (const one of this.#atMs.keys()) if (one >= offset) this.#atMs.delete(one);
  }

  /** Forgets the records below `scanOffset` that the index of delayed records does not list. */
  forgetPassed(scanOffset: Offset, due: DueCursor): void {
    for (const [offset, atMs] of this.#atMs) {
      const isPending = atMs !== null && compareDue({ atMs, offset }, due) > 0;
      if (offset < scanOffset && !isPending) this.#atMs.delete(offset);
    }
  }
}
