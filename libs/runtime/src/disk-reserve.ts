import type { FileSystem } from './file-system.js';
import type { Logger } from './logger.js';
import { SerialQueue } from './serial-queue.js';
import { isDiskFull } from './system-error.js';

const CHUNK_BYTES = 64 * 1024;

export interface DiskReserveOptions {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  /** The file that holds the room; it has nothing in it. */
  readonly path: string;
  /** 0: nothing is held back. */
  readonly sizeBytes: number;
}

/** The disk is full as far as records are concerned: what is left is held back. */
export class DiskReserveError extends Error {
  override readonly name = 'DiskReserveError';
  readonly code = 'ENOSPC';

  constructor() {
    super('the disk is full, and what is held back is not for records');
  }
}

export interface DiskReserveStatus {
  /** The disk was found full, and has not been found to have room since. */
  readonly isDiskFull: boolean;
  /** Held back from records now: 0 while it is given up. */
  readonly heldBytes: number;
}

/**
 * Room on a disk that is held back by a file of zeros, so that a broker whose disk is full can
 * still write down what makes room again: which records, or which topics, are deleted.
 *
 * When such a write (`run`) finds the disk full the file is removed and the write is tried once
 * more. From then until `refill` has made the file whole again `isWhole` is false, and nobody may
 * write records: they would take the room that was given up.
 *
 * Whoever writes without it says when the disk was full (`writeFailed`), so that `status` tells of
 * a disk that is full while the reserve is still whole, too.
 *
 * All methods may overlap.
 */
export class DiskReserve {
  readonly #options: DiskReserveOptions;
  readonly #changes = new SerialQueue();
  #isWhole = false;
  #isDiskFull = false;

  private constructor(options: DiskReserveOptions) {
    this.#options = options;
  }

  /** Makes the file whole if the disk has room; if not, the broker goes on without it for now. */
  static async open(options: DiskReserveOptions): Promise<DiskReserve> {
    const reserve = new DiskReserve(options);
    const { fileSystem, path, sizeBytes } = options;
    reserve.#isWhole = ((await fileSystem.fileSize(path)) ?? 0) === sizeBytes;
    await fileSystem.removeFile(reserve.#probePath);
    if (!reserve.#isWhole) await reserve.refill();
    if (!reserve.#isWhole) reserve.#foundFull();
    return reserve;
  }

  /** Whether records may be written. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get status(): DiskReserveStatus {
    const heldBytes = this.#isWhole ? this.#options.sizeBytes : 0;
    return { isDiskFull: this.#isDiskFull, heldBytes };
  }

  /** Told of a write of records that failed, whatever the reason. */
  writeFailed(error: unknown): void {
    if (isDiskFull(error)) this.#foundFull();
  }

  /**
   * Runs a write that must be possible on a full disk, and once more after giving up the reserve if
   * it was not. It must be one that can be repeated.
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
   * Takes the room again, if it is there, and looks whether a full disk has some; never rejects.
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
      if (this.#isDiskFull) logger.info({}, 'the disk has room for records again');
      this.#isDiskFull = false;
    });
  }

  get #probePath(): string {
    return `${this.#options.path}-probe`;
  }

  /** Whether the disk took so many bytes. What it took of too many is needed by what makes room. */
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
      'the disk is full: no records are taken until there is room; reads and deletions go on',
    );
  }
}
