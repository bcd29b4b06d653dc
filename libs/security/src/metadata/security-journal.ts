/**
 * Keys, rules and quotas on the disk of this broker: `security.journal` in the data directory, in
 * the format of journal-file.ts. A commit is on disk before the state has it.
 *
 * Overlap: calls must not overlap; the store that owns the journal orders them.
 */
import { type ChangeDocument, changeDocument, changeOf } from './change-document.js';
import { JournalFile, type JournalFileOptions } from './journal-file.js';
import { NO_COMMIT, type SecurityCommit, type SecurityPosition } from './security-commit.js';
import type { SecurityState } from './security-state.js';

const SECURITY_JOURNAL_NAME = 'security.journal';

/** A rebuild of the metadata in Redis that this broker takes part in. */
export interface SecurityPromise {
  readonly number: number;
  readonly id: string;
}

export interface SecurityJournalOptions extends Omit<JournalFileOptions, 'path'> {
  readonly dataDir: string;
}

interface HeaderDocument {
  readonly version: number;
  readonly change_id: string;
  readonly promise: SecurityPromise | null;
}

interface CommitDocument {
  readonly version: number;
  readonly change_id: string;
  readonly changes: readonly ChangeDocument[];
}

interface PromiseDocument {
  readonly promise: SecurityPromise;
}

export class SecurityJournal {
  readonly #file: JournalFile;
  readonly #state: SecurityState;
  #position = NO_COMMIT;
  #promise: SecurityPromise | undefined;
  #isMade = false;

  private constructor(options: SecurityJournalOptions, state: SecurityState) {
    this.#file = new JournalFile({
      ...options,
      path: `${options.dataDir}/${SECURITY_JOURNAL_NAME}`,
    });
    this.#state = state;
  }

  /**
   * Reads the journal into an empty state.
   * @throws DataDirError when the file is damaged or of a later version
   */
  static async open(
    options: SecurityJournalOptions,
    state: SecurityState,
  ): Promise<SecurityJournal> {
    const journal = new SecurityJournal(options, state);
    journal.#isMade = await journal.#file.open({
      header: (value) => journal.#readHeader(value as HeaderDocument),
      chunk: (value) => state.apply((value as ChangeDocument[]).map(changeOf)),
      appended: (value) => journal.#readAppended(value as CommitDocument | PromiseDocument),
    });
    return journal;
  }

  /** The newest commit on disk. */
  get position(): SecurityPosition {
    return this.#position;
  }

  /** The newest rebuild that this broker has promised to take part in. */
  get promise(): SecurityPromise | undefined {
    return this.#promise;
  }

  /** True when there is a state on disk: only then this broker has a vote in a rebuild. */
  get isMade(): boolean {
    return this.#isMade;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /** Writes a commit, then applies it to the state. */
  async append(commit: SecurityCommit): Promise<void> {
    // The snapshot is that of the state before the commit, which follows as a line of its own.
    if (this.#file.mustBeReplaced || this.#file.isLong) {
      await this.#replace(this.#state, this.#position);
    }
    const { version, changeId } = commit;
    const changes = commit.changes.map(changeDocument);
    await this.#file.append({ version, change_id: changeId, changes } satisfies CommitDocument);
    this.#position = { version, changeId };
    this.#state.apply(commit.changes);
  }

  /** Replaces the journal and the state by another state, which is not used again. */
  async replace(state: SecurityState, position: SecurityPosition): Promise<void> {
    await this.#replace(state, position);
    this.#position = position;
    this.#state.become(state);
  }

  /** Gives the newest commit another name: a rebuild continues the same state under it. */
  async rename(position: SecurityPosition): Promise<void> {
    if (this.#file.mustBeReplaced) await this.#replace(this.#state, position);
    const { version, changeId } = position;
    await this.#file.append({ version, change_id: changeId, changes: [] } satisfies CommitDocument);
    this.#position = position;
  }

  /** Records that this broker takes part in a rebuild, and in none with a lower number later. */
  async keepPromise(promise: SecurityPromise): Promise<void> {
    if (this.#file.mustBeReplaced) await this.#replace(this.#state, this.#position);
    await this.#file.append({ promise } satisfies PromiseDocument);
    this.#promise = promise;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #replace(state: SecurityState, { version, changeId }: SecurityPosition): Promise<void> {
    const header = { version, change_id: changeId, promise: this.#promise ?? null };
    await this.#file.replace(header satisfies HeaderDocument, function* chunks() {
      for (const changes of state.snapshot()) yield changes.map(changeDocument);
    });
    this.#isMade = true;
  }

  #readHeader({ version, change_id: changeId, promise }: HeaderDocument): void {
    this.#position = { version, changeId };
    this.#promise = promise ?? undefined;
  }

  #readAppended(document: CommitDocument | PromiseDocument): void {
    if ('promise' in document) {
      this.#promise = document.promise;
      return;
    }
    const { version, change_id: changeId, changes } = document;
    this.#position = { version, changeId };
    this.#state.apply(changes.map(changeOf));
  }
}
