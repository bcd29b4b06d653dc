/**
 * The newest state that one broker knows, on its disk before anybody acts by it.
 *
 * Commits and whole states may come in any order and more than once, from what this broker did
 * itself and from what it was told. Only what goes on from the newest is taken; what contradicts it
 * is not: it says that the registry was rolled back and went on differently. What was taken is
 * written to the journal, as much at once as there is, then it becomes the state that is shown, and
 * listeners are told.
 */
import type { Logger, Scheduler } from '#runtime';
import { applyCommit, type ClusterState, follows, type MetadataCommit } from '../cluster-state.js';
import type { MetadataListener } from '../coordination-store.js';
import type { MetadataChange } from '../metadata.js';
import { type MetadataJournal, PromisedError } from './metadata-journal.js';
import { stateDifference } from './state-difference.js';

/** Before the journal is tried again when it could not be written. */
const RETRY_DELAY_MS = 250;

/** What became of a commit. */
export type CommitTaken =
  | 'taken'
  /** It was known before. */
  | 'known'
  /** Commits in between are missing: everything has to be read. */
  | 'gap'
  /** It is of another history than the known state. */
  | 'contradiction';

export interface KnownStateOptions {
  readonly journal: MetadataJournal;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Called when something new is on disk. */
  readonly onJournaled: (version: number) => void;
}

/** One step from a state to the next. */
interface Step {
  readonly state: ClusterState;
  readonly changes: readonly MetadataChange[];
  /** Undefined where a whole state was taken. */
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

  /** What is on disk, and was told to all listeners. */
  get state(): ClusterState {
    return this.#state;
  }

  /** What was taken last; it may not be on disk yet. */
  get newest(): ClusterState {
    return this.#newest;
  }

  /** Whether something was taken that is not shown yet. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Whether the journal cannot be written: this broker learns nothing more. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  onChange(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  takeCommit(commit: MetadataCommit): CommitTaken {
    const { version, changeId } = this.#newest;
    if (commit.version < version) return 'known';
    if (commit.version === version) {
      return commit.changeId === changeId ? 'known' : 'contradiction';
    }
    if (!this.#options.journal.mayTake(commit.version)) return 'contradiction';
    if (commit.version > version + 1) return 'gap';
    if (!follows(commit, this.#newest)) return 'contradiction';
    this.#take({ state: applyCommit(this.#newest, commit), changes: commit.changes, commit });
    return 'taken';
  }

  /**
   * Takes a later state, which the caller knows to go on from the newest, or to have been rebuilt.
   * @throws MissingTopicError
   */
  takeState(state: ClusterState): void {
    if (state.version < this.#newest.version) return;
    if (state.version === this.#newest.version && this.#options.journal.isMade) return;
    this.#take({ state, changes: stateDifference(this.#newest, state), commit: undefined });
  }

  /** Resolves when all that was taken so far is shown, or this is closed. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Nothing is taken any more; resolves when nothing is written any more. */
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
    while (this.#steps.length > 0) {
      const steps = [...this.#steps];
      try {
        await this.#write(steps);
        this.#isStuck = false;
      } catch (error) {
        if (this.#isClosed) return;
        if (error instanceof PromisedError) {
          // A rebuild came before: what was taken and is not on disk was never here.
          this.#steps.length = 0;
          this.#newest = this.#state;
          return;
        }
        this.#isStuck = true;
        this.#options.logger.error({ err: error }, 'the metadata journal could not be written');
        await new Promise<void>((resolve) => {
          this.#options.scheduler.after(RETRY_DELAY_MS, resolve);
        });
        continue;
      }
      this.#steps.splice(0, steps.length);
      this.#options.onJournaled(steps.at(-1)?.state.version ?? 0);
      for (const step of steps) this.#show(step);
    }
  }

  /** Writes commits in one piece; a whole state makes those before it needless. */
  async #write(steps: readonly Step[]): Promise<void> {
    const { journal } = this.#options;
    const last = steps.findLastIndex(({ commit }) => commit === undefined);
    const whole = steps[last];
    if (whole !== undefined) await journal.replace(whole.state);
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
