import { assert, type FileSystem } from '#runtime';
import { IndexFile } from './index-file.js';

/** Kafka's segment.index.bytes: an index of this size makes its segment roll. */
const INDEX_BYTES_MAX = 10 * 1024 * 1024;

/** Places for entries that an index in memory begins with. */
export const ENTRIES_AT_FIRST = 64;

/**
 * How far an offset may be above its segment's base offset: indexes keep the difference as an
 * int32.
 */
export const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;

/** Where an index is, and what it may hold. */
export interface IndexOptions {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly baseOffset: number;
  /** `INDEX_BYTES_MAX` unless told. */
  readonly indexBytesMax?: number;
}

/**
 * What the sparse indexes of a segment have in common: entries of one size, in memory and in a
 * file.
 *
 * Entries live in memory and reach the file with `flush`; the memory can be given back
 * (`unloadIfIdle`) once all is flushed. All methods but `load`, `flush`, `rename` and `remove` are
 * synchronous.
 */
export abstract class SegmentIndex {
  readonly baseOffset: number;
  protected readonly entriesMax: number;
  /** Entries in memory, or of the file while unloaded. */
  protected count = 0;
  protected usedLately = true;
  readonly #file: IndexFile;
  readonly #entryBytes: number;

  protected constructor(options: IndexOptions, entryBytes: number) {
    const { fileSystem, path, baseOffset, indexBytesMax = INDEX_BYTES_MAX } = options;
    this.baseOffset = baseOffset;
    this.entriesMax = Math.floor(indexBytesMax / entryBytes);
    this.#entryBytes = entryBytes;
    this.#file = new IndexFile(fileSystem, path, entryBytes);
  }

  abstract get isLoaded(): boolean;

  /** Makes the memory one of no entries. */
  protected abstract clear(): void;
  /** Gives the memory back. */
  protected abstract unload(): void;
  /** Takes the entries of a file; false when they break the index's invariant. */
  protected abstract decode(content: Buffer, count: number): boolean;
  /** The entries [from, to) as they stand on disk. */
  protected abstract encode(from: number, to: number): Buffer;

  get path(): string {
    return this.#file.path;
  }

  get entryCount(): number {
    return this.count;
  }

  /** Drops every entry, so that the index can be built again from the log. */
  reset(): void {
    this.clear();
    this.count = 0;
    this.#file.truncated(0);
  }

  /** Makes the file equal to the entries in memory, durably. An empty index has an empty file. */
  flush(): Promise<void> {
    return this.#file.flush(
      () => this.count,
      (from, to) => this.encode(from, to),
    );
  }

  /**
   * Gives the memory back when the index was not looked up since the last call and is flushed;
   * called now and then for segments that are no longer appended to.
   * @returns whether it is unloaded now
   */
  unloadIfIdle(): boolean {
    if (!this.usedLately && this.#file.isFlushed(this.count)) this.unload();
    this.usedLately = false;
    return !this.isLoaded;
  }

  /**
   * Brings an unloaded index back; needed before any look-up or change when not `isLoaded`.
   * @returns false when the file is no longer what was unloaded: the index is empty then, rebuild
   *   it
   */
  async load(): Promise<boolean> {
    if (this.isLoaded) return true;
    const countBefore = this.count;
    if ((await this.read()) && this.count === countBefore) return true;
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
  protected async read(): Promise<boolean> {
    const content = await this.#file.read();
    if (content === undefined || content.length % this.#entryBytes !== 0) return false;
    const count = content.length / this.#entryBytes;
    if (!this.decode(content, count)) return false;
    this.count = count;
    this.usedLately = true;
    this.#file.loaded(count);
    return true;
  }

  /** Keeps the first `count` entries. */
  protected truncate(count: number): void {
    if (count === this.count) return;
    this.count = count;
    this.#file.truncated(count);
  }

  /** @throws AssertionError when `entries` are not in memory */
  protected loaded<T>(entries: T | undefined): T {
    assert(entries !== undefined, `${this.path} is used while unloaded`);
    return entries;
  }
}
