/**
 * Keeps what a broker knows as new as the registry: waits for commits, and reads everything after
 * every reconnect, and whenever commits are missing.
 *
 * A registry may come back as it was some time ago. What does not go on from the known state (a
 * lower version, another change id at a version that is known, values that are missing), or is kept
 * by another process than before, is not followed: the store is not available then, and says why,
 * and the brokers rebuild the registry from their disks. Overlap: reading everything is done once
 * at a time; commits are taken whenever they come.
 */
import type { Clock, Logger, Scheduler, Timer } from '#runtime';
import type { ClusterState, MetadataCommit } from '../cluster-state.js';
import type { KnownState } from './known-state.js';
import type { MetadataJournal } from './metadata-journal.js';
import { rebuildNumberOf } from './rebuild.js';
import type { Rebuilder } from './rebuilder.js';
import {
  type CommitName,
  IncompleteRegistryError,
  type RegisteredCluster,
  type Registry,
  RegistryAwayError,
  type RegistrySnapshot,
  versionFault,
} from './registry.js';
import { MissingTopicError } from './state-difference.js';

/** How long one wait for commits takes when none come: then the newest is looked at. */
const COMMIT_WAIT_MS = 2000;
/** Before another attempt after one that failed. */
const RETRY_DELAY_MS = 250;

/** Why a registry is not followed though it answers. */
type RegistryFault =
  /** It has no cluster any more. */
  | 'emptied'
  /** It has another cluster under our name. */
  | 'other-cluster'
  /** A program that is too new for this one, or too old, has rebuilt it. */
  | 'other-version'
  /**
   * Another process keeps it than the one that founded or rebuilt it: it may lack the newest
   * commits.
   */
  | 'unconfirmed'
  /** It is at an earlier state than this broker, or went on from an earlier one. */
  | 'rolled-back'
  /** This broker takes part in a rebuild that it knows nothing of. */
  | 'superseded'
  /** It lacks values. */
  | 'incomplete';

/** Undefined: there is no cluster. */
type ReadSnapshot = RegistrySnapshot | 'incomplete' | undefined;

export interface RegistryFollowerOptions {
  readonly registry: Registry;
  readonly known: KnownState;
  readonly journal: MetadataJournal;
  readonly rebuilder: Rebuilder;
  readonly clusterUuid: string;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

export class RegistryFollower {
  readonly #options: RegistryFollowerOptions;
  #cluster: RegisteredCluster | undefined;
  #isSynchronized = false;
  #isClosed = false;
  /** Why the registry is not followed; undefined while it is, and while it is away. */
  #fault: RegistryFault | undefined;
  #synchronization: Promise<void> | undefined;
  #retry: Timer | undefined;
  #loop: Promise<void> = Promise.resolve();
  /** Called when something changed that somebody may wait for. */
  readonly #waiting = new Set<() => void>();

  constructor(options: RegistryFollowerOptions) {
    this.#options = options;
  }

  get isAvailable(): boolean {
    return this.#isSynchronized && !this.#isClosed && !this.#options.known.isStuck;
  }

  /** What commits are made to; undefined before everything was read once. */
  get cluster(): RegisteredCluster | undefined {
    return this.#cluster;
  }

  /** Begins to follow. Resolves when everything was read once, or that has failed. */
  async start(): Promise<void> {
    await this.synchronize();
    this.#loop = this.#follow();
  }

  /** The registry was closed before: what waits for it ends by that. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#wake();
    await this.#loop;
    await this.#synchronization;
  }

  /** The registry was reached: what happened in between has to be read. */
  connected(): void {
    void this.synchronize();
  }

  /** The registry was lost. */
  disconnected(): void {
    this.#isSynchronized = false;
  }

  /** Reads everything, once at a time. Never rejects: it is tried again until it succeeds. */
  synchronize(): Promise<void> {
    this.#synchronization ??= this.#synchronize().finally(() => {
      this.#synchronization = undefined;
      this.#wake();
    });
    return this.#synchronization;
  }

  /** Takes commits that the registry has; what does not fit is a reason to read everything. */
  async takeCommits(commits: readonly MetadataCommit[]): Promise<void> {
    for (const commit of commits) {
      const taken = this.#options.known.takeCommit(commit);
      if (taken === 'gap' || taken === 'contradiction') return this.synchronize();
    }
  }

  /**
   * Compares the registry's newest commit with what was known when it was asked for: a registry
   * that went back, or was rebuilt, without a connection being lost shows only so. Later commits of
   * the same line are on their way.
   */
  async check(newest: CommitName | undefined, known: CommitName): Promise<void> {
    const isLater =
      newest !== undefined &&
      newest.version > known.version &&
      rebuildNumberOf(newest.version) === rebuildNumberOf(known.version);
    if (!isLater && !isSame(newest, known)) await this.synchronize();
  }

  /** @returns false when the registry is not available by that time on the monotonic clock */
  async whenAvailable(deadlineMs: number): Promise<boolean> {
    while (!this.isAvailable) {
      const leftMs = deadlineMs - this.#options.clock.monotonicMs();
      if (leftMs <= 0 || this.#isClosed) return false;
      await this.#changed(leftMs);
    }
    return true;
  }

  async #synchronize(): Promise<void> {
    const { registry, known, logger } = this.#options;
    this.#retry?.cancel();
    if (this.#isClosed || !registry.isReady) return;
    try {
      // Before anything else: a registry that is rebuilt from now on is confirmed by another one.
      const confirmedBefore = await registry.confirmedBy();
      const before = known.newest;
      const snapshot = await this.#snapshot(before);
      const fault = this.#judge(before, snapshot) ?? this.#take(snapshot);
      if (fault === undefined) {
        await known.settled();
        this.#isSynchronized = registry.isReady;
        return;
      }
      this.#refuse(fault, before, snapshot);
      if (fault === 'other-cluster' || fault === 'other-version') return;
      const remains = isWhole(snapshot) && fault !== 'incomplete' ? snapshot.state : undefined;
      await this.#options.rebuilder.attempt(confirmedBefore, remains);
    } catch (error) {
      this.#isSynchronized = false;
      if (!this.#isClosed) logger.warn({ err: error }, 'the metadata could not be read');
    } finally {
      if (!this.#isSynchronized) this.#tryAgainLater();
    }
  }

  async #snapshot(before: CommitName): Promise<ReadSnapshot> {
    try {
      return await this.#options.registry.snapshot(before.version);
    } catch (error) {
      if (error instanceof IncompleteRegistryError) return 'incomplete';
      throw error;
    }
  }

  #judge(before: CommitName, snapshot: ReadSnapshot): RegistryFault | undefined {
    if (snapshot === undefined) return 'emptied';
    if (snapshot === 'incomplete') return 'incomplete';
    const { cluster, state, knownChangeId, isConfirmed } = snapshot;
    if (cluster.document.uuid !== this.#options.clusterUuid) return 'other-cluster';
    if (versionFault(cluster.document) !== undefined) return 'other-version';
    if (!isConfirmed) return 'unconfirmed';
    if (!this.#options.journal.mayTake(state.version)) return 'superseded';
    if (state.version < before.version) return 'rolled-back';
    const changeId = state.version === before.version ? state.changeId : knownChangeId;
    return changeId !== null && changeId !== before.changeId ? 'rolled-back' : undefined;
  }

  #take(snapshot: ReadSnapshot): RegistryFault | undefined {
    if (!isWhole(snapshot)) return 'incomplete';
    try {
      this.#options.known.takeState(snapshot.state);
    } catch (error) {
      if (error instanceof MissingTopicError) return 'incomplete';
      throw error;
    }
    this.#cluster = snapshot.cluster;
    this.#fault = undefined;
    return undefined;
  }

  #refuse(fault: RegistryFault, { version, changeId }: ClusterState, snapshot: ReadSnapshot): void {
    this.#isSynchronized = false;
    if (this.#fault === fault) return;
    this.#fault = fault;
    const found = isWhole(snapshot) ? snapshot.state : undefined;
    this.#options.logger.error(
      { fault, version, changeId, foundVersion: found?.version, foundChangeId: found?.changeId },
      'the metadata in Redis may lack what this broker knows: they are not followed',
    );
  }

  #tryAgainLater(): void {
    if (this.#isClosed || !this.#options.registry.isReady) return;
    this.#retry?.cancel();
    this.#retry = this.#options.scheduler.after(RETRY_DELAY_MS, () => void this.synchronize());
  }

  async #follow(): Promise<void> {
    const { registry, known, logger } = this.#options;
    while (!this.#isClosed) {
      if (!this.isAvailable) {
        await this.#changed(COMMIT_WAIT_MS);
        continue;
      }
      try {
        const commits = await registry.nextCommits(known.newest.version, COMMIT_WAIT_MS);
        await this.takeCommits(commits);
        if (commits.length > 0 || this.#isClosed) continue;
        // None came, so that a newest one that is not known cannot be on its way.
        if (!isSame(await registry.newest(), known.newest)) await this.synchronize();
      } catch (error) {
        if (this.#isClosed) return;
        if (!(error instanceof RegistryAwayError)) {
          logger.warn({ err: error }, 'changes of the metadata could not be read');
        }
        await this.#changed(RETRY_DELAY_MS);
      }
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when something changed, at the latest after `timeoutMs`. */
  #changed(timeoutMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        timer.cancel();
        resolve();
      };
      const timer = this.#options.scheduler.after(timeoutMs, wake);
      this.#waiting.add(wake);
    });
  }
}

function isWhole(snapshot: ReadSnapshot): snapshot is RegistrySnapshot {
  return typeof snapshot === 'object';
}

function isSame(one: CommitName | undefined, other: CommitName): boolean {
  return one?.version === other.version && one.changeId === other.changeId;
}
