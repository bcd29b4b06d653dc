import type { FileSystem } from './file-system.js';
import type { Logger } from './logger.js';
import { SerialQueue } from './serial-queue.js';
import { isDiskFull } from './system-error.js';

const CHUNK_BYTES = 64 * 1024;

export interface DiskReserveOptions {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  /** The file that reserves the space; it is filled with zeros. */
  readonly path: string;
  /** Bytes to reserve; 0 reserves nothing. */
  readonly sizeBytes: number;
}

/** The disk is full for records: the free space that is left is reserved for other writes. */
export class DiskReserveError extends Error {
  override readonly name = 'DiskReserveError';
  readonly code = 'ENOSPC';

  constructor() {
    super('the disk is full; the reserved space is not available to records');
  }
}

export interface DiskReserveStatus {
  /** True from the moment the disk was found full until it is found to have free space again. */
  readonly isDiskFull: boolean;
  /** Bytes that are reserved now; 0 while the reserve is released. */
  readonly heldBytes: number;
}

/**
 * Disk space reserved by a file of zeros, so that a broker whose disk is full can still write what
 * frees space: the deletion of records or topics.
 *
 * When such a write (`run`) finds the disk full, the file is removed and the write is tried once
 * more. `isWhole` is then false until `refill` has restored the file, and no records may be
 * written: they would use up the released space.
 *
 * Code that writes without `run` reports its failures with `writeFailed`, so that `status` shows a
 * full disk even while the reserve is still whole.
 *
 * Overlap: all methods may overlap. A serial queue runs one removal or refill of the file at a
 * time.
 */
export class DiskReserve {
  readonly #options: DiskReserveOptions;
  readonly #changes = new SerialQueue();
  #isWhole = false;
  #isDiskFull = false;

  private constructor(options: DiskReserveOptions) {
    this.#options = options;
  }

  /**
   * Creates the file if the disk has space for it; if not, the broker starts without the reserve.
   */
  static async open(options: DiskReserveOptions): Promise<DiskReserve> {
    const reserve = new DiskReserve(options);
    const { fileSystem, path, sizeBytes } = options;
    reserve.#isWhole = ((await fileSystem.fileSize(path)) ?? 0) === sizeBytes;
    await fileSystem.removeFile(reserve.#probePath);
    if (!reserve.#isWhole) await reserve.refill();
    if (!reserve.#isWhole) reserve.#foundFull();
    return reserve;
  }

  /** True while records may be written. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get status(): DiskReserveStatus {
    const heldBytes = this.#isWhole ? this.#options.sizeBytes : 0;
    return { isDiskFull: this.#isDiskFull, heldBytes };
  }

  /** Records that a write of records failed, for any reason. */
  writeFailed(error: unknown): void {
    if (isDiskFull(error)) this.#foundFull();
  }

  /**
   * Runs a write that must succeed on a full disk; if the disk is full, releases the reserve and
   * runs the write once more. The write must be repeatable.
   */
  async run<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      this.writeFailed(error);
      if (this.#options.sizeBytes === 0 || !isDiskFull(error)) throw error;
      await this.#changes.run(() => this.#release());
      return write();
    }
  }

  /**
   * Restores the reserve if the disk has space for it, and checks whether a full disk has free
   * space again. Never rejects.
   */
  refill(): Promise<void> {
    return this.#changes.run(async () => {
      if (this.#isWhole && !this.#isDiskFull) return;
      const { path, sizeBytes, logger } = this.#options;
      const hasRoom = this.#isWhole
        ? await this.#tryWriteZeros(this.#probePath, CHUNK_BYTES, 'remove')
        : await this.#tryWriteZeros(path, sizeBytes, 'keep');
      if (!hasRoom) return;
      this.#isWhole = true;
      if (this.#isDiskFull) logger.info({}, 'the disk has free space for records again');
      this.#isDiskFull = false;
    });
  }

  get #probePath(): string {
    return `${this.#options.path}-probe`;
  }

  /**
   * Writes zeros and returns true if the disk took them all. A partly written file is removed: its
   * bytes are needed by the writes that free space.
   */
  async #tryWriteZeros(
    path: string,
    sizeBytes: number,
    afterwards: 'keep' | 'remove',
  ): Promise<boolean> {
    const { fileSystem } = this.#options;
    try {
      await this.#writeZeros(path, sizeBytes);
      if (afterwards === 'remove') await fileSystem.removeFile(path);
      return true;
    } catch {
      await fileSystem.removeFile(path).catch(() => undefined);
      return false;
    }
  }

  async #writeZeros(path: string, sizeBytes: number): Promise<void> {
    const { fileSystem } = this.#options;
    await fileSystem.removeFile(path);
    if (sizeBytes === 0) return;
    const file = await fileSystem.open(path, 'create');
    try {
      const zeros = Buffer.alloc(Math.min(sizeBytes, CHUNK_BYTES));
      for (let position = 0; position < sizeBytes; position += zeros.length) {
        await file.writev([zeros.subarray(0, sizeBytes - position)], position);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #release(): Promise<void> {
    if (!this.#isWhole) return;
    this.#isWhole = false;
    await this.#options.fileSystem.removeFile(this.#options.path);
  }

  #foundFull(): void {
    if (this.#isDiskFull) return;
    this.#isDiskFull = true;
    this.#options.logger.warn(
      { path: this.#options.path },
      'the disk is full: records are refused until it has free space; reads and deletions continue',
    );
  }
}
