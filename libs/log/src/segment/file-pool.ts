import {
  assert,
  type FileHandle,
  type FileSystem,
  isOutOfDescriptors,
  type OpenOptions,
} from '#runtime';

/**
 * Open segment files, bounded: a broker has many more segments than file descriptors. A file is
 * opened on first use and stays open while in use; of the unused ones the least recently used is
 * closed when more than `openFilesMax` are open. Files in use are never closed, so that the bound
 * is exceeded by at most the number of current reads and writes.
 *
 * Overlap: all calls may overlap; the set of idle files changes synchronously.
 */
export class FilePool {
  /** Unused open files, least recently used first. */
  readonly #idle = new Set<PooledFile>();
  #openCount = 0;

  constructor(
    readonly fileSystem: FileSystem,
    readonly openFilesMax: number,
  ) {}

  get openCount(): number {
    return this.#openCount;
  }

  file(path: string): PooledFile {
    return new PooledFile(this, path);
  }

  /** Closes all unused files. */
  async closeIdle(): Promise<void> {
    await Promise.all([...this.#idle].map((file) => file.closeIfIdle()));
  }

  /**
   * Called by PooledFile: opens a file; when no descriptor is free, unused files are closed first.
   */
  async open(path: string, mode: 'write' | 'create', options: OpenOptions): Promise<FileHandle> {
    try {
      return await this.fileSystem.open(path, mode, options);
    } catch (error) {
      if (!isOutOfDescriptors(error) || this.#idle.size === 0) throw error;
      await this.closeIdle();
      return this.fileSystem.open(path, mode, options);
    }
  }

  /** Internal: called by PooledFile only. */
  opened(): void {
    this.#openCount += 1;
  }

  /** Internal: called by PooledFile only. */
  closed(): void {
    this.#openCount -= 1;
  }

  /** Called by PooledFile: `file` is open and in use from now on. */
  used(file: PooledFile): void {
    this.#idle.delete(file);
  }

  /** Called by PooledFile: `file` is open and not in use. */
  unused(file: PooledFile): void {
    this.#idle.add(file);
    while (this.#openCount > this.openFilesMax) {
      const [oldest] = this.#idle;
      if (oldest === undefined) return;
      // A failed close loses nothing: the bytes were synced through this descriptor before.
      oldest.closeIfIdle().catch(() => undefined);
    }
  }
}

/**
 * A file that is open while it is used. A removal waits until nobody uses the file, so that readers
 * keep their bytes.
 *
 * Overlap: `acquire` and `release` come in pairs and may overlap; `rename`, `remove` and `close`
 * must not overlap each other.
 */
export class PooledFile {
  #handle: FileHandle | undefined;
  #opening: Promise<FileHandle> | undefined;
  #users = 0;
  #isSyncWanted = false;
  /** True when the open file was opened to sync its writes; some systems do not. */
  #isSyncAsked = false;
  #whenUnused: (() => void)[] = [];
  readonly #pool: FilePool;
  #filePath: string;

  constructor(pool: FilePool, filePath: string) {
    this.#pool = pool;
    this.#filePath = filePath;
  }

  get path(): string {
    return this.#filePath;
  }

  /**
   * Chooses whether writes must be durable when they end, where the system can do that. A file in
   * use stays as it is until nobody uses it: `syncsWrites` of the handle tells.
   */
  syncWrites(isWanted: boolean): void {
    if (this.#isSyncWanted === isWanted) return;
    this.#isSyncWanted = isWanted;
    this.#closeIfUnwanted();
  }

  /**
   * Returns the open file: at once when it is open already. After it resolved, `release` must
   * follow.
   */
  acquire(): FileHandle | Promise<FileHandle> {
    this.#pin();
    if (this.#handle !== undefined) return this.#handle;
    this.#opening ??= this.#open('write');
    return this.#opening.catch((error: unknown) => {
      this.release();
      throw error;
    });
  }

  /** Works like `acquire`, for a new file. Its directory is not synced. */
  async create(): Promise<FileHandle> {
    this.#pin();
    try {
      this.#opening ??= this.#open('create');
      return await this.#opening;
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    assert(this.#users > 0, `${this.#filePath}: released more often than acquired`);
    this.#users -= 1;
    if (this.#users > 0) return;
    if (this.#handle !== undefined) this.#pool.unused(this);
    this.#closeIfUnwanted();
    for (const wake of this.#whenUnused.splice(0)) wake();
  }

  /** Renames the file. Users continue with the open file. */
  async rename(path: string): Promise<void> {
    // Held open meanwhile: a concurrent `acquire` must not open the old name.
    await this.acquire();
    try {
      await this.#pool.fileSystem.rename(this.#filePath, path);
      this.#filePath = path;
    } finally {
      this.release();
    }
  }

  /** Closes and removes the file once nobody uses it. It must not be acquired any more. */
  async remove(): Promise<void> {
    await this.close();
    await this.#pool.fileSystem.removeFile(this.#filePath);
  }

  /** Closes the file once nobody uses it. */
  async close(): Promise<void> {
    while (this.#users > 0) {
      await new Promise<void>((resolve) => this.#whenUnused.push(resolve));
    }
    await this.closeIfIdle();
  }

  /** Internal: called by FilePool only. */
  async closeIfIdle(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined || this.#users > 0) return;
    this.#pool.used(this);
    this.#handle = undefined;
    this.#pool.closed();
    await handle.close();
  }

  #pin(): void {
    this.#users += 1;
    if (this.#users === 1) this.#pool.used(this);
  }

  /** Closes an unused file that was opened before its writes had to be synced, or the reverse. */
  #closeIfUnwanted(): void {
    if (this.#handle === undefined || this.#isSyncAsked === this.#isSyncWanted) return;
    // A failed close loses nothing: the bytes were synced through this descriptor before.
    this.closeIfIdle().catch(() => undefined);
  }

  async #open(mode: 'write' | 'create'): Promise<FileHandle> {
    const syncsWrites = this.#isSyncWanted;
    try {
      const handle = await this.#pool.open(this.#filePath, mode, { syncsWrites });
      this.#handle = handle;
      this.#isSyncAsked = syncsWrites;
      this.#pool.opened();
      return handle;
    } finally {
      this.#opening = undefined;
    }
  }
}
