/**
 * A small JSON document that is replaced as a whole and survives a crash at any point: after
 * `write` has resolved the file has the new document, before that it has the old or the new one,
 * never a mixture.
 *
 * On disk, two lines of text:
 *
 * | line | content |
 * |---|---|
 * | 1 | the document; its member `format_version` says how to read it |
 * | 2 | `crc32c ` and eight hexadecimal digits: CRC-32C of line 1 without its line feed |
 *
 * `write` writes `<path>.tmp`, syncs it, renames it and syncs the directory. Overlap: writes must
 * not overlap; the owner orders them.
 */

import { dirname } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { ProtocolError } from '#protocol';
import { DataDirError, type FileSystem } from '#runtime';

export interface DurableDocument {
  readonly format_version: number;
}

export class DurableJsonFile<D extends DurableDocument> {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #formatVersion: number;

  constructor(fileSystem: FileSystem, path: string, formatVersion: D['format_version']) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.#formatVersion = formatVersion;
  }

  /**
   * Reads the document; undefined when there is no such file.
   * @throws DataDirError when it is damaged or of a later version
   */
  async read(): Promise<D | undefined> {
    const bytes = await this.#fileSystem.readFile(this.path).catch((error: unknown) => {
      if (isMissingFile(error)) return undefined;
      throw error;
    });
    return bytes === undefined ? undefined : this.#parse(bytes);
  }

  /**
   * Replaces the document.
   * @throws ProtocolError KAFKA_STORAGE_ERROR: outcome `failed` while the old document is in place,
   *   `unknown` once the new one may be
   */
  async write(document: D): Promise<void> {
    const temporaryPath = `${this.path}.tmp`;
    const body = JSON.stringify(document);
    const bytes = Buffer.from(`${body}\ncrc32c ${checksum(body)}\n`);
    try {
      await this.#writeNew(temporaryPath, bytes);
    } catch (error) {
      throw storageError('failed', error);
    }
    try {
      await this.#fileSystem.rename(temporaryPath, this.path);
      await this.#fileSystem.syncDirectory(dirname(this.path));
    } catch (error) {
      throw storageError('unknown', error);
    }
  }

  /**
   * Writes a new file each time: a failed sync of an earlier file says nothing about this one's
   * bytes.
   */
  async #writeNew(path: string, bytes: Buffer): Promise<void> {
    await this.#fileSystem.removeFile(path);
    const file = await this.#fileSystem.open(path, 'create');
    try {
      await file.writev([bytes], 0);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  #parse(bytes: Buffer): D {
    const lines = bytes.toString('utf8').split('\n');
    const [body, checksumLine, end] = lines;
    const isWhole = lines.length === 3 && end === '' && body !== undefined;
    if (!isWhole || checksumLine !== `crc32c ${checksum(body)}`) {
      throw new DataDirError(
        'damaged',
        `${this.path} is damaged (its checksum does not match): restore it from a backup.`,
      );
    }
    const document = JSON.parse(body) as DurableDocument;
    if (document.format_version !== this.#formatVersion) {
      throw new DataDirError(
        'newer-format',
        `${this.path} has format version ${document.format_version}, ` +
          `this version reads ${this.#formatVersion}.`,
      );
    }
    return document as D;
  }
}

function checksum(body: string): string {
  return crc32c(body).toString(16).padStart(8, '0');
}

function storageError(outcome: 'failed' | 'unknown', cause: unknown): ProtocolError {
  return new ProtocolError(
    'KAFKA_STORAGE_ERROR',
    "The cluster's metadata could not be written to disk.",
    { outcome, cause },
  );
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
