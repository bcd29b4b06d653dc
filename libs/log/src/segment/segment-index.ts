import { assert, type FileSystem } from '#runtime';
import { IndexFile } from './index-file.js';

/** Kafka's segment.index.bytes: an index of this size makes its segment roll. */
const INDEX_BYTES_MAX = 10 * 1024 * 1024;

/** Initial capacity of an index in memory, in entries. */
export const INITIAL_ENTRY_CAPACITY = 64;

/** Greatest distance of an offset from its segment's base offset: indexes store it as an int32. */
export const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;

/** File of an index, and its limits. */
export interface IndexOptions {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly baseOffset: number;
  /** Defaults to `INDEX_BYTES_MAX`. */
  readonly indexBytesMax?: number;
}

/**
 * The common part of a segment's sparse indexes: entries of one size, in memory and in a file.
 * `flush` writes the entries to the file; their memory can be freed (`unloadIfIdle`) once all is
 * flushed.
 *
 * Overlap: all methods but `load`, `flush`, `rename` and `remove` are synchronous; the file
 * serialises these.
 */
export abstract class SegmentIndex {
  readonly baseOffset: number;
  protected readonly entriesMax: number;
  /** Number of entries in memory, or of the file while unloaded. */
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

  /** Empties the memory. */
  protected abstract clear(): void;
  /** Frees the memory. */
  protected abstract unload(): void;
  /** Loads the entries of a file; false when they break the index's invariant. */
  protected abstract decode(content: Buffer, count: number): boolean;
  /** Encodes the entries [from, to) in their form on disk. */
  protected abstract encode(from: number, to: number): Buffer;

  get path(): string {
    return this.#file.path;
  }

  get entryCount(): number {
    return this.count;
  }

  /** Drops every entry, so that the index can be rebuilt from the log. */
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
   * Frees the memory when the index is flushed and was not used since the last call; called
   * periodically for segments that receive no more appends.
   * @returns whether it is unloaded now
   */
  unloadIfIdle(): boolean {
    if (!this.usedLately && this.#file.isFlushed(this.count)) this.unload();
    this.usedLately = false;
    return !this.isLoaded;
  }

  /**
   * Loads an unloaded index; needed before any look-up or change when not `isLoaded`.
   * @returns false when the file is no longer the unloaded one: the index is empty then and has to
   *   be rebuilt
   */
  async load(): Promise<boolean> {
    if (this.isLoaded) return true;
    const countBefore = this.count;
    if ((await this.read()) && this.count === countBefore) return true;
    this.reset();
    return false;
  }

  /** Renames the file; the directory is not synced. */
  rename(path: string): Promise<void> {
    return this.#file.rename(path);
  }

  /** Removes the file; no error when there is none. */
  remove(): Promise<void> {
    return this.#file.remove();
  }

  /** @returns false when there is no file or it cannot be an index */
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
