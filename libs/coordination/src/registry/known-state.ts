/**
 * The newest state that one broker knows, on its disk before anything acts on it.
 *
 * Commits and whole states may arrive in any order and more than once, from this broker's own calls
 * and from the registry. Only a commit that follows the newest state is accepted; one that
 * contradicts it shows that the registry was rolled back and continued differently. Accepted steps
 * are written to the journal, as many at once as there are, then the state is shown and the
 * listeners are called.
 *
 * Overlap: all calls may overlap; one write loop journals and shows the steps in their order.
 */
import { type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import {
  applyCommit,
  type ClusterState,
  directlyFollows,
  type MetadataCommit,
} from '../cluster-state.js';
import type { MetadataListener } from '../coordination-store.js';
import type { MetadataChange } from '../metadata.js';
import { type MetadataJournal, RebuildPromisedError } from './metadata-journal.js';
import { stateDifference } from './state-difference.js';

/** Result of offering a commit. */
export type CommitOfferResult =
  | 'taken'
  /** The commit was known before. */
  | 'known'
  /** Commits in between are missing: everything has to be read. */
  | 'gap'
  /** The commit belongs to another history than the known state. */
  | 'contradiction';

export interface KnownStateOptions {
  readonly journal: MetadataJournal;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** Called when a new version is on disk. */
  readonly onJournaled: (version: number) => void;
}

/** One step from a state to the next. */
interface Step {
  readonly state: ClusterState;
  readonly changes: readonly MetadataChange[];
  /** The commit; undefined when a whole state was accepted. */
  readonly commit: MetadataCommit | undefined;
}

export class KnownState {
  readonly #options: KnownStateOptions;
  readonly #listeners = new Set<MetadataListener>();
  readonly #steps: Step[] = [];
  #state: ClusterState;
  #newest: ClusterState;
  #isStuck = false;
  #isClosed = false;
  #writing: Promise<void> | undefined;

  constructor(options: KnownStateOptions) {
    this.#options = options;
    this.#state = options.journal.state;
    this.#newest = this.#state;
  }

  /** The newest state that is on disk and was passed to all listeners. */
  get state(): ClusterState {
    return this.#state;
  }

  /** The newest accepted state; it may not be on disk yet. */
  get newest(): ClusterState {
    return this.#newest;
  }

  /** True while an accepted step is not shown yet. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** True while the journal cannot be written: this broker learns nothing new. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  onChange(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  takeCommit(commit: MetadataCommit): CommitOfferResult {
    const { version, changeId } = this.#newest;
    if (commit.version < version) return 'known';
    if (commit.version === version) {
      return commit.changeId === changeId ? 'known' : 'contradiction';
    }
    if (!this.#options.journal.mayTake(commit.version)) return 'contradiction';
    if (commit.version > version + 1) return 'gap';
    if (!directlyFollows(commit, this.#newest)) return 'contradiction';
    this.#take({ state: applyCommit(this.#newest, commit), changes: commit.changes, commit });
    return 'taken';
  }

  /**
   * Accepts a later state, which the caller knows to follow the newest one, or to be rebuilt.
   * @throws MissingTopicError
   */
  takeState(state: ClusterState): void {
    if (state.version < this.#newest.version) return;
    if (state.version === this.#newest.version && this.#options.journal.isMade) return;
    this.#take({ state, changes: stateDifference(this.#newest, state), commit: undefined });
  }

  /** Resolves when all accepted steps are shown, or this object is closed. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Accepts nothing more; resolves when no write is in progress. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.settled();
  }

  #take(step: Step): void {
    if (this.#isClosed) return;
    this.#newest = step.state;
    this.#steps.push(step);
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
  }

  async #writeAll(): Promise<void> {
    const backoff = new RetryBackoff(this.#options.random);
    while (this.#steps.length > 0) {
      const steps = [...this.#steps];
      try {
        await this.#write(steps);
        this.#isStuck = false;
        backoff.reset();
      } catch (error) {
        if (this.#isClosed) return;
        if (error instanceof RebuildPromisedError) {
          // A rebuild came first: steps that are not on disk are void.
          this.#steps.length = 0;
          this.#newest = this.#state;
          return;
        }
        this.#isStuck = true;
        this.#options.logger.error({ err: error }, 'the metadata journal could not be written');
        await new Promise<void>((resolve) => {
          this.#options.scheduler.after(backoff.nextDelayMs(), resolve);
        });
        continue;
      }
      this.#steps.splice(0, steps.length);
      this.#options.onJournaled(steps.at(-1)?.state.version ?? 0);
      for (const step of steps) this.#show(step);
    }
  }

  /** Writes commits in one piece; a whole state makes earlier steps unnecessary. */
  async #write(steps: readonly Step[]): Promise<void> {
    const { journal } = this.#options;
    const last = steps.findLastIndex(({ commit }) => commit === undefined);
    const lastStep = steps[last];
    if (lastStep !== undefined) await journal.replace(lastStep.state);
    const commits = steps.slice(last + 1).flatMap(({ commit }) => commit ?? []);
    if (commits.length > 0) await journal.append(commits);
  }

  #show({ state, changes }: Step): void {
    this.#state = state;
    for (const change of changes) {
      for (const listener of this.#listeners) listener(change, state);
    }
  }
}
