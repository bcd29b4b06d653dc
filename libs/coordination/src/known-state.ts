/**
 * The newest state that one broker knows, and who wants to be told how it changes.
 *
 * Commits and whole states may come in any order and more than once, from what this broker did itself and
 * from what it was told. Only what goes on from the known state is taken over. What contradicts it is
 * not: it says that the store was rolled back and went on differently.
 */
import { applyCommit, type ClusterState, follows, type MetadataCommit } from './cluster-state.js';
import type { MetadataListener } from './coordination-store.js';
import type { MetadataChange } from './metadata.js';
import { stateDifference } from './state-difference.js';

/** What became of a commit. */
export type CommitTaken =
  | 'taken'
  /** It was known before. */
  | 'known'
  /** Commits in between are missing: everything has to be read. */
  | 'gap'
  /** It is of another history than the known state. */
  | 'contradiction';

export class KnownState {
  readonly #listeners = new Set<MetadataListener>();
  readonly #onTaken: (state: ClusterState, commit: MetadataCommit | undefined) => void;
  #state: ClusterState;

  /**
   * @param onTaken called before the listeners; without a commit where a whole state was taken over
   */
  constructor(
    state: ClusterState,
    onTaken: (state: ClusterState, commit: MetadataCommit | undefined) => void = () => undefined,
  ) {
    this.#state = state;
    this.#onTaken = onTaken;
  }

  get state(): ClusterState {
    return this.#state;
  }

  onChange(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  takeCommit(commit: MetadataCommit): CommitTaken {
    const { version, changeId } = this.#state;
    if (commit.version < version) return 'known';
    if (commit.version === version) {
      return commit.changeId === changeId ? 'known' : 'contradiction';
    }
    if (commit.version > version + 1) return 'gap';
    if (!follows(commit, this.#state)) return 'contradiction';
    this.#take(applyCommit(this.#state, commit), commit.changes, commit);
    return 'taken';
  }

  /**
   * Takes a later state over, which the caller knows to go on from this one.
   * @throws MissingTopicError
   */
  takeState(state: ClusterState): void {
    if (state.version <= this.#state.version) return;
    this.#take(state, stateDifference(this.#state, state), undefined);
  }

  #take(
    state: ClusterState,
    changes: readonly MetadataChange[],
    commit: MetadataCommit | undefined,
  ): void {
    this.#state = state;
    this.#onTaken(state, commit);
    for (const change of changes) {
      for (const listener of this.#listeners) listener(change, state);
    }
  }
}
