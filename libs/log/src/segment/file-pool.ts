import { assert, type FileHandle, type FileSystem, isOutOfDescriptors } from '#runtime';

/**
 * Open segment files, bounded: a broker has many more segments than it may have file descriptors. A
 * file is opened when it is first used and stays open while it is in use; of those not in use the
 * least recently used is closed when more than `openFilesMax` are open. Files in use are never
 * closed, so the bound is passed by at most the number of reads and writes under way.
 */
export class FilePool {
  /** Open files that nobody uses, the least recently used first. */
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

  /** Closes all files that are not in use. */
  async closeIdle(): Promise<void> {
    await Promise.all([...this.#idle].map((file) => file.closeIfIdle()));
  }

  /** For PooledFile: where no descriptor is free, files that nobody uses give theirs back. */
  async open(path: string, mode: 'write' | 'create'): Promise<FileHandle> {
    try {
      return await this.fileSystem.open(path, mode);
    } catch (error) {
      if (!isOutOfDescriptors(error) || this.#idle.size === 0) throw error;
      await this.closeIdle();
      return this.fileSystem.open(path, mode);
    }
  }

  /** For PooledFile. */
  opened(): void {
    this.#openCount += 1;
  }

  /** For PooledFile. */
  closed(): void {
    this.#openCount -= 1;
  }

  /** For PooledFile: `file` is open and in use from now on. */
  used(file: PooledFile): void {
    this.#idle.delete(file);
  }

  /** For PooledFile: `file` is open and not in use. */
  unused(file: PooledFile): void {
    this.#idle.add(file);
    while (this.#openCount > this.openFilesMax) {
      const [oldest] = this.#idle;
      if (oldest === undefined) return;
      // A failed close has nothing to lose: what matters was synced through this descriptor before.
      oldest.closeIfIdle().catch(() => undefined);
    }
  }
}

/**
 * A file that is open while it is used. `acquire` and `release` come in pairs and may overlap; a
 * removal waits until nobody uses the file, so that a reader keeps what it reads.
 */
export class PooledFile {
  #handle: FileHandle | undefined;
  #opening: Promise<FileHandle> | undefined;
  #users = 0;
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

  /** The open file: at once when it is open already. Once it resolved, `release` must follow. */
  acquire(): FileHandle | Promise<FileHandle> {
    this.#pin();
    if (this.#handle !== undefined) return this.#handle;
    this.#opening ??= this.#open('write');
    return this.#opening.catch((error: unknown) => {
      this.release();
      throw error;
    });
  }

  /** As `acquire`, for a file that is made now. Its directory is not synced. */
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
    for (const wake of this.#whenUnused.splice(0)) wake();
  }

  /** Gives the file another name. Users go on with the open file. */
  async rename(path: string): Promise<void> {
    // Held open meanwhile: whoever acquires it now must not look for the old name.
    await this.acquire();
    try {
      await this.#pool.fileSystem.rename(this.#filePath, path);
      this.#filePath = path;
    } finally {
      this.release();
    }
  }

  /** Closes and removes the file once nobody uses it. Nobody may acquire it any more. */
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

  /** For FilePool. */
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

  async #open(mode: 'write' | 'create'): Promise<FileHandle> {
    try {
      const handle = await this.#pool.open(this.#filePath, mode);
      this.#handle = handle;
      this.#pool.opened();
      return handle;
    } finally {
      this.#opening = undefined;
    }
  }
}
