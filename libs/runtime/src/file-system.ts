/**
 * The file system port of the log. Tests use a fake disk in its place, which keeps unsynced writes
 * apart and drops or tears them on a "crash".
 *
 * Durability rules, as POSIX has them: bytes are durable after `datasync` of their file; a created,
 * renamed or removed name is durable after `syncDirectory` of its directory. Errors are Node's
 * `ErrnoException`s (`code`: ENOSPC, EIO, ENOENT, ...).
 */
export interface FileSystem {
  /**
   * Opens for reading and writing at explicit positions. `create` creates the file if it is
   * missing.
   */
  open(path: string, mode: OpenMode, options?: OpenOptions): Promise<FileHandle>;
  /** Reads a whole small file. Rejects with ENOENT when there is none. */
  readFile(path: string): Promise<Buffer>;
  /** Names in a directory, unsorted. */
  readDirectory(path: string): Promise<DirectoryEntry[]>;
  /** Creates a directory and its parents; no error when it exists. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; no error when it does not exist. */
  removeFile(path: string): Promise<void>;
  /** Removes a directory and its content; no error when it does not exist. */
  removeDirectory(path: string): Promise<void>;
  /** Size in bytes, or undefined when there is no such file. */
  fileSize(path: string): Promise<number | undefined>;
  /** Time of the last write to a file, wall clock in ms; undefined when there is no such file. */
  modifiedMs(path: string): Promise<number | undefined>;
  /**
   * Makes creations, renames and removals of names in this directory durable. An error of the call
   * that opens the directory has `syscall` "open": fsync was not called then.
   */
  syncDirectory(path: string): Promise<void>;
  /**
   * Takes an exclusive lock that ends with the process; undefined when another process holds it and
   * does not end within about a second.
   */
  tryLock(path: string): Promise<FileLock | undefined>;
}

export type OpenMode = 'read' | 'write' | 'create';

export interface OpenOptions {
  /** True to end each write with a sync where the system can do both in one call. */
  readonly syncsWrites?: boolean;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface FileLock {
  release(): Promise<void>;
}

/**
 * An open file.
 *
 * Overlap: all calls may overlap; the caller orders writes to the same range.
 */
export interface FileHandle {
  readonly path: string;
  /**
   * True when the bytes of a write, and the size of the file, are durable when `writev` resolves.
   * An error of `writev` may then be one of the write or of its sync.
   */
  readonly syncsWrites: boolean;
  /**
   * Reads up to `length` bytes into `target` at `targetStart`; fewer only at the end of the file.
   */
  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number>;
  /**
   * Writes all buffers one after the other from `position`. A rejected write may have written a
   * part.
   */
  writev(buffers: readonly Uint8Array[], position: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** fdatasync: the file's bytes and size are durable when it resolves. */
  datasync(): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}
