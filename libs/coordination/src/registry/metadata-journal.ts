/**
 * The newest metadata that this broker knows, on its own disk: `metadata.journal` in the data
 * directory. A registry that lost its newest commits, or all of them, is rebuilt from these
 * journals.
 *
 * On disk, lines of text, each `<CRC-32C of the rest, 8 hexadecimal digits> <JSON>`:
 *
 * | line | member | content |
 * |---|---|---|
 * | first | `state` | the whole state when the file was created; with `format_version` |
 * | | `promise` | the newest rebuild that this broker has joined; null: none |
 * | others | `commits` | one or more commits that follow the lines before |
 *
 * A line is synced before the next one is written, so only the last line can be torn; it is ignored
 * then, because nothing has acted on it. After many or long lines of commits, or a failed write,
 * the file is replaced as a whole: written to a file beside it, synced, renamed.
 *
 * Overlap: all writes may overlap; a serial queue runs them one after the other.
 */
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import {
  DataDirError,
  type DiskReserve,
  type FileHandle,
  type FileSystem,
  SerialQueue,
} from '#runtime';
import {
  applyCommit,
  type ClusterState,
  EMPTY_CLUSTER,
  type MetadataCommit,
} from '../cluster-state.js';

import { JOURNAL_FILE_NAME } from '../journal-file-name.js';
import { type StateDocument, stateDocument, stateOf } from '../state-document.js';
import { rebuildNumberOf } from './rebuild.js';
import type { RebuildRound } from './rebuild-rounds.js';

const FORMAT_VERSION = 1;
/** Number of commit lines after which the file is replaced. */
const LINES_MAX = 2000;
/** Bytes of commit lines after which the file is replaced, unless the state is larger. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * A commit of the line that is being rebuilt: a broker that takes part in a rebuild accepts none.
 */
export class RebuildPromisedError extends Error {
  override readonly name = 'PromisedError';
}

export interface MetadataJournalOptions {
  readonly fileSystem: FileSystem;
  readonly dataDir: string;
  /** The reserve of the disk, for writes that must succeed when the disk is full. */
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
  /** Open while lines can be appended; undefined when the file has to be replaced next. */
  #file: FileHandle | undefined;
  #sizeBytes = 0;
  /** Size of the first line, with the state. */
  #stateBytes = 0;
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

  /** True when there is a state on disk: only then this broker has a vote in a rebuild. */
  get isMade(): boolean {
    return this.#isMade;
  }

  /**
   * Appends commits that follow the state. When it rejects they are not on disk; append them again.
   * @throws PromisedError when this broker has promised a later rebuild
   */
  append(commits: readonly MetadataCommit[]): Promise<void> {
    return this.#writes.run(async () => {
      for (const { version } of commits) this.#assertPromised(version);
      const next = commits.reduce(applyCommit, this.#state);
      if (this.#file === undefined || this.#isLong()) {
        await this.#replace(next, this.#promise);
      } else {
        await this.#appendLine(this.#file, lineOf({ commits }));
      }
      this.#state = next;
    });
  }

  /**
   * Replaces the content with a whole state.
   * @throws PromisedError when this broker has promised a later rebuild
   */
  replace(state: ClusterState): Promise<void> {
    return this.#writes.run(async () => {
      this.#assertPromised(state.version);
      await this.#replace(state, this.#promise);
      this.#state = state;
    });
  }

  /** Records that this broker takes part in a rebuild, and in none with a lower number later. */
  keepPromise(round: RebuildRound): Promise<void> {
    return this.#writes.run(async () => {
      await this.#replace(this.#state, round);
      this.#promise = round;
    });
  }

  /** True when a version belongs to a line that this broker has not promised to leave. */
  mayTake(version: number): boolean {
    return rebuildNumberOf(version) >= (this.#promise?.number ?? 0);
  }

  close(): Promise<void> {
    return this.#writes.run(() => this.#closeFile());
  }

  /** True when a file with only the state would save more bytes than its write costs. */
  #isLong(): boolean {
    const commitBytes = this.#sizeBytes - this.#stateBytes;
    const commitBytesMax = Math.max(COMMIT_BYTES_MAX, this.#stateBytes);
    return this.#lines >= LINES_MAX || commitBytes >= commitBytesMax;
  }

  #assertPromised(version: number): void {
    if (this.mayTake(version)) return;
    throw new RebuildPromisedError(
      `version ${version} is older than rebuild ${this.#promise?.number}`,
    );
  }

  async #appendLine(file: FileHandle, bytes: Buffer): Promise<void> {
    try {
      await this.#run(async () => {
        await file.writev([bytes], this.#sizeBytes);
        await file.datasync();
      });
    } catch (error) {
      // The end of the file is unknown after a failed write.
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
    this.#stateBytes = bytes.length;
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
  // Bytes after the last line feed are an incomplete line.
  const lines = bytes.toString('utf8').split('\n').slice(0, -1).map(parsedLine);
  if (lines.at(-1) === undefined) lines.pop();
  const [first, ...others] = lines;
  // Nothing is written after a torn line: a bad line before others is damage.
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

/** The parsed line; undefined when its checksum does not match. */
function parsedLine(text: string): JournalLine | undefined {
  const body = text.slice(9);
  if (body === '' || text.slice(0, 9) !== `${checksum(body)} `) return undefined;
  return JSON.parse(body) as JournalLine;
}

function checksum(body: string): string {
  return crc32c(body).toString(16).padStart(8, '0');
}
