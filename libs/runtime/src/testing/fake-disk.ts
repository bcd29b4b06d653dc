import type { Random } from '../clock.js';
import type { DirectoryEntry, FileHandle, FileLock, FileSystem } from '../file-system.js';
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
   * Decides what crashes and failed syncs leave, and in what order calls that overlap have their
   * effects. Without it both lose everything unsynced, and calls take effect in their order.
   */
  readonly random?: Random;
  /** Bytes that all files may have together. */
  readonly capacityBytes?: number;
  /** Wall clock in ms, for the time of a file's last write, which is not known without it. */
  readonly nowMs?: () => number;
  /**
   * Called with every call of the port once it has had its effect (a sync: just before it has). A
   * simulation may call `crash` here; the call is then rejected like all others under way.
   */
  readonly onOperation?: (point: FaultPoint, path: string) => void;
}

/** How often a path was used; a directory has syncs. */
export interface PathCounts {
  readonly reads: number;
  readonly writes: number;
  readonly syncs: number;
}

/**
 * A disk in memory that keeps what was synced apart from what was not, as nasty as POSIX allows:
 *
 * - a write is durable after `datasync` of its file has resolved, and only if it was done when
 *   the sync began; until then a crash may keep it, lose it, or leave any of its sectors or a
 *   prefix;
 * - a size may survive without its data: zeros;
 * - a created, renamed or removed name is durable after `syncDirectory`, whatever was done to the
 *   file;
 * - a failed `datasync` loses what it should have made durable, also for later syncs.
 *
 * A test may use the disk itself, before and after a crash. A simulation gives each process that it
 * starts a `mount()`, which dies with the crash.
 */
export class FakeDisk implements FileSystem {
  /** Bytes that all files may have together; may be changed while the disk is in use. */
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

  /** The disk as a process sees it that runs until the next crash. */
  mount(): FileSystem {
    return this.#mount;
  }

  /**
   * The machine loses power and comes back. Unsynced changes are kept, torn or lost by `random`
   * (the disk's own unless told; lost when there is none); open files are dead, locks are free,
   * faults that were asked for are forgotten.
   */
  crash({ random = this.#random }: { readonly random?: Random | undefined } = {}): void {
    this.#mount.kill();
    this.#mount = this.#newMount();
    this.#tree.crash(random);
    this.#locks.clear();
    this.#faults.clear();
  }

  /**
   * The process dies, the machine goes on: what was not synced can still be read, and still be
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
   * failed `datasync` loses what it was to make durable.
   */
  failNext(point: FaultPoint, code: FaultCode, options: FaultOptions = {}): void {
    this.#faults.add(point, code, options);
  }

  /** Faults that were asked for and have not happened yet. */
  get waitingFaults(): number {
    return this.#faults.waiting;
  }

  /** Forgets the faults that have not happened yet. */
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

  /** Bytes that all files have together; as `capacityBytes` it makes the disk full. */
  get usedBytes(): number {
    let used = 0;
    for (const file of this.#tree.files()) used += file.seen.size;
    return used;
  }

  counts(path: string): PathCounts {
    return { reads: 0, writes: 0, syncs: 0, ...this.#counts.get(path) };
  }

  open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    return this.#mount.open(path, mode);
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

  /** With randomness calls that overlap overtake each other. */
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
