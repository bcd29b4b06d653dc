import { dirname } from 'node:path';
import type { TopicPartition } from '#protocol';
import { assert, type FileSystem } from '#runtime';

/**
 * Replaces a small file atomically: after a crash it holds either the old or the new content. The
 * bytes are written and synced under `<path>.tmp` and renamed, then the directory is synced; the
 * new content is durable when the call resolves. Calls for one path must not overlap.
 */
export async function replaceFile(
  fileSystem: FileSystem,
  path: string,
  content: Uint8Array,
): Promise<void> {
  const temporary = `${path}.tmp`;
  // A leftover of an earlier attempt may be longer than the new content.
  await fileSystem.removeFile(temporary);
  const file = await fileSystem.open(temporary, 'create');
  try {
    if (content.length > 0) await file.writev([content], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, path);
  await fileSystem.syncDirectory(dirname(path));
}

/** A checkpoint file is not in its format. An operator must examine it. */
export class CorruptCheckpointError extends Error {
  override readonly name = 'CorruptCheckpointError';
}

/** Text form of one entry of a checkpoint file. */
export interface CheckpointFormat<Entry> {
  format(entry: Entry): string;
  /** Parses a line; returns undefined when it is malformed. */
  parse(line: string): Entry | undefined;
}

/**
 * The text of Kafka's CheckpointFile: a version line `0`, the number of entries, then one entry per
 * line; `\n` ends each line. An empty or missing file has no entries.
 *
 * Overlap: writes may overlap; they reach the disk one after the other in the order of the calls.
 * `read` runs before the first write.
 */
export class CheckpointFile<Entry> {
  #lastWrite: Promise<void> = Promise.resolve();
  readonly #fileSystem: FileSystem;
  readonly #lineFormat: CheckpointFormat<Entry>;

  constructor(
    fileSystem: FileSystem,
    readonly path: string,
    lineFormat: CheckpointFormat<Entry>,
  ) {
    this.#fileSystem = fileSystem;
    this.#lineFormat = lineFormat;
  }

  /**
   * Replaces the file's entries durably. `entries` is read at once: later changes do not count.
   * After a rejection with the storage error the file has either the old or the new content.
   */
  write(entries: Iterable<Entry>): Promise<void> {
    const lines = Array.from(entries, (entry) => `${this.#lineFormat.format(entry)}\n`);
    const content = Buffer.from(`0\n${lines.length}\n${lines.join('')}`);
    const write = this.#lastWrite.then(() => replaceFile(this.#fileSystem, this.path, content));
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }

  /** @throws CorruptCheckpointError when the content is not a complete checkpoint of version 0 */
  async read(): Promise<Entry[]> {
    const content = await tryReadFile(this.#fileSystem, this.path);
    if (content === undefined || content.length === 0) return [];
    const lines = content.toString('utf8').split('\n');
    if (lines.pop() !== '') this.#corrupt('its last line does not end');
    const [version, countText, ...entryLines] = lines;
    if (version !== '0') this.#corrupt(`its version is "${version ?? ''}", not "0"`);
    if (countText === undefined || !/^\d+$/.test(countText)) this.#corrupt('it has no count');
    if (Number(countText) !== entryLines.length) {
      this.#corrupt(`it should have ${countText} entries and has ${entryLines.length}`);
    }
    return entryLines.map((line) => {
      return this.#lineFormat.parse(line) ?? this.#corrupt(`the line "${line}" is malformed`);
    });
  }

  #corrupt(what: string): never {
    throw new CorruptCheckpointError(`checkpoint file ${this.path}: ${what}`);
  }
}

/** Returns the file's bytes, or undefined when there is no such file. */
export async function tryReadFile(
  fileSystem: FileSystem,
  path: string,
): Promise<Buffer | undefined> {
  try {
    return await fileSystem.readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** One line of an offset checkpoint: `topic partition offset`. */
export interface OffsetCheckpointEntry {
  readonly topicPartition: TopicPartition;
  readonly offset: number;
}

/** Format of the files of recovery points, high watermarks, log starts and cleaner positions. */
const OFFSET_FORMAT: CheckpointFormat<OffsetCheckpointEntry> = {
  format: ({ topicPartition, offset }) => {
    assert(Number.isSafeInteger(offset) && offset >= 0, `offset checkpoint of ${offset}`);
    return `${topicPartition.topic} ${topicPartition.partition} ${offset}`;
  },
  parse: (line) => {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line);
    if (match === null) return undefined;
    const offset = Number(match[3]);
    if (!Number.isSafeInteger(offset)) return undefined;
    return { topicPartition: { topic: match[1] ?? '', partition: Number(match[2]) }, offset };
  },
};

/** Opens a file of the data directory that has an offset for each of many partitions. */
export function offsetCheckpointFile(
  fileSystem: FileSystem,
  path: string,
): CheckpointFile<OffsetCheckpointEntry> {
  return new CheckpointFile(fileSystem, path, OFFSET_FORMAT);
}
