/**
 * What this broker knows of the cluster's metadata, on its own disk: `metadata.journal` in the data
 * directory. A registry that lost its newest commits, or all of them, is rebuilt from these.
 *
 * On disk, lines of text, each `<CRC-32C of the rest, 8 hexadecimal digits> <JSON>`:
 *
 * | line | member | content |
 * |---|---|---|
 * | first | `state` | the whole state when the file was made; with `format_version` |
 * | | `promise` | the newest rebuild that this broker takes or took part in; null: none |
 * | others | `commits` | one or more commits that follow what stands before |
 *
 * A line is synced before the next one is written, so that only the last can be torn; it is left
 * out then, for nobody has acted by it. When the lines of commits are many, or a write has failed,
 * the file is replaced as a whole: written beside it, synced, renamed. Writes may overlap: they are
 * done in turn.
 */
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { type DiskReserve, type FileHandle, type FileSystem, SerialQueue } from '#runtime';
import {
  applyCommit,
  type ClusterState,
  EMPTY_CLUSTER,
  type MetadataCommit,
} from '../cluster-state.js';
import { DataDirError } from '../data-dir-error.js';
import { type StateDocument, stateDocument, stateOf } from '../state-document.js';
import { rebuildNumberOf } from './rebuild.js';
import type { RebuildRound } from './registry.js';

export const JOURNAL_FILE_NAME = 'metadata.journal';
const FORMAT_VERSION = 1;
/** Lines of commits after which the file is replaced. */
const LINES_MAX = 2000;

/** A broker that takes part in a rebuild takes nothing any more of the line that is rebuilt. */
export class PromisedError extends Error {
  override readonly name = 'PromisedError';
}

export interface MetadataJournalOptions {
  readonly fileSystem: FileSystem;
  readonly dataDir: string;
  /** Of the disk, for what must be written down when it is full. */
  readonly reserve?: DiskReserve;
}

interface JournalLine {
  readonly format_version?: number;
  readonly state?: StateDocument;
  readonly promise?: RebuildRound | null;
  readonly commits?: readonly MetadataCommit[];
}

export class MetadataJournal {
  readonly #options: MetadataJournalOptions;
  readonly #path: string;
  readonly #writes = new SerialQueue();
  #state: ClusterState;
  #promise: RebuildRound | undefined;
  #isMade: boolean;
  /** Open while lines can be appended; else the file is replaced next. */
  #file: FileHandle | undefined;
  #sizeBytes = 0;
  #lines = 0;

  private constructor(options: MetadataJournalOptions, content: JournalContent | undefined) {
    this.#options = options;
    this.#path = join(options.dataDir, JOURNAL_FILE_NAME);
    this.#state = content?.state ?? EMPTY_CLUSTER;
    this.#promise = content?.promise;
    this.#isMade = content !== undefined;
  }

  /** @throws DataDirError when the file is damaged or of a later version */
  static async open(options: MetadataJournalOptions): Promise<MetadataJournal> {
    const { fileSystem, dataDir } = options;
    const path = join(dataDir, JOURNAL_FILE_NAME);
    const isThere = (await fileSystem.fileSize(path)) !== undefined;
    const content = isThere ? parsed(await fileSystem.readFile(path), path) : undefined;
    return new MetadataJournal(options, content);
  }

  /** The newest state on disk; version 0 when there is none. */
  get state(): ClusterState {
    return this.#state;
  }

  /** The newest rebuild that this broker has promised to take part in. */
  get promise(): RebuildRound | undefined {
    return this.#promise;
  }

  /** Whether there is a state on disk: only then this broker has a say in a rebuild. */
  get isMade(): boolean {
    return this.#isMade;
  }

  /**
   * Appends commits that follow the state. Rejects when they are not on disk; then append them
   * again.
   * @throws PromisedError when this broker has promised a later rebuild
   */
  append(commits: readonly MetadataCommit[]): Promise<void> {
    return this.#writes.run(async () => {
      for (const { version } of commits) this.#assertPromised(version);
      const next = commits.reduce(applyCommit, this.#state);
      if (this.#file === undefined || this.#lines >= LINES_MAX) {
        await this.#replace(next, this.#promise);
      } else {
        await this.#appendLine(this.#file, lineOf({ commits }));
      }
      this.#state = next;
    });
  }

  /**
   * Puts a whole state in place of what is there.
   * @throws PromisedError when this broker has promised a later rebuild
   */
  replace(state: ClusterState): Promise<void> {
    return this.#writes.run(async () => {
      this.#assertPromised(state.version);
      await this.#replace(state, this.#promise);
      this.#state = state;
    });
  }

  /**
   * Writes down that this broker takes part in a rebuild, and in none of a lower number from now
   * on.
   */
  keepPromise(round: RebuildRound): Promise<void> {
    return this.#writes.run(async () => {
      await this.#replace(this.#state, round);
      this.#promise = round;
    });
  }

  /** Whether a version is of a line that this broker has not promised to leave. */
  mayTake(version: number): boolean {
    return rebuildNumberOf(version) >= (this.#promise?.number ?? 0);
  }

  close(): Promise<void> {
    return this.#writes.run(() => this.#closeFile());
  }

  #assertPromised(version: number): void {
    if (this.mayTake(version)) return;
    throw new PromisedError(`version ${version} is of before rebuild ${this.#promise?.number}`);
  }

  async #appendLine(file: FileHandle, bytes: Buffer): Promise<void> {
    try {
      await this.#run(async () => {
        await file.writev([bytes], this.#sizeBytes);
        await file.datasync();
      });
    } catch (error) {
      // What the file has at its end is not known any more.
      await this.#closeFile();
      throw error;
    }
    this.#sizeBytes += bytes.length;
    this.#lines += 1;
  }

  async #replace(state: ClusterState, promise: RebuildRound | undefined): Promise<void> {
    await this.#closeFile();
    const bytes = lineOf({
      format_version: FORMAT_VERSION,
      promise: promise ?? null,
      state: stateDocument(state),
    });
    await this.#run(() => this.#writeNew(bytes));
    this.#sizeBytes = bytes.length;
    this.#lines = 0;
    this.#isMade = true;
  }

  async #writeNew(bytes: Buffer): Promise<void> {
    const { fileSystem, dataDir } = this.#options;
    const temporaryPath = `${this.#path}.tmp`;
    await fileSystem.removeFile(temporaryPath);
    const file = await fileSystem.open(temporaryPath, 'create');
    try {
      await file.writev([bytes], 0);
      await file.datasync();
      await fileSystem.rename(temporaryPath, this.#path);
      await fileSystem.syncDirectory(dataDir);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
  }

  #run(write: () => Promise<void>): Promise<void> {
    const { reserve } = this.#options;
    return reserve === undefined ? write() : reserve.run(write);
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

interface JournalContent {
  readonly state: ClusterState;
  readonly promise: RebuildRound | undefined;
}

function lineOf(line: JournalLine): Buffer {
  const body = JSON.stringify(line);
  return Buffer.from(`${checksum(body)} ${body}\n`);
}

function parsed(bytes: Buffer, path: string): JournalContent {
  // What is behind the last line feed was never a line.
  const lines = bytes.toString('utf8').split('\n').slice(0, -1).map(parsedLine);
  if (lines.at(-1) === undefined) lines.pop();
  const [first, ...others] = lines;
  // After a torn line nothing was written: a bad one before others was damaged.
  if (first?.state === undefined || others.includes(undefined)) {
    throw new DataDirError('damaged', `${path} is damaged: restore it from a backup.`);
  }
  if (first.format_version !== FORMAT_VERSION) {
    throw new DataDirError(
      'newer-format',
      `${path} has format version ${first.format_version}, this version reads ${FORMAT_VERSION}.`,
    );
  }
  const commits = others.flatMap((line) => line?.commits ?? []);
  const state = commits.reduce(applyCommit, stateOf(first.state));
  return { state, promise: first.promise ?? undefined };
}

/** Undefined when it is not as it was written. */
function parsedLine(text: string): JournalLine | undefined {
  const body = text.slice(9);
  if (body === '' || text.slice(0, 9) !== `${checksum(body)} `) return undefined;
  return JSON.parse(body) as JournalLine;
}

function checksum(body: string): string {
  return crc32c(body).toString(16).padStart(8, '0');
}
