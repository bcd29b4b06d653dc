import { crc32c } from '#log';
import type { FileSystem } from '#runtime';
import { compareDue, type DueCursor } from '../queue/share-change.js';
import type { DelayedEntry } from './delayed-entries.js';
import {
  BLOCK_ENTRIES,
  blockCount,
  decodeHeader,
  ENTRY_BYTES,
  entriesStart,
  isRunHeadValid,
  RUN_HEADER_BYTES,
  type RunHeader,
} from './delayed-run-file.js';

/** A run's file is not what was written: the index has to be built again. */
export class DamagedRunError extends Error {
  override readonly name = 'DamagedRunError';
}

/** Entries of one source in their order, from a cursor on. */
export interface EntryReader {
  /** The next entry; undefined at the end. */
  readonly head: DelayedEntry | undefined;
  /** Moves to the next entry. @throws DamagedRunError; the error of the file system */
  advance(): Promise<void> | undefined;
}

/** Blocks of one run that stay in memory. */
export const BLOCKS_KEPT = 2;

/** A block of entries that was read. */
interface Block {
  readonly index: number;
  readonly bytes: Buffer;
}

/**
 * The delayed records of a range of offsets, sorted, in a file that does not change. In memory are
 * the first entry of each block, 16 bytes for 512 records, and the two blocks that were read last:
 * a cursor at the end of a block needs the next one, too.
 *
 * Overlap: calls may overlap.
 */
export class DelayedRun {
  readonly header: RunHeader;
  readonly path: string;
  readonly #fileSystem: FileSystem;
  /** The header and the table of the file. */
  readonly #head: Buffer;
  /** The blocks that were read last, the newer one first. */
  #blocks: readonly Block[] = [];

  private constructor(fileSystem: FileSystem, path: string, header: RunHeader, head: Buffer) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.header = header;
    this.#head = head;
  }

  /** Opens a file. @throws DamagedRunError; the error of the file system */
  static async open(fileSystem: FileSystem, path: string): Promise<DelayedRun> {
    const file = await fileSystem.open(path, 'read');
    try {
      const start = Buffer.alloc(RUN_HEADER_BYTES);
      await file.read(start, 0, start.length, 0);
      const header = decodeHeader(start);
      const sizeBytes = await file.sizeBytes();
      const count = header?.count ?? 0;
      if (header === undefined || sizeBytes !== entriesStart(count) + count * ENTRY_BYTES) {
        throw new DamagedRunError(`${path} is not a run of delayed records`);
      }
      const head = Buffer.alloc(entriesStart(count));
      await file.read(head, 0, head.length, 0);
      if (!isRunHeadValid(head)) throw new DamagedRunError(`${path}: its head is damaged`);
      return new DelayedRun(fileSystem, path, header, head);
    } finally {
      await file.close();
    }
  }

  /** The entries after a cursor; undefined when there are none. */
  async readerAfter(cursor: DueCursor): Promise<EntryReader | undefined> {
    if (this.header.count === 0 || compareDue(this.header.last, cursor) <= 0) return undefined;
    const index = Math.max(0, this.#blocksUpTo(cursor) - 1);
    const bytes = await this.#read(index);
    const inBlock = entriesUpTo(bytes, cursor);
    const reader = new RunReader((block) => this.#read(block), this.header.count);
    await reader.seek(index * BLOCK_ENTRIES + inBlock);
    return reader;
  }

  /** All entries. */
  async *entries(): AsyncIterable<DelayedEntry> {
    const reader = await this.readerAfter({ atMs: -1, offset: -1 });
    for (let head = reader?.head; head !== undefined; head = reader?.head) {
      yield head;
      await reader?.advance();
    }
  }

  remove(): Promise<void> {
    return this.#fileSystem.removeFile(this.path);
  }

  /** Number of blocks whose first entry is at or before a cursor. */
  #blocksUpTo(cursor: DueCursor): number {
    return entriesUpTo(this.#head.subarray(RUN_HEADER_BYTES), cursor);
  }

  async #read(index: number): Promise<Buffer> {
    const known = this.#blocks.find((block) => block.index === index);
    if (known !== undefined) return known.bytes;
    const { count } = this.header;
    const from = index * BLOCK_ENTRIES;
    const bytes = Buffer.alloc(Math.min(BLOCK_ENTRIES, count - from) * ENTRY_BYTES);
    const file = await this.#fileSystem.open(this.path, 'read');
    try {
      await file.read(bytes, 0, bytes.length, entriesStart(count) + from * ENTRY_BYTES);
    } finally {
      await file.close();
    }
    const crc = this.#head.readUInt32BE(RUN_HEADER_BYTES + index * ENTRY_BYTES + 16);
    if (crc32c(bytes, 0) !== crc) {
      throw new DamagedRunError(`${this.path}: block ${index} of ${blockCount(count)} is damaged`);
    }
    this.#blocks = [{ index, bytes }, ...this.#blocks.slice(0, BLOCKS_KEPT - 1)];
    return bytes;
  }
}

/**
 * Reads the entries of a run block by block.
 *
 * Overlap: calls must not overlap.
 */
class RunReader implements EntryReader {
  head: DelayedEntry | undefined;
  #index = 0;
  #bytes: Buffer = Buffer.alloc(0);
  readonly #read: (block: number) => Promise<Buffer>;
  readonly #count: number;

  constructor(read: (block: number) => Promise<Buffer>, count: number) {
    this.#read = read;
    this.#count = count;
  }

  advance(): Promise<void> | undefined {
    const next = this.#index + 1;
    if (next < this.#count && next % BLOCK_ENTRIES === 0) return this.seek(next);
    this.#index = next;
    this.#setHead();
    return undefined;
  }

  async seek(index: number): Promise<void> {
    this.#index = index;
    if (index < this.#count) this.#bytes = await this.#read(Math.floor(index / BLOCK_ENTRIES));
    this.#setHead();
  }

  #setHead(): void {
    const isAtEnd = this.#index >= this.#count;
    this.head = isAtEnd ? undefined : entryAt(this.#bytes, this.#index % BLOCK_ENTRIES);
  }
}

/** Number of the lines of a block or a table that are at or before a cursor. */
function entriesUpTo(bytes: Buffer, cursor: DueCursor): number {
  let low = 0;
  let high = bytes.length / ENTRY_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareDue(entryAt(bytes, middle), cursor) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function entryAt(bytes: Buffer, index: number): DelayedEntry {
  const at = index * ENTRY_BYTES;
  const keyHash = bytes.readUInt32BE(at + 16);
  return {
    atMs: bytes.readDoubleBE(at),
    offset: bytes.readDoubleBE(at + 8),
    keyHash: keyHash === 0 ? null : keyHash,
  };
}
