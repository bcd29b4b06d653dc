import type { Offset } from '#protocol';
import { compareDue, type DueCursor } from '../queue/share-change.js';

const COUNT_AT_FIRST = 256;

/** One delayed record in an index. */
export interface DelayedEntry extends DueCursor {
  /** Hash of the record's key; null without key. */
  readonly keyHash: number | null;
}

/**
 * Delayed records in memory, sorted by time and offset: 20 bytes each in typed arrays. New ones
 * gather in a list and are merged when they are asked for.
 */
export class DelayedEntries {
  #times = new Float64Array(COUNT_AT_FIRST);
  #offsets = new Float64Array(COUNT_AT_FIRST);
  /** Hashes of keys, 0 for none: no hash of a key is 0. */
  #keys = new Uint32Array(COUNT_AT_FIRST);
  #count = 0;
  #added: DelayedEntry[] = [];

  get count(): number {
    return this.#count + this.#added.length;
  }

  add(entry: DelayedEntry): void {
    this.#added.push(entry);
  }

  /** The entry at a place of the order; undefined after the last one. */
  at(index: number): DelayedEntry | undefined {
    this.#merge();
    if (index >= this.#count) return undefined;
    const keyHash = this.#keys[index] as number;
    return {
      atMs: this.#times[index] as number,
      offset: this.#offsets[index] as Offset,
      keyHash: keyHash === 0 ? null : keyHash,
    };
  }

  /** Place of the first entry after a cursor. */
  indexAfter(cursor: DueCursor): number {
    this.#merge();
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, cursor) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(index: number, cursor: DueCursor): number {
    const byTime = (this.#times[index] as number) - cursor.atMs;
    return byTime === 0 ? (this.#offsets[index] as number) - cursor.offset : byTime;
  }

  /** Merges the new entries from the end on, so that those after the last old one cost nothing. */
  #merge(): void {
    if (this.#added.length === 0) return;
    const added = this.#added.toSorted(compareDue);
    this.#added = [];
    this.#reserve(this.#count + added.length);
    let old = this.#count - 1;
    let to = this.#count + added.length - 1;
    for (let at = added.length - 1; at >= 0; to -= 1) {
      const entry = added[at] as DelayedEntry;
      if (old >= 0 && this.#compare(old, entry) > 0) {
        this.#times[to] = this.#times[old] as number;
        this.#offsets[to] = this.#offsets[old] as number;
        this.#keys[to] = this.#keys[old] as number;
        old -= 1;
      } else {
        this.#times[to] = entry.atMs;
        this.#offsets[to] = entry.offset;
        this.#keys[to] = entry.keyHash ?? 0;
        at -= 1;
      }
    }
    this.#count += added.length;
  }

  #reserve(count: number): void {
    if (count <= this.#times.length) return;
    const size = Math.max(2 * this.#times.length, count);
    const times = new Float64Array(size);
    const offsets = new Float64Array(size);
    const keys = new Uint32Array(size);
    times.set(this.#times.subarray(0, this.#count));
    offsets.set(this.#offsets.subarray(0, this.#count));
    keys.set(this.#keys.subarray(0, this.#count));
    this.#times = times;
    this.#offsets = offsets;
    this.#keys = keys;
  }
}
