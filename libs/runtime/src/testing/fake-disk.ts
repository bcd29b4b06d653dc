import type { Random } from '../clock.js';
import type {
  DirectoryEntry,
  FileHandle,
  FileLock,
  FileSystem,
  OpenMode,
  OpenOptions,
} from '../file-system.js';
import { FakeDirectoryTree } from './fake-directory-tree.js';
import { FakeFile } from './fake-file.js';
import { FakeMount } from './fake-mount.js';
import {
  errnoError,
  type FaultCode,
  type FaultOptions,
  type FaultPoint,
  Faults,
} from './faults.js';

export interface FakeDiskOptions {
  /**
   * Decides what survives a crash or a failed sync, and in what order overlapping calls take
   * effect. Without it, both lose everything unsynced, and calls take effect in their order.
   */
  readonly random?: Random;
  /** Capacity of the disk for all files together, bytes. */
  readonly capacityBytes?: number;
  /** Wall clock in ms, used as the modification time of files, which is unknown without it. */
  readonly nowMs?: () => number;
  /**
   * Called with every call of the port once it has taken effect (for a sync: just before). A
   * simulation may call `crash` here; the call is then rejected like all others in progress.
   */
  readonly onOperation?: (point: FaultPoint, path: string) => void;
}

/** Number of operations on a path; a directory counts syncs. */
export interface PathCounts {
  readonly reads: number;
  readonly writes: number;
  readonly syncs: number;
}

/**
 * A disk in memory that keeps synced and unsynced state apart and is as unreliable as POSIX allows:
 *
 * - a write is durable after `datasync` of its file has resolved, and only if it ended before the
 *   sync began; until then a crash may keep it, lose it, or keep any of its sectors or a prefix;
 * - a size may survive without its data: the bytes are zeros;
 * - a created, renamed or removed name is durable after `syncDirectory`, whatever was done to the
 *   file;
 * - a failed `datasync` loses the changes that it covers, also for later syncs;
 * - a write to a file that syncs its writes is one `writev` and one `datasync`, at each of which a
 *   fault or a crash may come.
 *
 * A test may use the disk itself, before and after a crash. A simulation gives each process that it
 * starts a `mount()`, which becomes unusable with the crash.
 *
 * Overlap: all calls may overlap; each takes effect in one synchronous step, in the order that
 * `random` decides.
 */
export class FakeDisk implements FileSystem {
  /** Capacity for all files together, bytes; may be changed while the disk is in use. */
  capacityBytes: number;
  readonly #tree = new FakeDirectoryTree();
  readonly #faults = new Faults();
  readonly #locks = new Set<FakeFile>();
  readonly #counts = new Map<string, { reads: number; writes: number; syncs: number }>();
  readonly #random: Random | undefined;
  readonly #onOperation: ((point: FaultPoint, path: string) => void) | undefined;
  readonly #nowMs: (() => number) | undefined;
  #mount: FakeMount;

  constructor(options: FakeDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#random = options.random;
    this.#onOperation = options.onOperation;
    this.#nowMs = options.nowMs;
    this.#mount = this.#newMount();
  }

  /** The disk as one process sees it; usable until the next crash. */
  mount(): FileSystem {
    return this.#mount;
  }

  /**
   * Simulates a power loss and restart. Unsynced changes are kept, torn or lost by `random`
   * (default: the disk's own; without one they are lost). Open files become unusable, locks are
   * released, and requested faults are cleared.
   */
  crash({ random = this.#random }: { readonly random?: Random | undefined } = {}): void {
    this.#mount.kill();
    this.#mount = this.#newMount();
    this.#tree.crash(random);
    this.#locks.clear();
    this.#faults.clear();
  }

  /**
   * Ends the process while the machine continues: unsynced changes can still be read, and still be
   * lost.
   */
  kill(): void {
    this.#mount.kill();
    this.#mount = this.#newMount();
    this.#locks.clear();
    this.#faults.clear();
  }

  /**
   * Makes the next call at this point fail. A failed `writev` may have written some bytes first; a
   * failed `datasync` loses the changes that it covers.
   */
  failNext(point: FaultPoint, code: FaultCode, options: FaultOptions = {}): void {
    this.#faults.add(point, code, options);
  }

  /** Number of requested faults that have not happened yet. */
  get waitingFaults(): number {
    return this.#faults.waiting;
  }

  /** Removes the faults that have not happened yet. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** Flips the bits of `mask` in the byte at `position`, as a failing medium does. */
  corrupt(path: string, position: number, mask = 1): void {
    const { node } = this.#tree.find(path);
    if (!(node instanceof FakeFile) || position >= node.seen.size) {
      throw errnoError('ENOENT', 'corrupt', path);
    }
    node.corrupt(position, mask);
  }

  /** Total bytes of all files; used as `capacityBytes` it makes the disk full. */
  get usedBytes(): number {
    let used = 0;
    for (const file of this.#tree.files()) used += file.seen.size;
    return used;
  }

  counts(path: string): PathCounts {
    return { reads: 0, writes: 0, syncs: 0, ...this.#counts.get(path) };
  }

  open(path: string, mode: OpenMode, options?: OpenOptions): Promise<FileHandle> {
    return this.#mount.open(path, mode, options);
  }

  readFile(path: string): Promise<Buffer> {
    return this.#mount.readFile(path);
  }

  readDirectory(path: string): Promise<DirectoryEntry[]> {
    return this.#mount.readDirectory(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#mount.makeDirectory(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#mount.rename(from, to);
  }

  removeFile(path: string): Promise<void> {
    return this.#mount.removeFile(path);
  }

  removeDirectory(path: string): Promise<void> {
    return this.#mount.removeDirectory(path);
  }

  fileSize(path: string): Promise<number | undefined> {
    return this.#mount.fileSize(path);
  }

  modifiedMs(path: string): Promise<number | undefined> {
    return this.#mount.modifiedMs(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#mount.syncDirectory(path);
  }

  tryLock(path: string): Promise<FileLock | undefined> {
    return this.#mount.tryLock(path);
  }

  #newMount(): FakeMount {
    return new FakeMount({
      tree: this.#tree,
      locks: this.#locks,
      roomBytes: () => this.#roomBytes(),
      nowMs: () => this.#nowMs?.(),
      turn: () => this.#turn(),
      takeFault: (point, path) => this.#faults.take(point, path),
      reached: (point, path) => this.#reached(point, path),
      syncFailed: (sync) => sync.fail(this.#random),
    });
  }

  #roomBytes(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return this.capacityBytes;
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  /** Lets overlapping calls overtake each other when there is randomness. */
  async #turn(): Promise<void> {
    const turns = this.#random === undefined ? 1 : this.#random.below(4);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
  }

  #reached(point: FaultPoint, path: string): void {
    const counts = this.#counts.get(path) ?? { reads: 0, writes: 0, syncs: 0 };
    if (point === 'read' || point === 'readFile') counts.reads += 1;
    else if (point === 'writev') counts.writes += 1;
    else if (point === 'datasync' || point === 'syncDirectory') counts.syncs += 1;
    this.#counts.set(path, counts);
    this.#onOperation?.(point, path);
  }
}
