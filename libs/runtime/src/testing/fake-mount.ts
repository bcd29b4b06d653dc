import type {
  DirectoryEntry,
  FileHandle,
  FileLock,
  FileSystem,
  OpenMode,
  OpenOptions,
} from '../file-system.js';
import { FakeDirectory, FakeDirectoryTree, type ResolvedFakePath } from './fake-directory-tree.js';
import { FakeFile, type FakeSync } from './fake-file.js';
import { errnoError, type Fault, type FaultPoint } from './faults.js';

/** The parts of the disk that a mount uses. */
export interface FakeDiskCore {
  readonly tree: FakeDirectoryTree;
  readonly locks: Set<FakeFile>;
  /** Bytes that may still be written. */
  roomBytes(): number;
  /** Wall clock, ms; undefined when the disk has none. */
  nowMs(): number | undefined;
  /** Resolves after the promises that are ready, or after a random number of turns of them. */
  turn(): Promise<void>;
  takeFault(point: FaultPoint, path: string): Fault | undefined;
  /**
   * Called when a call has taken effect (a sync: just before): the test may crash the disk here.
   */
  reached(point: FaultPoint, path: string): void;
  syncFailed(sync: FakeSync): void;
}

/** Further steps of a call. */
interface CallEnds<T> {
  /** Runs in place of the effect, before the call is rejected. */
  readonly onFault?: (fault: Fault) => void;
  /** Runs in the same synchronous step as the answer, so that no crash comes between the two. */
  readonly onDone?: (result: T) => void;
}

/**
 * The disk as one process sees it, from its start until the machine crashes. Later calls are
 * rejected, also those in progress, so that the old process never reaches the disk of the new one.
 *
 * Overlap: all calls may overlap; each takes effect in one synchronous step.
 */
export class FakeMount implements FileSystem {
  #isAlive = true;
  readonly #disk: FakeDiskCore;

  constructor(disk: FakeDiskCore) {
    this.#disk = disk;
  }

  kill(): void {
    this.#isAlive = false;
  }

  open(
    path: string,
    mode: OpenMode,
    { syncsWrites = false }: OpenOptions = {},
  ): Promise<FileHandle> {
    return this.perform('open', path, () => {
      const file = mode === 'create' ? this.#created(path) : this.#file('open', path);
      const isWritable = mode !== 'read';
      return new FakeFileHandle(this, this.#disk, path, file, { isWritable, syncsWrites });
    });
  }

  readFile(path: string): Promise<Buffer> {
    return this.perform('readFile', path, () =>
      Buffer.from(this.#file('readFile', path).seen.view()),
    );
  }

  readDirectory(path: string): Promise<DirectoryEntry[]> {
    return this.perform('readDirectory', path, () =>
      [...this.#directory('readDirectory', path).seen].map(([name, node]) => ({
        name,
        isDirectory: node instanceof FakeDirectory,
      })),
    );
  }

  makeDirectory(path: string): Promise<void> {
    return this.perform('makeDirectory', path, () => {
      for (const step of FakeDirectoryTree.pathsTo(path)) {
        const { directory, name, node } = this.#disk.tree.find(step);
        if (node instanceof FakeFile) throw errnoError('EEXIST', 'makeDirectory', path);
        if (node !== undefined || directory === undefined) continue;
        this.#disk.tree.change({ directory, name, node: new FakeDirectory() });
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.perform('rename', from, () => {
      const source = this.#disk.tree.find(from);
      const target = this.#parent('rename', to);
      if (source.directory === undefined || source.node === undefined) {
        throw errnoError('ENOENT', 'rename', from);
      }
      if (source.node === target.node) return;
      assertReplaceable(source, target, to);
      this.#disk.tree.change(
        { directory: source.directory, name: source.name, node: undefined },
        { directory: target.directory, name: target.name, node: source.node },
      );
    });
  }

  removeFile(path: string): Promise<void> {
    return this.perform('removeFile', path, () => {
      const { directory, name, node } = this.#disk.tree.find(path);
      if (node instanceof FakeDirectory) throw errnoError('EISDIR', 'removeFile', path);
      if (node === undefined || directory === undefined) return;
      this.#disk.tree.change({ directory, name, node: undefined });
    });
  }

  removeDirectory(path: string): Promise<void> {
    return this.perform('removeDirectory', path, () => {
      const { directory, name, node } = this.#disk.tree.find(path);
      if (node === undefined || directory === undefined) return;
      if (node instanceof FakeDirectory) this.#removeAll(node);
      this.#disk.tree.change({ directory, name, node: undefined });
    });
  }

  fileSize(path: string): Promise<number | undefined> {
    return this.perform('fileSize', path, () => {
      const { node } = this.#disk.tree.find(path);
      return node instanceof FakeFile ? node.seen.size : undefined;
    });
  }

  modifiedMs(path: string): Promise<number | undefined> {
    return this.perform('modifiedMs', path, () => {
      const { node } = this.#disk.tree.find(path);
      return node instanceof FakeFile ? node.modifiedMs : undefined;
    });
  }

  async syncDirectory(path: string): Promise<void> {
    await this.perform(
      'syncDirectory',
      path,
      () => this.#disk.tree.beginSync(this.#directory('syncDirectory', path)),
      { onDone: (sync) => sync.succeed() },
    );
  }

  tryLock(path: string): Promise<FileLock | undefined> {
    return this.perform('tryLock', path, () => {
      const file = this.#created(path);
      const { locks } = this.#disk;
      if (locks.has(file)) return undefined;
      locks.add(file);
      return {
        release: async () => {
          if (this.#isAlive) locks.delete(file);
        },
      };
    });
  }

  /**
   * Runs one call: its effect after a turn, its answer after another. A crash may occur at both.
   */
  async perform<T>(
    point: FaultPoint,
    path: string,
    effect: () => T,
    ends: CallEnds<T> = {},
  ): Promise<T> {
    this.#assertAlive(point, path);
    await this.#disk.turn();
    this.#assertAlive(point, path);
    const fault = this.#disk.takeFault(point, path);
    if (fault !== undefined) {
      ends.onFault?.(fault);
      throw fault.error;
    }
    const result = effect();
    this.#disk.reached(point, path);
    await this.#disk.turn();
    this.#assertAlive(point, path);
    ends.onDone?.(result);
    return result;
  }

  #assertAlive(point: FaultPoint, path: string): void {
    if (!this.#isAlive) throw new MachineCrashedError(point, path);
  }

  #file(point: FaultPoint, path: string): FakeFile {
    const { node } = this.#disk.tree.find(path);
    if (node instanceof FakeFile) return node;
    throw errnoError(node === undefined ? 'ENOENT' : 'EISDIR', point, path);
  }

  #directory(point: FaultPoint, path: string): FakeDirectory {
    const { node } = this.#disk.tree.find(path);
    if (node instanceof FakeDirectory) return node;
    throw errnoError(node === undefined ? 'ENOENT' : 'ENOTDIR', point, path);
  }

  #parent(
    point: FaultPoint,
    path: string,
  ): ResolvedFakePath & { readonly directory: FakeDirectory } {
    const { directory, name, node } = this.#disk.tree.find(path);
    if (directory === undefined) throw errnoError('ENOENT', point, path);
    return { directory, name, node };
  }

  #created(path: string): FakeFile {
    const { directory, name, node } = this.#parent('open', path);
    if (node instanceof FakeFile) return node;
    if (node !== undefined) throw errnoError('EISDIR', 'open', path);
    const file = new FakeFile();
    this.#disk.tree.change({ directory, name, node: file });
    return file;
  }

  /** Removes the names one by one, as a real removal does: a crash may keep some of them. */
  #removeAll(directory: FakeDirectory): void {
    for (const [name, node] of directory.seen) {
      if (node instanceof FakeDirectory) this.#removeAll(node);
      this.#disk.tree.change({ directory, name, node: undefined });
    }
  }
}

/** Rejects calls of a process whose machine has crashed. A real process never sees this error. */
export class MachineCrashedError extends Error {
  override readonly name = 'MachineCrashedError';
  readonly code = 'EIO';

  constructor(point: FaultPoint, path: string) {
    super(`the machine has crashed: ${point} '${path}'`);
  }
}

class FakeFileHandle implements FileHandle {
  #isOpen = true;
  readonly #mount: FakeMount;
  readonly #disk: FakeDiskCore;
  readonly #file: FakeFile;
  readonly #isWritable: boolean;
  readonly syncsWrites: boolean;

  constructor(
    mount: FakeMount,
    disk: FakeDiskCore,
    readonly path: string,
    file: FakeFile,
    options: { readonly isWritable: boolean; readonly syncsWrites: boolean },
  ) {
    this.#mount = mount;
    this.#disk = disk;
    this.#file = file;
    this.#isWritable = options.isWritable;
    this.syncsWrites = options.syncsWrites;
  }

  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    return this.#perform('read', () => {
      const bytes = this.#file.seen.view().subarray(position, position + length);
      target.set(bytes, targetStart);
      return bytes.length;
    });
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    await this.#perform(
      'writev',
      () => {
        this.#assertWritable('writev');
        const room = this.#disk.roomBytes() + Math.max(0, this.#file.seen.size - position);
        const written = this.#write(buffers, position, room);
        this.#file.modifiedMs = this.#disk.nowMs();
        const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
        if (written < total) throw errnoError('ENOSPC', 'writev', this.path);
      },
      { onFault: ({ afterBytes }) => this.#write(buffers, position, afterBytes) },
    );
    if (this.syncsWrites) await this.datasync();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#perform('truncate', () => {
      this.#assertWritable('truncate');
      this.#file.truncate(sizeBytes);
      this.#file.modifiedMs = this.#disk.nowMs();
    });
  }

  async datasync(): Promise<void> {
    await this.#perform('datasync', () => this.#file.beginSync(), {
      onFault: () => this.#disk.syncFailed(this.#file.beginSync()),
      onDone: (sync) => sync.succeed(),
    });
  }

  sizeBytes(): Promise<number> {
    return this.#perform('sizeBytes', () => this.#file.seen.size);
  }

  close(): Promise<void> {
    return this.#perform('close', () => {
      this.#isOpen = false;
    });
  }

  #perform<T>(point: FaultPoint, effect: () => T, ends?: CallEnds<T>): Promise<T> {
    const checked = () => {
      if (!this.#isOpen) throw errnoError('EBADF', point, this.path);
      return effect();
    };
    return this.#mount.perform(point, this.path, checked, ends);
  }

  /**
   * Writes up to `bytesMax` bytes, each buffer as a change of its own.
   * @returns bytes written
   */
  #write(buffers: readonly Uint8Array[], position: number, bytesMax: number): number {
    let written = 0;
    for (const buffer of buffers) {
      const part = buffer.subarray(0, Math.max(0, bytesMax - written));
      if (part.length > 0) this.#file.write(position + written, part);
      written += part.length;
    }
    return written;
  }

  #assertWritable(point: FaultPoint): void {
    if (!this.#isWritable) throw errnoError('EBADF', point, this.path);
  }
}

function assertReplaceable(source: ResolvedFakePath, target: ResolvedFakePath, to: string): void {
  if (target.node === undefined) return;
  const isDirectory = source.node instanceof FakeDirectory;
  if (target.node instanceof FakeDirectory) {
    if (!isDirectory) throw errnoError('EISDIR', 'rename', to);
    if (target.node.seen.size > 0) throw errnoError('ENOTEMPTY', 'rename', to);
  } else if (isDirectory) {
    throw errnoError('ENOTDIR', 'rename', to);
  }
}
