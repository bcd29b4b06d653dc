import { assert, type FileSystem } from '#runtime';
import {
  INITIAL_ENTRY_CAPACITY,
  type IndexOptions,
  RELATIVE_OFFSET_MAX,
  SegmentIndex,
} from './segment-index.js';

const ENTRY_BYTES = 8;

/** One entry of an offset index. */
export interface IndexEntry {
  /** Last offset of the batch at `position`, minus the segment's base offset. */
  readonly relativeOffset: number;
  /** Position in the `.log`, in bytes. */
  readonly position: number;
}

/** Start of a segment: the result for an index without entries. */
const SEGMENT_START: IndexEntry = { relativeOffset: -1, position: 0 };

/**
 * The sparse offset index of one segment (`<base>.index`, Kafka's OffsetIndex).
 *
 * | bytes | entry |
 * |---|---|
 * | 4 | int32, offset less the segment's base offset |
 * | 4 | int32, byte position in the `.log` of a batch that begins at or before that offset |
 *
 * Invariant: offsets strictly increase, positions never decrease.
 *
 * Overlap: as for SegmentIndex.
 */
export class OffsetIndex extends SegmentIndex {
  /** Relative offset and position of each entry, in turn; undefined while unloaded. */
  #entries: Int32Array | undefined;

  private constructor(options: IndexOptions) {
    super(options, ENTRY_BYTES);
  }

  /** An empty index for a new segment, or for one whose index is rebuilt; the file is not read. */
  static empty(options: IndexOptions): OffsetIndex {
    const index = new OffsetIndex(options);
    index.reset();
    return index;
  }

  /**
   * Reads an index file.
   * @returns undefined when there is none or its content cannot be an index of this segment:
   *   rebuild
   */
  static async open(options: IndexOptions): Promise<OffsetIndex | undefined> {
    const index = OffsetIndex.empty(options);
    return (await index.read()) ? index : undefined;
  }

  /** True when the segment must roll before the next entry. */
  get isFull(): boolean {
    return this.count >= this.entriesMax;
  }

  override get isLoaded(): boolean {
    return this.#entries !== undefined;
  }

  /** The last entry's offset; the base offset when there is none. */
  get lastOffset(): number {
    if (this.count === 0) return this.baseOffset;
    return this.baseOffset + this.#relativeOffset(this.count - 1);
  }

  /** The last entry; the start of the segment when there is none. */
  get lastEntry(): IndexEntry {
    if (this.count === 0) return SEGMENT_START;
    const entries = this.loaded(this.#entries);
    const lastPosition = 2 * (this.count - 1);
    return { relativeOffset: entries[lastPosition] ?? 0, position: entries[lastPosition + 1] ?? 0 };
  }

  /** True when an offset can be expressed relative to this segment's base. */
  canHold(offset: number): boolean {
    return offset >= this.baseOffset && offset - this.baseOffset <= RELATIVE_OFFSET_MAX;
  }

  /**
   * Adds an entry: call it after an append, when more than `index.interval.bytes` were appended
   * since the last entry.
   * @param lastOffset last offset of that append; above the last entry's
   * @param position in bytes, where that append began
   */
  append(lastOffset: number, position: number): void {
    assert(!this.isFull, `${this.path} is full`);
    assert(this.canHold(lastOffset), `${this.path} cannot hold offset ${lastOffset}`);
    assert(
      this.count === 0 || lastOffset > this.lastOffset,
      `${this.path}: offset ${lastOffset} after ${this.lastOffset}`,
    );
    const entries = this.#roomForOneMore();
    entries[2 * this.count] = lastOffset - this.baseOffset;
    entries[2 * this.count + 1] = position;
    this.count += 1;
  }

  /**
   * Returns the position in the `.log` from which to scan for an offset: that of the greatest entry
   * at or below it, else 0. The batch there begins at or before the offset.
   */
  positionFor(offset: number): number {
    this.usedLately = true;
    const entry = this.#greatestAtOrBelow(offset - this.baseOffset);
    return entry < 0 ? 0 : (this.loaded(this.#entries)[2 * entry + 1] ?? 0);
  }

  /**
   * Returns the offset of the entry that `positionFor` uses: the last offset of the batch at that
   * position. Undefined when there is none.
   */
  entryOffsetFor(offset: number): number | undefined {
    const entry = this.#greatestAtOrBelow(offset - this.baseOffset);
    return entry < 0 ? undefined : this.baseOffset + this.#relativeOffset(entry);
  }

  /** Drops every entry at or above an offset. */
  truncateTo(offset: number): void {
    this.truncate(this.#greatestAtOrBelow(offset - this.baseOffset - 1) + 1);
  }

  protected override clear(): void {
    this.#entries = new Int32Array(2 * INITIAL_ENTRY_CAPACITY);
  }

  protected override unload(): void {
    this.#entries = undefined;
  }

  protected override decode(content: Buffer): boolean {
    const entries = decodeEntries(content);
    if (entries === undefined) return false;
    this.#entries = entries;
    return true;
  }

  protected override encode(from: number, to: number): Buffer {
    const entries = this.loaded(this.#entries);
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES);
    for (let i = 2 * from; i < 2 * to; i += 1) {
      bytes.writeInt32BE(entries[i] ?? 0, (i - 2 * from) * 4);
    }
    return bytes;
  }

  #relativeOffset(entry: number): number {
    return this.loaded(this.#entries)[2 * entry] ?? 0;
  }

  /** Returns the index of the greatest entry at or below `relative`; -1 when there is none. */
  #greatestAtOrBelow(relative: number): number {
    const entries = this.loaded(this.#entries);
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[2 * middle] ?? 0) <= relative) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #roomForOneMore(): Int32Array {
    const entries = this.loaded(this.#entries);
    if (2 * this.count < entries.length) return entries;
    const larger = new Int32Array(Math.max(2 * INITIAL_ENTRY_CAPACITY, 2 * entries.length));
    larger.set(entries);
    this.#entries = larger;
    return larger;
  }
}

/**
 * Reads only the last entry of an index file; the start of the segment when the file is empty.
 * @returns undefined when there is no file or its size is not a multiple of an entry
 */
export async function readLastEntry(
  fileSystem: FileSystem,
  path: string,
): Promise<IndexEntry | undefined> {
  const sizeBytes = await fileSystem.fileSize(path);
  if (sizeBytes === undefined || sizeBytes % ENTRY_BYTES !== 0) return undefined;
  if (sizeBytes === 0) return SEGMENT_START;
  const file = await fileSystem.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafe(ENTRY_BYTES);
    const count = await file.read(bytes, 0, ENTRY_BYTES, sizeBytes - ENTRY_BYTES);
    if (count < ENTRY_BYTES) return undefined;
    return { relativeOffset: bytes.readInt32BE(0), position: bytes.readInt32BE(4) };
  } finally {
    await file.close();
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
