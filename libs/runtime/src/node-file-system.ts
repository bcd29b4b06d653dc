/**
 * The file system of this machine. Reads, writes and syncs of open files use the callback functions
 * of node:fs: they run in every round of appends and cost less than those of node:fs/promises.
 */
import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  open,
  promises,
  read,
  write,
  writev,
} from 'node:fs';
import { platform } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { tryLock, unlock } from 'fs-native-extensions';
import type {
  DirectoryEntry,
  FileHandle,
  FileLock,
  FileSystem,
  OpenMode,
  OpenOptions,
} from './file-system.js';
import { SpareDescriptors } from './spare-descriptors.js';

const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
} as const;

/**
 * Flag of files whose writes are synced, or 0 where writes cannot be: Windows has no such flag, and
 * macOS does not empty the cache of the disk for it, which fdatasync of Node.js does.
 */
const SYNCED_WRITES = platform === 'linux' ? constants.O_DSYNC : 0;

const LOCK_RETRY_MS = 50;
const LOCK_TRIES = 20;

/**
 * The real file system.
 *
 * Overlap: all methods may overlap; the operating system orders them.
 */
export class NodeFileSystem implements FileSystem {
  readonly #spares: SpareDescriptors;

  /** @param spareDescriptors number of descriptors held open for calls that find none free */
  constructor(spareDescriptors = 0) {
    this.#spares = new SpareDescriptors(spareDescriptors);
  }

  async open(path: string, mode: OpenMode, options: OpenOptions = {}): Promise<FileHandle> {
    const synced = options.syncsWrites === true ? SYNCED_WRITES : 0;
    const descriptor = await this.#spares.run(() => openFile(path, OPEN_FLAGS[mode] | synced));
    return new NodeFileHandle(path, descriptor, synced !== 0, this.#spares);
  }

  readFile(path: string): Promise<Buffer> {
    return this.#spares.run(() => promises.readFile(path));
  }

  async readDirectory(path: string): Promise<DirectoryEntry[]> {
    const entries = await this.#spares.run(() => promises.readdir(path, { withFileTypes: true }));
    return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
  }

  async makeDirectory(path: string): Promise<void> {
    await promises.mkdir(path, { recursive: true });
  }

  rename(from: string, to: string): Promise<void> {
    return promises.rename(from, to);
  }

  async removeFile(path: string): Promise<void> {
    await unlessMissing(promises.unlink(path));
  }

  removeDirectory(path: string): Promise<void> {
    return promises.rm(path, { recursive: true, force: true });
  }

  async fileSize(path: string): Promise<number | undefined> {
    const stats = await unlessMissing(promises.stat(path));
    return stats?.isFile() === true ? stats.size : undefined;
  }

  async modifiedMs(path: string): Promise<number | undefined> {
    return (await unlessMissing(promises.stat(path)))?.mtimeMs;
  }

  async syncDirectory(path: string): Promise<void> {
    const descriptor = await this.#spares.run(() => openFile(path, constants.O_RDONLY));
    try {
      await done((callback) => fsync(descriptor, callback));
    } finally {
      await closeFile(descriptor);
      this.#spares.refill();
    }
  }

  /**
   * The lock belongs to the open file, not to the process: a second call in this process is refused
   * too.
   *
   * A process that was killed keeps its lock until the system has taken its memory back and its
   * writes are done. Therefore a held lock is tried for a second.
   */
  async tryLock(path: string): Promise<FileLock | undefined> {
    const descriptor = await openFile(path, OPEN_FLAGS.create);
    let isLocked = false;
    try {
      isLocked = tryLock(descriptor);
      for (let tries = 1; !isLocked && tries < LOCK_TRIES; tries += 1) {
        await setTimeout(LOCK_RETRY_MS);
        isLocked = tryLock(descriptor);
      }
    } finally {
      if (!isLocked) await closeFile(descriptor);
    }
    return isLocked ? new NodeFileLock(descriptor) : undefined;
  }
}

/**
 * An open file of the real file system.
 *
 * Overlap: all methods may overlap; the caller orders writes to the same range, and calls nothing
 * after `close`.
 */
class NodeFileHandle implements FileHandle {
  readonly #descriptor: number;
  readonly #spares: SpareDescriptors;

  constructor(
    readonly path: string,
    descriptor: number,
    readonly syncsWrites: boolean,
    spares: SpareDescriptors,
  ) {
    this.#descriptor = descriptor;
    this.#spares = spares;
  }

  async read(
    target: Uint8Array,
    targetStart: number,
    length: number,
    position: number,
  ): Promise<number> {
    let total = 0;
    while (total < length) {
      const count = await this.#readOnce(
        target,
        targetStart + total,
        length - total,
        position + total,
      );
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers;
    let filePosition = position;
    let restBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    while (restBytes > 0) {
      const written = await this.#writeOnce(rest, filePosition);
      // A full disk or a signal may end a write early: the next call writes the rest or reports the
      // error.
      if (written === 0) throw noProgress(this.path);
      filePosition += written;
      restBytes -= written;
      if (restBytes > 0) rest = withoutFirstBytes(rest, written);
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return done((callback) => ftruncate(this.#descriptor, sizeBytes, callback));
  }

  datasync(): Promise<void> {
    return done((callback) => fdatasync(this.#descriptor, callback));
  }

  sizeBytes(): Promise<number> {
    return new Promise((resolve, reject) => {
      fstat(this.#descriptor, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  async close(): Promise<void> {
    await closeFile(this.#descriptor);
    this.#spares.refill();
  }

  #readOnce(target: Uint8Array, start: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, target, start, length, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
  }

  /** libuv splits a write that has more buffers than one system call takes. */
  #writeOnce(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const callback = (error: Error | null, written: number) =>
        error ? reject(error) : resolve(written);
      const [first] = buffers;
      if (buffers.length === 1 && first !== undefined) {
        write(this.#descriptor, first, 0, first.length, position, callback);
      } else {
        writev(this.#descriptor, buffers as Uint8Array[], position, callback);
      }
    });
  }
}

/**
 * A lock on an open file.
 *
 * Overlap: `release` is called once.
 */
class NodeFileLock implements FileLock {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async release(): Promise<void> {
    unlock(this.#descriptor);
    await closeFile(this.#descriptor);
  }
}

function openFile(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

function closeFile(descriptor: number): Promise<void> {
  return done((callback) => close(descriptor, callback));
}

function done(call: (callback: (error: Error | null | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()));
  });
}

/** Result of the promise, or undefined when there is no such file. */
async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function withoutFirstBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  let index = 0;
  for (;;) {
    const buffer = buffers[index];
    if (buffer === undefined) return [];
    if (buffer.length > skip) return [buffer.subarray(skip), ...buffers.slice(index + 1)];
    skip -= buffer.length;
    index += 1;
  }
}

function noProgress(path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`EIO: a write to ${path} wrote no bytes`);
  error.code = 'EIO';
  error.syscall = 'write';
  error.path = path;
  return error;
}
