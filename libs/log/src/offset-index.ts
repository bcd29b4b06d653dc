import { assert, type FileSystem } from '#runtime';
import { IndexFile } from './index-file.js';

const ENTRY_BYTES = 8;
const ENTRIES_AT_FIRST = 64;
const INT32_MAX = 2 ** 31 - 1;

/** Kafka's segment.index.bytes: an index of this size makes its segment roll. */
export const INDEX_BYTES_MAX = 10 * 1024 * 1024;

/**
 * The sparse offset index of one segment (`<base>.index`, kafka-format 3).
 *
 * | bytes | entry |
 * |---|---|
 * | 4 | int32, offset less the segment's base offset |
 * | 4 | int32, byte position in the `.log` of a batch that begins at or before that offset |
 *
 * Invariant: offsets strictly increase, positions never decrease.
 * Entries live in memory and reach the file with `flush`; the memory can be given back (`unload`)
 * once all is flushed. All methods but `load`, `flush`, `rename` and `remove` are synchronous.
 */
export class OffsetIndex {
  readonly #file: IndexFile;
  /** Relative offset and position of each entry, in turn; undefined while unloaded. */
  #entries: Int32Array | undefined;
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
  ): OffsetIndex {
    const index = new OffsetIndex(
      fileSystem,
      path,
      baseOffset,
      Math.floor(indexBytesMax / ENTRY_BYTES),
    );
    index.#entries = new Int32Array(2 * ENTRIES_AT_FIRST);
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
  ): Promise<OffsetIndex | undefined> {
    const index = OffsetIndex.empty(fileSystem, path, baseOffset, indexBytesMax);
    return (await index.#read()) ? index : undefined;
  }

  get path(): string {
    return this.#file.path;
  }

  get entryCount(): number {
    return this.#count;
  }

  /** Whether the segment must roll before the next entry. */
  get isFull(): boolean {
    return this.#count >= this.entriesMax;
  }

  get isLoaded(): boolean {
    return this.#entries !== undefined;
  }

  /** The last entry's offset; the base offset when there is none. */
  get lastOffset(): number {
    if (this.#count === 0) return this.baseOffset;
    return this.baseOffset + this.#relativeOffset(this.#count - 1);
  }

  /** Whether an offset can be expressed relative to this segment's base. */
  canHold(offset: number): boolean {
    return offset >= this.baseOffset && offset - this.baseOffset <= INT32_MAX;
  }

  /**
   * Adds an entry: call it after an append, when more than `index.interval.bytes` were appended since
   * the last entry.
   * @param lastOffset of what was just appended; above the last entry's
   * @param position in bytes, where that append began
   */
  append(lastOffset: number, position: number): void {
    assert(!this.isFull, `${this.path} is full`);
    assert(this.canHold(lastOffset), `${this.path} cannot hold offset ${lastOffset}`);
    assert(
      this.#count === 0 || lastOffset > this.lastOffset,
      `${this.path}: offset ${lastOffset} after ${this.lastOffset}`,
    );
    const entries = this.#roomForOneMore();
    entries[2 * this.#count] = lastOffset - this.baseOffset;
    entries[2 * this.#count + 1] = position;
    this.#count += 1;
  }

  /**
   * Where in the `.log` to begin to look for an offset: the position of the greatest entry at or below
   * it, else 0. The batch there begins at or before the offset.
   */
  positionFor(offset: number): number {
    this.#usedLately = true;
    const entry = this.#greatestAtOrBelow(offset - this.baseOffset);
    return entry < 0 ? 0 : (this.#loadedEntries()[2 * entry + 1] ?? 0);
  }

  /**
   * The offset of the entry that `positionFor` goes by: the last offset of the batch at that position.
   * Undefined when there is none.
   */
  entryOffsetFor(offset: number): number | undefined {
    const entry = this.#greatestAtOrBelow(offset - this.baseOffset);
    return entry < 0 ? undefined : this.baseOffset + this.#relativeOffset(entry);
  }

  /** Drops every entry at or above an offset. */
  truncateTo(offset: number): void {
    const count = this.#greatestAtOrBelow(offset - this.baseOffset - 1) + 1;
    if (count === this.#count) return;
    this.#count = count;
    this.#file.truncated(count);
  }

  /** Drops every entry, so that the index can be built again from the log. */
  reset(): void {
    this.#entries = new Int32Array(2 * ENTRIES_AT_FIRST);
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
    const isIdle = !this.#usedLately && this.#file.isFlushed(this.#count);
    this.#usedLately = false;
    if (isIdle) this.#entries = undefined;
    return this.#entries === undefined;
  }

  /**
   * Brings an unloaded index back; needed before any look-up or change when not `isLoaded`.
   * @returns false when the file is no longer what was unloaded: the index is empty then, rebuild it
   */
  async load(): Promise<boolean> {
    if (this.#entries !== undefined) return true;
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
    const entries = decodeEntries(content);
    if (entries === undefined) return false;
    this.#entries = entries;
    this.#count = content.length / ENTRY_BYTES;
    this.#usedLately = true;
    this.#file.loaded(this.#count);
    return true;
  }

  #encode(from: number, to: number): Buffer {
    const entries = this.#loadedEntries();
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES);
    for (let i = 2 * from; i < 2 * to; i += 1) {
      bytes.writeInt32BE(entries[i] ?? 0, (i - 2 * from) * 4);
    }
    return bytes;
  }

  #relativeOffset(entry: number): number {
    return this.#loadedEntries()[2 * entry] ?? 0;
  }

  /** Number of the greatest entry with a relative offset at or below `relative`; -1 when there is none. */
  #greatestAtOrBelow(relative: number): number {
    const entries = this.#loadedEntries();
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[2 * middle] ?? 0) <= relative) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #loadedEntries(): Int32Array {
    assert(this.#entries !== undefined, `${this.path} is used while unloaded`);
    return this.#entries;
  }

  #roomForOneMore(): Int32Array {
    const entries = this.#loadedEntries();
    if (2 * this.#count < entries.length) return entries;
    const larger = new Int32Array(Math.max(2 * ENTRIES_AT_FIRST, 2 * entries.length));
    larger.set(entries);
    this.#entries = larger;
    return larger;
  }
}

/** The file's entries, or undefined when they break the index's invariant. */
function decodeEntries(content: Buffer): Int32Array | undefined {
  const entries = new Int32Array(content.length / 4);
  let lastOffset = -1;
  let lastPosition = 0;
  for (let i = 0; i < entries.length; i += 2) {
    const offset = content.readInt32BE(i * 4);
    const position = content.readInt32BE(i * 4 + 4);
    if (offset <= lastOffset || position < lastPosition) return undefined;
    entries[i] = offset;
    entries[i + 1] = position;
    lastOffset = offset;
    lastPosition = position;
  }
  return entries;
}
