/**
 * The security metadata of one broker: its state in memory, and what keeps it on disk. The two
 * stores, of one broker and of a cluster, differ in where commits come from.
 *
 * Overlap: `commit`, `replace`, `rename`, `keepPromise` and `revoke` may overlap; a serial queue
 * runs changes of the state one after the other. A revocation never waits for them.
 */
import { type Clock, SerialQueue } from '#runtime';
import { Revocations, type RevocationsOptions } from './revocations.js';
import type { Revocation, SecurityChange } from './security-change.js';
import type { SecurityCommit, SecurityPosition } from './security-commit.js';
import { SecurityJournal, type SecurityPromise } from './security-journal.js';
import { SecurityListeners } from './security-listeners.js';
import type { SecurityListener, SecurityStatus } from './security-metadata.js';
import { SecurityState } from './security-state.js';

export type SecurityDiskOptions = RevocationsOptions;

export class SecurityDisk {
  readonly state: SecurityState;
  readonly revocations: Revocations;
  readonly #clock: Clock;
  readonly #journal: SecurityJournal;
  readonly #writes = new SerialQueue();
  readonly #listeners = new SecurityListeners();

  private constructor(
    clock: Clock,
    state: SecurityState,
    revocations: Revocations,
    journal: SecurityJournal,
  ) {
    this.#clock = clock;
    this.state = state;
    this.revocations = revocations;
    this.#journal = journal;
  }

  /**
   * @throws DataDirError when a journal is damaged, or there are rules without the revocations that
   *   were written before them
   */
  static async open(options: SecurityDiskOptions): Promise<SecurityDisk> {
    const revocations = await Revocations.open(options);
    const state = new SecurityState(options.clock, revocations);
    const journal = await SecurityJournal.open(options, state);
    return new SecurityDisk(options.clock, state, revocations, journal);
  }

  /** The newest commit on disk. */
  get position(): SecurityPosition {
    return this.#journal.position;
  }

  get promise(): SecurityPromise | undefined {
    return this.#journal.promise;
  }

  /** True when there is a state on disk. */
  get isMade(): boolean {
    return this.#journal.isMade;
  }

  status(): SecurityStatus {
    return {
      keys: this.state.keyCount,
      acls: this.state.aclCount,
      quotas: this.state.quotaCount,
      revocations: this.revocations.size,
      journalBytes: this.#journal.sizeBytes,
      forgeries: 0,
    };
  }

  /** An empty state that obeys the same revocations. */
  newState(): SecurityState {
    return new SecurityState(this.#clock, this.revocations);
  }

  onChange(listener: SecurityListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Writes and applies a commit; its revocations are on disk before the rest. */
  commit(commit: SecurityCommit): Promise<void> {
    return this.#writes.run(async () => {
      await this.revoke(revocationsOf(commit.changes));
      const changes = commit.changes.filter(({ kind }) => kind !== 'revoked');
      await this.#journal.append({ ...commit, changes });
      if (changes.length > 0) this.#listeners.call(changes);
    });
  }

  /** Replaces the state by another one of `newState`, which is not used again. */
  replace(state: SecurityState, position: SecurityPosition): Promise<void> {
    return this.#writes.run(async () => {
      await this.#journal.replace(state, position);
      this.#listeners.call('reloaded');
    });
  }

  /** Runs a task during which no commit changes the state. Revocations still do. */
  whileUnchanged<T>(
    task: (state: SecurityState, position: SecurityPosition) => Promise<T>,
  ): Promise<T> {
    return this.#writes.run(() => task(this.state, this.position));
  }

  /** Gives the newest commit another name: a rebuild continues the same state under it. */
  rename(position: SecurityPosition): Promise<void> {
    return this.#writes.run(() => this.#journal.rename(position));
  }

  keepPromise(promise: SecurityPromise): Promise<void> {
    return this.#writes.run(() => this.#journal.keepPromise(promise));
  }

  /** Writes and applies revocations. Resolves with those that were not known before. */
  async revoke(revocations: readonly Revocation[]): Promise<readonly Revocation[]> {
    const added = await this.revocations.add(revocations);
    const changes = added.map((revocation): SecurityChange => ({ kind: 'revoked', revocation }));
    if (changes.length > 0) {
      this.state.apply(changes);
      this.#listeners.call(changes);
    }
    return added;
  }

  async close(): Promise<void> {
    await this.#writes.run(() => this.#journal.close());
    await this.revocations.close();
  }
}

function revocationsOf(changes: readonly SecurityChange[]): Revocation[] {
  return changes.flatMap((change) => (change.kind === 'revoked' ? [change.revocation] : []));
}
