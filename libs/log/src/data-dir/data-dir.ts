import { join } from 'node:path';
import type { FileLock, FileSystem } from '#runtime';
import { replaceFile, tryReadFile } from '../checkpoint/checkpoint-file.js';

const LOCK_FILE = '.lock';
const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';
const LAST_SEEN_TIME_FILE = '.last-seen-time';
/**
 * Written by versions that record every log start; older ones may have moved a log start without
 * recording it.
 */
const LOG_STARTS_FILE = '.log-starts-recorded';

/** Another process uses the data directory. The message is one line for the operator. */
export class DataDirLockedError extends Error {
  override readonly name = 'DataDirLockedError';

  constructor(readonly directory: string) {
    super(`The data directory ${directory} is in use by another process.`);
  }
}

/**
 * A broker's data directory, owned by one process: the lock file is released when the process ends,
 * however it ends. `.kafka_cleanshutdown` says that the last process closed every log.
 *
 * Overlap: calls must not overlap; the log manager makes them one after the other.
 */
export class DataDir {
  readonly #fileSystem: FileSystem;
  readonly #lock: FileLock;

  private constructor(
    fileSystem: FileSystem,
    readonly path: string,
    lock: FileLock,
    /** True when the last process closed every log. */
    readonly wasClosedCleanly: boolean,
    /**
     * True when the checkpoint file has every log start; false for a directory of an older version.
     */
    readonly areLogStartsRecorded: boolean,
  ) {
    this.#fileSystem = fileSystem;
    this.#lock = lock;
  }

  /**
   * Creates the directory if needed and locks it. The mark of a clean stop is removed, durably,
   * before anything else happens: this process may be killed at any time.
   * @throws DataDirLockedError
   */
  static async open(fileSystem: FileSystem, path: string): Promise<DataDir> {
    await fileSystem.makeDirectory(path);
    const lock = await fileSystem.tryLock(join(path, LOCK_FILE));
    if (lock === undefined) throw new DataDirLockedError(path);
    try {
      const marker = join(path, CLEAN_SHUTDOWN_FILE);
      const wasClosedCleanly = (await fileSystem.fileSize(marker)) !== undefined;
      await fileSystem.removeFile(marker);
      await fileSystem.syncDirectory(path);
      const recorded = await fileSystem.fileSize(join(path, LOG_STARTS_FILE));
      return new DataDir(fileSystem, path, lock, wasClosedCleanly, recorded !== undefined);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Records, durably, that every log was closed. */
  async markClean(): Promise<void> {
    const content = Buffer.from('{"version":0,"brokerEpoch":-1}\n');
    await replaceFile(this.#fileSystem, join(this.path, CLEAN_SHUTDOWN_FILE), content);
  }

  /** Records, durably, that from now on the checkpoint file has the log start of every log. */
  async markLogStartsRecorded(): Promise<void> {
    if (this.areLogStartsRecorded) return;
    await replaceFile(
      this.#fileSystem,
      join(this.path, LOG_STARTS_FILE),
      Buffer.from('{"version":1}\n'),
    );
  }

  /** Returns the time in ms that `keepTime` stored last; undefined when no readable one exists. */
  async lastSeenMs(): Promise<number | undefined> {
    const content = await tryReadFile(this.#fileSystem, join(this.path, LAST_SEEN_TIME_FILE));
    const match = /^\d{1,15}(?=\n$)/.exec(content?.toString('utf8') ?? '');
    return match === null ? undefined : Number(match[0]);
  }

  /** Stores the time for the next start, durably. */
  async keepTime(nowMs: number): Promise<void> {
    const content = Buffer.from(`${Math.max(0, nowMs)}\n`);
    await replaceFile(this.#fileSystem, join(this.path, LAST_SEEN_TIME_FILE), content);
  }

  release(): Promise<void> {
    return this.#lock.release();
  }
}
