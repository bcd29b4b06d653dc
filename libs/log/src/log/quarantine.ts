import { join } from 'node:path';
import type { FileSystem } from '#runtime';

/** Numbers for metrics. */
export interface QuarantineStatus {
  /** Bytes on disk. */
  readonly bytes: number;
}

/**
 * Accounts for files on disk that are quarantined and that nothing reads: bytes cut from segments
 * (`.log.cut-<n>`) and directories of stray replicas (`-stray`). Only an operator removes them;
 * files removed while the broker runs count until the next start.
 *
 * Overlap: all calls may overlap; the count changes synchronously.
 */
export class Quarantine {
  /** Quarantined bytes by directory. */
  readonly #bytes = new Map<string, number>();

  get status(): QuarantineStatus {
    let bytes = 0;
    for (const each of this.#bytes.values()) bytes += each;
    return { bytes };
  }

  add(directory: string, bytes: number): void {
    if (bytes > 0) this.#bytes.set(directory, (this.#bytes.get(directory) ?? 0) + bytes);
  }

  /** Removes a directory that was deleted with all its files. */
  remove(directory: string): void {
    this.#bytes.delete(directory);
  }

  /**
   * Adds the given files of a directory, or all of them. Never rejects: accounting must not stop a
   * log.
   */
  async addFiles(
    fileSystem: FileSystem,
    directory: string,
    names?: readonly string[],
  ): Promise<void> {
    try {
      const counted =
        names ?? (await fileSystem.readDirectory(directory)).map((entry) => entry.name);
      for (const name of counted) {
        this.add(directory, (await fileSystem.fileSize(join(directory, name))) ?? 0);
      }
    } catch {
      // A file whose size cannot be read is left out of the count.
    }
  }
}
