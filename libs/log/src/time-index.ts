import { assert, type FileSystem } from '#runtime';
import { IndexFile } from './index-file.js';
import { INDEX_BYTES_MAX } from './offset-index.js';

const ENTRY_BYTES = 12;
const ENTRIES_AT_FIRST = 64;
const INT32_MAX = 2 ** 31 - 1;

/** An entry of a time index. */
export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

/**
 * The sparse time index of one segment (`<base>.timeindex`, kafka-format 4).
 *
 * | bytes | entry |
 * |---|---|
 * | 8 | int64, timestamp in ms |
 * | 4 | int32, offset less the segment's base offset |
 *
 * An entry says: every record of this segment with a greater timestamp comes after that offset.
 * Invariant: timestamps strictly increase, offsets never decrease.
 * Entries live in memory and reach the file with `flush`; the memory can be given back (`unload`)
 * once all is flushed. All methods but `load`, `flush`, `rename` and `remove` are synchronous.
 */
export class TimeIndex {
  readonly #file: IndexFile;
  /** Undefined while unloaded, as are the relative offsets. */
  #timestamps: Float64Array | undefined;
  #relativeOffsets = new Int32Array(0);
  #count = 0;
  #usedLately = true;

  private constructor(
    fileSystem: FileSystem,
    path: string,
    readonly baseOffset: number,
    private readonly entriesMax: number,
  ) {
    this.#file = new IndexFile(fileSystem, path, ENTRY_BYTES);
  }

  /** An empty index for a new segment, or for one whose index is rebuilt; the file is not read. */
  static empty(
    fileSystem: FileSystem,
    path: string,
    baseOffset: number,
    indexBytesMax = INDEX_BYTES_MAX,
  ): TimeIndex {
    const index = new TimeIndex(
      fileSystem,
      path,
      baseOffset,
      Math.floor(indexBytesMax / ENTRY_BYTES),
    );
    index.reset();
    return index;
  }

  /**
   * Reads an index file.
   * @returns undefined when there is none or its content cannot be an index of this segment: rebuild
   */
  static async open(
    fileSystem: FileSystem,
    path: string,
    baseOffset: number,
    indexBytesMax = INDEX_BYTES_MAX,
  ): Promise<TimeIndex | undefined> {
    const index = TimeIndex.empty(fileSystem, path, baseOffset, indexBytesMax);
    return (await index.#read()) ? index : undefined;
  }

  get path(): string {
    return this.#file.path;
  }

  get entryCount(): number {
    return this.#count;
  }

  /** Whether the segment must roll: one place is kept for the entry that a roll or a close forces. */
  get isFull(): boolean {
    return this.#count >= this.entriesMax - 1;
  }

  get isLoaded(): boolean {
    return this.#timestamps !== undefined;
  }

  /** The last entry; timestamp -1 at the base offset when there is none. */
  get lastEntry(): TimestampOffset {
    return this.#entry(this.#count - 1);
  }

  /**
   * Adds an entry unless its timestamp is not above the last one's. Call it together with an entry of
   * the offset index, and once more at roll and close.
   * @param timestamp the greatest so far in this segment, in ms
   * @param offset last offset of the earliest batch that has it
   */
  maybeAppend(timestamp: number, offset: number): void {
    const last = this.lastEntry;
    if (timestamp <= last.timestamp) return;
    assert(this.#count < this.entriesMax, `${this.path} is full`);
    assert(
      offset >= last.offset && offset - this.baseOffset <= INT32_MAX,
      `${this.path}: offset ${offset} after ${last.offset}`,
    );
    const timestamps = this.#roomForOneMore();
    timestamps[this.#count] = timestamp;
    this.#relativeOffsets[this.#count] = offset - this.baseOffset;
    this.#count += 1;
  }

  /** The greatest entry with a timestamp at or below; timestamp -1 at the base offset without one. */
  lookup(timestamp: number): TimestampOffset {
    this.#usedLately = true;
    return this.#entry(lastAtOrBelow(this.#loadedTimestamps(), this.#count, timestamp));
  }

  /** Drops every entry at or above an offset. */
  truncateTo(offset: number): void {
    this.#loadedTimestamps();
    const relative = offset - this.baseOffset - 1;
    const count = lastAtOrBelow(this.#relativeOffsets, this.#count, relative) + 1;
    if (count === this.#count) return;
    this.#count = count;
    this.#file.truncated(count);
  }

  /** Drops every entry, so that the index can be built again from the log. */
  reset(): void {
    this.#timestamps = new Float64Array(ENTRIES_AT_FIRST);
    this.#relativeOffsets = new Int32Array(ENTRIES_AT_FIRST);
    this.#count = 0;
    this.#file.truncated(0);
  }

  /** Makes the file equal to the entries in memory, durably. An empty index has an empty file. */
  flush(): Promise<void> {
    return this.#file.flush(
      () => this.#count,
      (from, to) => this.#encode(from, to),
    );
  }

  /**
   * Gives the memory back when the index was not looked up since the last call and is flushed; called
   * now and then for segments that are no longer appended to.
   * @returns whether it is unloaded now
   */
  unloadIfIdle(): boolean {
    if (!this.#usedLately && this.#file.isFlushed(this.#count)) {
      this.#timestamps = undefined;
      this.#relativeOffsets = new Int32Array(0);
    }
    this.#usedLately = false;
    return this.#timestamps === undefined;
  }

  /**
   * Brings an unloaded index back; needed before any look-up or change when not `isLoaded`.
   * @returns false when the file is no longer what was unloaded: the index is empty then, rebuild it
   */
  async load(): Promise<boolean> {
    if (this.#timestamps !== undefined) return true;
    const countBefore = this.#count;
    if ((await this.#read()) && this.#count === countBefore) return true;
    this.reset();
    return false;
  }

  /** Gives the file another name; the directory is not synced. */
  rename(path: string): Promise<void> {
    return this.#file.rename(path);
  }

  /** Removes the file; no error when there is none. */
  remove(): Promise<void> {
    return this.#file.remove();
  }

  /** @returns false when there is no file or it is not a sane index */
  async #read(): Promise<boolean> {
    const content = await this.#file.read();
    if (content === undefined || content.length % ENTRY_BYTES !== 0) return false;
    const count = content.length / ENTRY_BYTES;
    const timestamps = new Float64Array(count);
    const relativeOffsets = new Int32Array(count);
    for (let i = 0; i < count; i += 1) {
      const timestamp = Number(content.readBigInt64BE(i * ENTRY_BYTES));
      const offset = content.readInt32BE(i * ENTRY_BYTES + 8);
      const isInOrder =
        i === 0
          ? offset >= 0
          : timestamp > (timestamps[i - 1] ?? 0) && offset >= (relativeOffsets[i - 1] ?? 0);
      if (!isInOrder) return false;
      timestamps[i] = timestamp;
      relativeOffsets[i] = offset;
    }
    this.#timestamps = timestamps;
    this.#relativeOffsets = relativeOffsets;
    this.#count = count;
    this.#usedLately = true;
    this.#file.loaded(count);
    return true;
  }

  #encode(from: number, to: number): Buffer {
    const timestamps = this.#loadedTimestamps();
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES);
    for (let i = from; i < to; i += 1) {
      bytes.writeBigInt64BE(BigInt(timestamps[i] ?? 0), (i - from) * ENTRY_BYTES);
      bytes.writeInt32BE(this.#relativeOffsets[i] ?? 0, (i - from) * ENTRY_BYTES + 8);
    }
    return bytes;
  }

  #entry(entry: number): TimestampOffset {
    const timestamps = this.#loadedTimestamps();
    if (entry < 0) return { timestamp: -1, offset: this.baseOffset };
    return {
      timestamp: timestamps[entry] ?? -1,
      offset: this.baseOffset + (this.#relativeOffsets[entry] ?? 0),
    };
  }

  #loadedTimestamps(): Float64Array {
    assert(this.#timestamps !== undefined, `${this.path} is used while unloaded`);
    return this.#timestamps;
  }

  #roomForOneMore(): Float64Array {
    const timestamps = this.#loadedTimestamps();
    if (this.#count < timestamps.length) return timestamps;
    const places = Math.max(ENTRIES_AT_FIRST, 2 * timestamps.length);
    const largerTimestamps = new Float64Array(places);
    const largerOffsets = new Int32Array(places);
    largerTimestamps.set(timestamps);
    largerOffsets.set(this.#relativeOffsets);
    this.#timestamps = largerTimestamps;
    this.#relativeOffsets = largerOffsets;
    return largerTimestamps;
  }
}

/** Place of the last of `count` ascending values that is at or below `value`; -1 when there is none. */
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
