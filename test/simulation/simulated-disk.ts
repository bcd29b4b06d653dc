import type {
  DirectoryEntry,
  FileHandle,
  FileLock,
  FileSystem,
  OpenMode,
  OpenOptions,
} from '#runtime';
import type { FakeDisk, SeededRandom } from '#runtime/testing';
import type { SimulatedProcess } from './simulated-process.js';

/** Called after changes have reached the files of a disk. */
export interface DiskObserver {
  written(path: string, bytes: Buffer): void;
  truncated(path: string, sizeBytes: number): void;
}

interface DiskSpeed {
  /** Longest duration of a write or a sync, ms. */
  readonly latencyMsMax: number;
}

interface ProcessDiskParts {
  readonly disk: FakeDisk;
  readonly process: SimulatedProcess;
  /** Timer of the world, not of the process: a disk continues while a process is stopped. */
  readonly after: (delayMs: number, task: () => void) => void;
  readonly random: SeededRandom;
  readonly speed: () => DiskSpeed;
  /** Returns true while syncs of a file are held back, as on a disk that hangs. */
  readonly isSyncHeld: (path: string) => boolean;
  readonly observer: DiskObserver;
}

/** Pause between checks of a sync that is held back, ms. */
const HELD_MS = 10;

/**
 * A fake disk as one process sees it: writes and syncs take time, so that other events may come
 * before and after they take effect, and their answers reach the process like all other events.
 */
export class ProcessDisk implements FileSystem {
  readonly #parts: ProcessDiskParts;
  readonly #mount: FileSystem;

  constructor(parts: ProcessDiskParts) {
    this.#parts = parts;
    this.#mount = parts.disk.mount();
  }

  async open(
    path: string,
    mode: OpenMode,
    { syncsWrites = false }: OpenOptions = {},
  ): Promise<FileHandle> {
    const handle = await this.#quick(() => this.#mount.open(path, mode));
    return new ProcessFile(handle, this, this.#parts.observer, syncsWrites);
  }

  readFile(path: string): Promise<Buffer> {
    return this.#quick(() => this.#mount.readFile(path));
  }

  readDirectory(path: string): Promise<DirectoryEntry[]> {
    return this.#quick(() => this.#mount.readDirectory(path));
  }

  makeDirectory(path: string): Promise<void> {
    return this.#quick(() => this.#mount.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.slow(() => this.#mount.rename(from, to));
  }

  removeFile(path: string): Promise<void> {
    return this.#quick(() => this.#mount.removeFile(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#quick(() => this.#mount.removeDirectory(path));
  }

  fileSize(path: string): Promise<number | undefined> {
    return this.#quick(() => this.#mount.fileSize(path));
  }

  modifiedMs(path: string): Promise<number | undefined> {
    return this.#quick(() => this.#mount.modifiedMs(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.slow(() => this.#mount.syncDirectory(path));
  }

  tryLock(path: string): Promise<FileLock | undefined> {
    return this.#quick(() => this.#mount.tryLock(path));
  }

  /** Runs an operation that takes time, partly before and partly after its effect. */
  slow<T>(act: () => Promise<T>): Promise<T> {
    const { process, random, speed, after } = this.#parts;
    const { latencyMsMax } = speed();
    const beforeMs = (random.below(1000) / 1000) * latencyMsMax;
    const afterMs = (random.below(1000) / 1000) * latencyMsMax;
    const later = (delayMs: number): Promise<void> =>
      new Promise((resolve) => {
        after(delayMs, resolve);
      });
    const acted = async (): Promise<T> => {
      await later(beforeMs);
      const result = await act();
      await later(afterMs);
      return result;
    };
    return process.fromOutside(acted());
  }

  /** Resolves when syncs of a file may begin. */
  async syncAllowed(path: string): Promise<void> {
    const { isSyncHeld, after } = this.#parts;
    while (isSyncHeld(path)) await new Promise<void>((resolve) => after(HELD_MS, resolve));
  }

  /** Runs an operation that takes no time. */
  #quick<T>(act: () => Promise<T>): Promise<T> {
    return this.#parts.process.fromOutside(act());
  }

  /** @see #quick */
  quick<T>(act: () => Promise<T>): Promise<T> {
    return this.#quick(act);
  }
}

class ProcessFile implements FileHandle {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #disk: ProcessDisk;
  readonly #observer: DiskObserver;

  constructor(
    handle: FileHandle,
    disk: ProcessDisk,
    observer: DiskObserver,
    readonly syncsWrites: boolean,
  ) {
    this.#handle = handle;
    this.#disk = disk;
    this.#observer = observer;

    this.path = handle.path;
  }

  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    return this.#disk.quick(() => this.#handle.read(target, targetStart, length, position));
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    await this.#disk.slow(async () => {
      await this.#handle.writev(buffers, position);
      this.#observer.written(this.path, Buffer.concat(buffers));
    });
    if (this.syncsWrites) await this.datasync();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#disk.slow(async () => {
      await this.#handle.truncate(sizeBytes);
      this.#observer.truncated(this.path, sizeBytes);
    });
  }

  datasync(): Promise<void> {
    return this.#disk.slow(async () => {
      await this.#disk.syncAllowed(this.path);
      await this.#handle.datasync();
    });
  }

  sizeBytes(): Promise<number> {
    return this.#disk.quick(() => this.#handle.sizeBytes());
  }

  close(): Promise<void> {
    return this.#disk.quick(() => this.#handle.close());
  }
}
