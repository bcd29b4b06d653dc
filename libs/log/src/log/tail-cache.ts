import type { Offset } from '#protocol';
import { assert } from '#runtime';
import type { RecordBatch } from '../record-batch/record-batch.js';

/** A cached batch, linked by age over all partitions. */
interface CacheEntry {
  readonly batch: RecordBatch;
  readonly firstOffset: Offset;
  readonly nextOffset: Offset;
  readonly owner: PartitionTail;
  older: CacheEntry | undefined;
  newer: CacheEntry | undefined;
}

/**
 * The newest batches of all partitions of a broker, bounded in bytes over all of them: readers at
 * the tail do no disk I/O and share the same `RecordBatch` objects. The oldest batch of all is
 * dropped first, so that a busy partition does not keep memory longer than a quiet one.
 */
export class TailCache {
  #bytes = 0;
  #oldest: CacheEntry | undefined;
  #newest: CacheEntry | undefined;

  constructor(readonly bytesMax: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  partition(): PartitionTail {
    return new PartitionTail(this);
  }

  /** Internal: called by PartitionTail only. */
  link(entry: CacheEntry): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#bytes += entry.batch.sizeBytes;
    while (this.#bytes > this.bytesMax && this.#oldest !== undefined) {
      this.#oldest.owner.dropOldest(this.#oldest);
    }
  }

  /** Internal: called by PartitionTail only. */
  unlink(entry: CacheEntry): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = undefined;
    entry.newer = undefined;
    this.#bytes -= entry.batch.sizeBytes;
  }
}

/**
 * The cached batches of one partition: a run without gaps that ends at the log's end.
 * Invariant: every batch of the log from the first cached one on is cached.
 */
export class PartitionTail {
  /** Cached batches in ascending order; the elements before `#head` are empty. */
  #entries: (CacheEntry | undefined)[] = [];
  #head = 0;
  readonly #cache: TailCache;

  constructor(cache: TailCache) {
    this.#cache = cache;
  }

  /** Adds the batch that was just appended to the log. */
  append(batch: RecordBatch): void {
    const entry: CacheEntry = {
      batch,
      firstOffset: batch.baseOffset,
      nextOffset: batch.nextOffset,
      owner: this,
      older: undefined,
      newer: undefined,
    };
    this.#entries.push(entry);
    this.#cache.link(entry);
  }

  /**
   * Returns whole batches from the one that contains `offset` on, below `endOffset`: at least one,
   * then up to `maxBytes`. Undefined when the cache does not reach back to `offset`.
   */
  read(offset: Offset, maxBytes: number, endOffset: Offset): readonly RecordBatch[] | undefined {
    const entries = this.#entries;
    const first = entries[this.#head];
    if (first === undefined || offset < first.firstOffset) return undefined;
    const batches: RecordBatch[] = [];
    let bytes = 0;
    for (let i = this.#firstReaching(offset); i < entries.length; i += 1) {
      const entry = entries[i] as CacheEntry;
      bytes += entry.batch.sizeBytes;
      if (entry.nextOffset > endOffset || (bytes > maxBytes && batches.length > 0)) break;
      batches.push(entry.batch);
    }
    return batches;
  }

  /** Drops batches that end above `offset`, because the log was truncated to it. */
  truncateTo(offset: Offset): void {
    for (;;) {
      const last = this.#entries.at(-1);
      if (last === undefined || this.#entries.length <= this.#head) return;
      if (last.nextOffset <= offset) return;
      this.#entries.pop();
      this.#cache.unlink(last);
    }
  }

  /** Drops batches that begin below `offset`. */
  dropBefore(offset: Offset): void {
    for (;;) {
      const first = this.#entries[this.#head];
      if (first === undefined || first.firstOffset >= offset) return;
      this.dropOldest(first);
    }
  }

  clear(): void {
    this.dropBefore(Number.POSITIVE_INFINITY);
  }

  /** Internal: called by TailCache only. */
  dropOldest(entry: CacheEntry): void {
    assert(this.#entries[this.#head] === entry, 'a batch is dropped that is not the oldest');
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    this.#cache.unlink(entry);
    // Compacting the array only when half of it is empty makes this constant on average.
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Returns the index of the first entry that ends above `offset`. */
  #firstReaching(offset: Offset): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle] as CacheEntry).nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
