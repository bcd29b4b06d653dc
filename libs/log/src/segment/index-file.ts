import type { FileSystem } from '#runtime';
import { tryReadFile } from '../checkpoint/checkpoint-file.js';

/** Encodes the entries [from, to) of an index in their form on disk. */
type EncodeEntries = (from: number, to: number) => Buffer;

/**
 * The file behind an index whose entries live in memory: a flush appends entries, never one at a
 * time. It is a cache of the log and rebuilt from it after any fault, so that it has no checksum
 * and a crash may leave it short or stale. It holds no file descriptor between calls.
 *
 * Overlap: `flush` calls may overlap; they run one after the other. `truncated` may be called at
 * any time, also during a flush.
 */
export class IndexFile {
  /** Entries [0, validCount) of the file equal those in memory at the last flush. */
  #validCount = 0;
  /** True when the file may be longer than its valid entries. */
  #hasRest = true;
  /** First entry that was dropped from memory since the last flush began. */
  #truncatedTo = Number.POSITIVE_INFINITY;
  #lastFlush: Promise<void> = Promise.resolve();
  readonly #fileSystem: FileSystem;
  #filePath: string;
  readonly #entryBytes: number;

  constructor(fileSystem: FileSystem, filePath: string, entryBytes: number) {
    this.#fileSystem = fileSystem;
    this.#filePath = filePath;
    this.#entryBytes = entryBytes;
  }

  get path(): string {
    return this.#filePath;
  }

  /**
   * Returns the file's content, or undefined when there is no file. The caller decides which part
   * is valid.
   */
  read(): Promise<Buffer | undefined> {
    return tryReadFile(this.#fileSystem, this.#filePath);
  }

  /** Records that the file has exactly `count` entries, all equal to those in memory. */
  loaded(count: number): void {
    this.#validCount = count;
    this.#hasRest = false;
    this.#truncatedTo = Number.POSITIVE_INFINITY;
  }

  /** Records that the entries from `count` on are gone or will be replaced. */
  truncated(count: number): void {
    this.#truncatedTo = Math.min(this.#truncatedTo, count);
  }

  /** True when the file holds exactly the entries [0, count) of memory. */
  isFlushed(count: number): boolean {
    return this.#validCount === count && !this.#hasRest && this.#truncatedTo >= count;
  }

  /**
   * Makes the file hold exactly the entries [0, count()), durably. After a rejection the file's
   * content is unknown from the first unwritten entry on; the next flush writes from there again.
   */
  flush(count: () => number, encode: EncodeEntries): Promise<void> {
    const flush = this.#lastFlush.then(() => this.#flush(count(), encode));
    this.#lastFlush = flush.catch(() => undefined);
    return flush;
  }

  /** Renames the file, after all earlier flushes. The directory is not synced. */
  rename(path: string): Promise<void> {
    const rename = this.#lastFlush.then(() => this.#rename(path));
    this.#lastFlush = rename.catch(() => undefined);
    return rename;
  }

  /** Removes the file, after all earlier flushes. */
  remove(): Promise<void> {
    const remove = this.#lastFlush.then(() => this.#fileSystem.removeFile(this.#filePath));
    this.#lastFlush = remove.catch(() => undefined);
    return remove;
  }

  async #rename(path: string): Promise<void> {
    await this.#fileSystem.rename(this.#filePath, path);
    this.#filePath = path;
  }

  async #flush(count: number, encode: EncodeEntries): Promise<void> {
    const from = Math.min(this.#validCount, this.#truncatedTo);
    const mustTruncate = this.#hasRest || from < this.#validCount;
    if (!mustTruncate && from === count) return;
    const entries = encode(from, count);
    // Until everything is on disk nothing past `from` is known. Truncations from now on affect the
    // next flush.
    this.#validCount = from;
    this.#hasRest = true;
    this.#truncatedTo = Number.POSITIVE_INFINITY;
    const file = await this.#fileSystem.open(this.#filePath, 'create');
    try {
      if (mustTruncate) await file.truncate(from * this.#entryBytes);
      if (entries.length > 0) await file.writev([entries], from * this.#entryBytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#validCount = count;
    this.#hasRest = false;
  }
}
