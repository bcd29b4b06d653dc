import type { Offset } from '#protocol';
import { assert } from '#runtime';
import { boundsOf, type OffsetRanges } from './offset-ranges.js';
import type { WindowRecord } from './window-record.js';

/**
 * The records of a share partition that are not finished, in the order of their offsets.
 *
 * They are bounded by `share.partition.max.record.locks`, so one sorted list is enough: a look-up
 * is a binary search, and a removal moves a few kilobytes.
 */
export class ShareWindow {
  readonly #records: WindowRecord[] = [];

  get size(): number {
    return this.#records.length;
  }

  get records(): readonly WindowRecord[] {
    return this.#records;
  }

  get(offset: Offset): WindowRecord | undefined {
    const record = this.#records[this.#indexOf(offset)];
    return record?.offset === offset ? record : undefined;
  }

  add(record: WindowRecord): void {
    const last = this.#records.at(-1);
    if (last === undefined || last.offset < record.offset) {
      this.#records.push(record);
      return;
    }
    const at = this.#indexOf(record.offset);
    assert(this.#records[at]?.offset !== record.offset, `record ${record.offset} is there twice`);
    this.#records.splice(at, 0, record);
  }

  /** The records of the ranges, all of which must be there. */
  *in(ranges: OffsetRanges): Iterable<WindowRecord> {
    for (const [first, last] of boundsOf(ranges)) {
      const at = this.#indexOf(first);
      for (let index = 0; index <= last - first; index += 1) {
        const record = this.#records[at + index];
        assert(record?.offset === first + index, `record ${first + index} is not in the window`);
        yield record;
      }
    }
  }

  /** Removes the records of the ranges, all of which must be there. */
  remove(ranges: OffsetRanges): void {
    for (const [first, last] of boundsOf(ranges)) {
      const at = this.#indexOf(first);
      const removed = this.#records.splice(at, last - first + 1);
      assert(
        removed[0]?.offset === first && removed.at(-1)?.offset === last,
        `records ${first} to ${last} are not in the window`,
      );
    }
  }

  clear(): void {
    this.#records.length = 0;
  }

  /** Index of the first record at or after an offset. */
  #indexOf(offset: Offset): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle] as WindowRecord).offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
