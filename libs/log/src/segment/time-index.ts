import { assert } from '#runtime';
import {
  INITIAL_ENTRY_CAPACITY,
  type IndexOptions,
  RELATIVE_OFFSET_MAX,
  SegmentIndex,
} from './segment-index.js';

const ENTRY_BYTES = 12;

/** An entry of a time index. */
export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

/**
 * The sparse time index of one segment (`<base>.timeindex`, Kafka's TimeIndex).
 *
 * | bytes | entry |
 * |---|---|
 * | 8 | int64, timestamp in ms |
 * | 4 | int32, offset minus the segment's base offset |
 *
 * An entry says: every record of this segment with a greater timestamp comes after that offset.
 * Invariant: no timestamp is negative; timestamps strictly increase, offsets never decrease.
 *
 * Overlap: as for SegmentIndex.
 */
export class TimeIndex extends SegmentIndex {
  /** Timestamps of the entries; undefined while unloaded, as are the relative offsets. */
  #timestamps: Float64Array | undefined;
  #relativeOffsets = new Int32Array(0);

  private constructor(options: IndexOptions) {
    super(options, ENTRY_BYTES);
  }

  /** An empty index for a new segment, or for one whose index is rebuilt; the file is not read. */
  static empty(options: IndexOptions): TimeIndex {
    const index = new TimeIndex(options);
    index.reset();
    return index;
  }

  /**
   * Reads an index file.
   * @returns undefined when there is none or its content cannot be an index of this segment:
   *   rebuild
   */
  static async open(options: IndexOptions): Promise<TimeIndex | undefined> {
    const index = TimeIndex.empty(options);
    return (await index.read()) ? index : undefined;
  }

  /**
   * True when the segment must roll: one slot is reserved for the entry that a roll or a close
   * adds.
   */
  get isFull(): boolean {
    return this.count >= this.entriesMax - 1;
  }

  override get isLoaded(): boolean {
    return this.#timestamps !== undefined;
  }

  /** The last entry; timestamp -1 at the base offset when there is none. */
  get lastEntry(): TimestampOffset {
    return this.#entry(this.count - 1);
  }

  /**
   * Adds an entry unless its timestamp is at or below the last one's. Call it together with an
   * entry of the offset index, and once more at roll and close.
   * @param timestamp the greatest so far in this segment, in ms
   * @param offset last offset of the earliest batch that has it
   */
  maybeAppend(timestamp: number, offset: number): void {
    const last = this.lastEntry;
    if (timestamp <= last.timestamp) return;
    assert(this.count < this.entriesMax, `${this.path} is full`);
    assert(
      offset >= last.offset && offset - this.baseOffset <= RELATIVE_OFFSET_MAX,
      `${this.path}: offset ${offset} after ${last.offset}`,
    );
    const timestamps = this.#roomForOneMore();
    timestamps[this.count] = timestamp;
    this.#relativeOffsets[this.count] = offset - this.baseOffset;
    this.count += 1;
  }

  /**
   * Returns the greatest entry with a timestamp at or below; timestamp -1 at the base offset
   * without one.
   */
  lookup(timestamp: number): TimestampOffset {
    this.usedLately = true;
    return this.#entry(lastAtOrBelow(this.loaded(this.#timestamps), this.count, timestamp));
  }

  /** Drops every entry at or above an offset. */
  truncateTo(offset: number): void {
    assert(this.isLoaded, `${this.path} is used while unloaded`);
    const relative = offset - this.baseOffset - 1;
    this.truncate(lastAtOrBelow(this.#relativeOffsets, this.count, relative) + 1);
  }

  protected override clear(): void {
    this.#timestamps = new Float64Array(INITIAL_ENTRY_CAPACITY);
    this.#relativeOffsets = new Int32Array(INITIAL_ENTRY_CAPACITY);
  }

  protected override unload(): void {
    this.#timestamps = undefined;
    this.#relativeOffsets = new Int32Array(0);
  }

  protected override decode(content: Buffer, count: number): boolean {
    const timestamps = new Float64Array(count);
    const relativeOffsets = new Int32Array(count);
    for (let i = 0; i < count; i += 1) {
      const timestamp = Number(content.readBigInt64BE(i * ENTRY_BYTES));
      const offset = content.readInt32BE(i * ENTRY_BYTES + 8);
      const isInOrder =
        i === 0
          ? timestamp >= 0 && offset >= 0
          : timestamp > (timestamps[i - 1] ?? 0) && offset >= (relativeOffsets[i - 1] ?? 0);
      if (!isInOrder) return false;
      timestamps[i] = timestamp;
      relativeOffsets[i] = offset;
    }
    this.#timestamps = timestamps;
    this.#relativeOffsets = relativeOffsets;
    return true;
  }

  protected override encode(from: number, to: number): Buffer {
    const timestamps = this.loaded(this.#timestamps);
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES);
    for (let i = from; i < to; i += 1) {
      bytes.writeBigInt64BE(BigInt(timestamps[i] ?? 0), (i - from) * ENTRY_BYTES);
      bytes.writeInt32BE(this.#relativeOffsets[i] ?? 0, (i - from) * ENTRY_BYTES + 8);
    }
    return bytes;
  }

  #entry(entry: number): TimestampOffset {
    const timestamps = this.loaded(this.#timestamps);
    if (entry < 0) return { timestamp: -1, offset: this.baseOffset };
    return {
      timestamp: timestamps[entry] ?? -1,
      offset: this.baseOffset + (this.#relativeOffsets[entry] ?? 0),
    };
  }

  #roomForOneMore(): Float64Array {
    const timestamps = this.loaded(this.#timestamps);
    if (this.count < timestamps.length) return timestamps;
    const capacity = Math.max(INITIAL_ENTRY_CAPACITY, 2 * timestamps.length);
    const largerTimestamps = new Float64Array(capacity);
    const largerOffsets = new Int32Array(capacity);
    largerTimestamps.set(timestamps);
    largerOffsets.set(this.#relativeOffsets);
    this.#timestamps = largerTimestamps;
    this.#relativeOffsets = largerOffsets;
    return largerTimestamps;
  }
}

/**
 * Returns the index of the last of `count` ascending values at or below `value`; -1 when there is
 * none.
 */
function lastAtOrBelow(values: Float64Array | Int32Array, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
