import { join } from 'node:path';
import type { FileSystem } from '#runtime';

/** Numbers for metrics. */
export interface QuarantineStatus {
  /** Bytes on disk. */
  readonly bytes: number;
}

/**
 * Counts what the log has put aside on disk and nobody reads: bytes cut from segments
 * (`.log.cut-<n>`) and directories of replicas that are not kept here (`-stray`). Only an operator
 * removes them; what is removed while the broker runs is counted until the next start.
 */
export class Quarantine {
  /** By directory. */
  readonly #bytes = new Map<string, number>();

  get status(): QuarantineStatus {
    let bytes = 0;
    for (const each of this.#bytes.values()) bytes += each;
    return { bytes };
  }

  add(directory: string, bytes: number): void {
    if (bytes > 0) this.#bytes.set(directory, (this.#bytes.get(directory) ?? 0) + bytes);
  }

  /** The directory is gone with all that is in it. */
  remove(directory: string): void {
    this.#bytes.delete(directory);
  }

  /**
   * Adds these files of a directory, or all of them. Never rejects: a count must not stop a log.
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
      // What cannot be looked at is left out: it is known to nobody but the operator.
    }
  }
}
