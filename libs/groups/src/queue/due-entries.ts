import type { Offset } from '#protocol';
import { compareDue, type DueCursor } from './share-change.js';

const COUNT_AT_FIRST = 256;

/**
 * Entries of the index of delayed records, sorted by time and offset, in typed arrays: 16 bytes
 * each. New ones gather in a list and are merged when they are asked for.
 */
export class DueEntries {
  #times = new Float64Array(COUNT_AT_FIRST);
  #offsets = new Float64Array(COUNT_AT_FIRST);
  #count = 0;
  /** First entry that is not dropped. */
  #first = 0;
  #added: DueCursor[] = [];

  get count(): number {
    return this.#count - this.#first + this.#added.length;
  }

  add(entry: DueCursor): void {
    this.#added.push(entry);
  }

  /** The entries after a cursor, up to and including another one. */
  *between(from: DueCursor, to: DueCursor): Iterable<DueCursor> {
    this.#merge();
    for (let at = this.#indexAfter(from); at < this.#count; at += 1) {
      const entry = this.#at(at);
      if (compareDue(entry, to) > 0) return;
      yield entry;
    }
  }

  /** Number of entries after a cursor. */
  countAfter(cursor: DueCursor): number {
    this.#merge();
    return this.#count - this.#indexAfter(cursor);
  }

  /** The first entry after a cursor. */
  firstAfter(cursor: DueCursor): DueCursor | undefined {
    this.#merge();
    const at = this.#indexAfter(cursor);
    return at < this.#count ? this.#at(at) : undefined;
  }

  /** Drops the entries up to and including a cursor. */
  dropTo(cursor: DueCursor): void {
    this.#merge();
    this.#first = this.#indexAfter(cursor);
  }

  /**
   * Drops the latest entries, so that at most `countMax` stay.
   * @returns the last one that stays, when any was dropped
   */
  keepEarliest(countMax: number): DueCursor | undefined {
    this.#merge();
    if (this.count <= countMax) return undefined;
    this.#count = this.#first + countMax;
    return this.#at(this.#count - 1);
  }

  #at(index: number): DueCursor {
    return { atMs: this.#times[index] as number, offset: this.#offsets[index] as Offset };
  }

  #indexAfter(cursor: DueCursor): number {
    let low = this.#first;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareDue(this.#at(middle), cursor) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Merges the new entries from the end on, so that those after the last old one cost nothing. */
  #merge(): void {
    const added = this.#added.toSorted(compareDue);
    if (added.length === 0) return;
    this.#added = [];
    this.#reserve(added.length);
    let old = this.#count - 1;
    let to = this.#count + added.length - 1;
    for (let at = added.length - 1; at >= 0; to -= 1) {
      const entry = added[at] as DueCursor;
      if (old >= this.#first && compareDue(this.#at(old), entry) > 0) {
        this.#times[to] = this.#times[old] as number;
        this.#offsets[to] = this.#offsets[old] as number;
        old -= 1;
      } else {
        this.#times[to] = entry.atMs;
        this.#offsets[to] = entry.offset;
        at -= 1;
      }
    }
    this.#count += added.length;
  }

  /** Makes room at the end; the places of dropped entries are used again. */
  #reserve(more: number): void {
    if (this.#count + more <= this.#times.length) return;
    const kept = this.#count - this.#first;
    const size = Math.max(COUNT_AT_FIRST, 2 * (kept + more));
    const times = new Float64Array(size);
    const offsets = new Float64Array(size);
    times.set(this.#times.subarray(this.#first, this.#count));
    offsets.set(this.#offsets.subarray(this.#first, this.#count));
    this.#times = times;
    this.#offsets = offsets;
    this.#first = 0;
    this.#count = kept;
  }
}
