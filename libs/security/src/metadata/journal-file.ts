/**
 * An append-only file of JSON values in the data directory: a snapshot in chunks, then one value
 * per append.
 *
 * On disk, lines of text, each `<CRC-32C of the rest> <bytes of the JSON> <JSON>`, the numbers in 8
 * hexadecimal digits:
 *
 * | line | content |
 * |---|---|
 * | first | `{"format_version": 1, "header": ...}` |
 * | the next ones | the chunks of the snapshot |
 * | the next one | `"end"`: the snapshot is complete |
 * | others | the appended values, oldest first |
 *
 * A line is synced before the next one is written, so only the last appended line can be torn: it
 * is cut off, because nothing has acted on it. Every other line that cannot be read is damage, and
 * so is a last line that is longer than it says: it was several lines before. When
 * the appended lines are larger than the snapshot, the owner replaces the file as a whole: written
 * to a file beside it, synced, renamed.
 *
 * Overlap: calls must not overlap; the owner orders them.
 */
import { dirname } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import {
  assert,
  DataDirError,
  type DiskReserve,
  type FileHandle,
  type FileSystem,
  type Logger,
} from '#runtime';

const FORMAT_VERSION = 1;
/** Bytes of appended lines after which the file is replaced, unless the snapshot is larger. */
const APPENDED_BYTES_MAX = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** Bytes of chunks that are written at once. */
const WRITE_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;
/** Digits of the checksum, and of the length. */
const DIGITS = 8;
/** Bytes before the length, and before the JSON. */
const LENGTH_AT = DIGITS + 1;
const BODY_AT = 2 * LENGTH_AT;
const SNAPSHOT_END = 'end';

export interface JournalFileOptions {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly logger: Logger;
  /** The reserve of the disk, for writes that must succeed when the disk is full. */
  readonly reserve?: DiskReserve | undefined;
}

/** Gets the content of a file in its order while the file is opened. */
export interface JournalReader {
  header(value: unknown): void;
  chunk(value: unknown): void;
  appended(value: unknown): void;
}

interface HeaderLine {
  readonly format_version: number;
  readonly header: unknown;
}

export class JournalFile {
  readonly #options: JournalFileOptions;
  /** Open while lines can be appended; undefined when the file has to be replaced next. */
  #file: FileHandle | undefined;
  #sizeBytes = 0;
  /** Size of the header and the chunks. */
  #snapshotBytes = 0;

  constructor(options: JournalFileOptions) {
    this.#options = options;
  }

  /** Bytes on disk; 0 while there is no file. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** True when the file must be replaced before anything can be appended. */
  get mustBeReplaced(): boolean {
    return this.#file === undefined;
  }

  /** True when a replacement would save more bytes than its write costs. */
  get isLong(): boolean {
    const appendedBytes = this.#sizeBytes - this.#snapshotBytes;
    return appendedBytes >= Math.max(APPENDED_BYTES_MAX, this.#snapshotBytes);
  }

  /**
   * Reads the file and cuts off a torn end.
   * @returns false when there is no file
   * @throws DataDirError when the file is damaged or of a later version
   */
  async open(reader: JournalReader): Promise<boolean> {
    const { fileSystem, path, logger } = this.#options;
    if ((await fileSystem.fileSize(path)) === undefined) return false;
    const file = await fileSystem.open(path, 'write');
    try {
      const { soundBytes, totalBytes } = await this.#read(file, reader);
      if (soundBytes < totalBytes) {
        logger.warn(
          { path, bytes: totalBytes - soundBytes },
          'the end of a journal was torn by a crash: it is cut off',
        );
        await file.truncate(soundBytes);
        await file.datasync();
      }
      this.#sizeBytes = soundBytes;
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    return true;
  }

  /** Appends one value. When it rejects the value is not on disk; append it again. */
  async append(value: unknown): Promise<void> {
    const file = this.#file;
    assert(file !== undefined, 'a journal is replaced first when it must be');
    const bytes = lineOf(value);
    try {
      await this.#run(async () => {
        await file.writev([bytes], this.#sizeBytes);
        await file.datasync();
      });
    } catch (error) {
      // The end of the file is unknown after a failed write.
      await this.close();
      throw error;
    }
    this.#sizeBytes += bytes.length;
  }

  /** Replaces the content. `chunks` is called once per attempt. */
  async replace(header: unknown, chunks: () => Iterable<unknown>): Promise<void> {
    await this.close();
    await this.#run(() => this.#writeNew(header, chunks));
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #writeNew(header: unknown, chunks: () => Iterable<unknown>): Promise<void> {
    const { fileSystem, path } = this.#options;
    const temporaryPath = `${path}.tmp`;
    await fileSystem.removeFile(temporaryPath);
    const file = await fileSystem.open(temporaryPath, 'create');
    try {
      const sizeBytes = await writeSnapshot(file, header, chunks);
      await file.datasync();
      await fileSystem.rename(temporaryPath, path);
      await fileSystem.syncDirectory(dirname(path));
      this.#sizeBytes = sizeBytes;
      this.#snapshotBytes = sizeBytes;
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
  }

  /** @returns the size of the file, and the size up to the end of the last line that can be read */
  async #read(
    file: FileHandle,
    reader: JournalReader,
  ): Promise<{ soundBytes: number; totalBytes: number }> {
    let part: 'header' | 'chunks' | 'appended' = 'header';
    let soundBytes = 0;
    let position = 0;
    let isTorn = false;
    for await (const line of linesOf(file)) {
      position += line.length;
      const value = valueOf(line);
      if (isTorn) throw this.#damaged();
      if (value === undefined) {
        if (part !== 'appended' || isTooLong(line)) throw this.#damaged();
        isTorn = true;
        continue;
      }
      soundBytes = position;
      if (part === 'header') {
        this.#readHeader(value as HeaderLine, reader);
        part = 'chunks';
      } else if (part === 'appended') {
        reader.appended(value);
      } else if (value === SNAPSHOT_END) {
        this.#snapshotBytes = soundBytes;
        part = 'appended';
      } else {
        reader.chunk(value);
      }
    }
    if (part !== 'appended') throw this.#damaged();
    return { soundBytes, totalBytes: position };
  }

  #readHeader({ format_version: version, header }: HeaderLine, reader: JournalReader): void {
    if (version !== FORMAT_VERSION) {
      throw new DataDirError(
        'newer-format',
        `${this.#options.path} has format version ${version}, ` +
          `this version reads ${FORMAT_VERSION}.`,
      );
    }
    reader.header(header);
  }

  #damaged(): DataDirError {
    const { path } = this.#options;
    return new DataDirError('damaged', `${path} is damaged: restore it from a backup.`);
  }

  #run(write: () => Promise<void>): Promise<void> {
    const { reserve } = this.#options;
    return reserve === undefined ? write() : reserve.run(write);
  }
}

/** @returns the number of bytes written */
async function writeSnapshot(
  file: FileHandle,
  header: unknown,
  chunks: () => Iterable<unknown>,
): Promise<number> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let position = 0;
  const flush = async (): Promise<void> => {
    await file.writev(pending, position);
    position += pendingBytes;
    pending = [];
    pendingBytes = 0;
  };
  const add = (value: unknown): void => {
    const bytes = lineOf(value);
    pending.push(bytes);
    pendingBytes += bytes.length;
  };
  add({ format_version: FORMAT_VERSION, header } satisfies HeaderLine);
  for (const chunk of chunks()) {
    add(chunk);
    if (pendingBytes >= WRITE_BYTES) await flush();
  }
  add(SNAPSHOT_END);
  await flush();
  return position;
}

/** The lines of a file with their line feeds; the last one may have none. */
async function* linesOf(file: FileHandle): AsyncGenerator<Buffer> {
  const totalBytes = await file.sizeBytes();
  let rest: Buffer[] = [];
  for (let position = 0; position < totalBytes; position += READ_BYTES) {
    const bytes = Buffer.allocUnsafe(Math.min(READ_BYTES, totalBytes - position));
    await file.read(bytes, 0, bytes.length, position);
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end === -1) break;
      yield Buffer.concat([...rest, bytes.subarray(start, end + 1)]);
      rest = [];
      start = end + 1;
    }
    if (start < bytes.length) rest.push(bytes.subarray(start));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

function lineOf(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  const beginning = Buffer.alloc(BODY_AT, ' ');
  beginning.write(digitsOf(body.length), LENGTH_AT);
  const line = Buffer.concat([beginning, body, Buffer.of(LINE_FEED)]);
  line.write(checksum(line));
  return line;
}

/** The value of a line; undefined when the line is not complete or its checksum does not match. */
function valueOf(line: Buffer): unknown {
  if (line.length <= BODY_AT || line.at(-1) !== LINE_FEED) return undefined;
  if (line.toString('latin1', 0, LENGTH_AT) !== `${checksum(line)} `) return undefined;
  return JSON.parse(line.toString('utf8', BODY_AT, line.length - 1));
}

/** True when a line that cannot be read has more bytes than one write of a line can leave. */
function isTooLong(line: Buffer): boolean {
  const length = Number.parseInt(line.toString('latin1', LENGTH_AT, LENGTH_AT + DIGITS), 16);
  return line.length > BODY_AT + length + 1;
}

/** The checksum of a line without its first digits and its line feed. */
function checksum(line: Buffer): string {
  return digitsOf(crc32c(line.subarray(LENGTH_AT, -1)));
}

function digitsOf(value: number): string {
  return value.toString(16).padStart(DIGITS, '0');
}
