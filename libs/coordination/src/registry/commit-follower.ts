/**
 * Keeps a broker's state as new as the registry: waits for commits, and reads everything after
 * every reconnect and whenever commits are missing.
 *
 * A registry may return in an earlier state. A state that does not follow the known one (a lower
 * version, another change id at a known version, missing values), or a registry of another process,
 * is not followed: the store is then unavailable and reports the reason, and the brokers rebuild
 * the registry from their disks.
 *
 * Overlap: all calls may overlap. Only one read of everything runs at a time, and later calls share
 * it; commits are offered to KnownState whenever they arrive.
 */
import {
  type Clock,
  type Logger,
  type Random,
  RetryBackoff,
  type Scheduler,
  type Timer,
} from '#runtime';
import type { ClusterState, CommitName, MetadataCommit } from '../cluster-state.js';
import { IncompleteRegistryError, RegistryAwayError } from '../registry-errors.js';
import type { KnownState } from './known-state.js';
import type { MetadataJournal } from './metadata-journal.js';
import { rebuildNumberOf } from './rebuild.js';
import type { Rebuilder } from './rebuilder.js';
import {
  type RegisteredCluster,
  type Registry,
  type RegistrySnapshot,
  versionFault,
} from './registry.js';
import { MissingTopicError } from './state-difference.js';

/** Longest wait for commits, ms; after it the newest version is checked. */
const COMMIT_WAIT_MS = 2000;

/** The reason why a registry that answers is not followed. */
type RegistryFault =
  /** It has no cluster any more. */
  | 'emptied'
  /** It has another cluster under the same name. */
  | 'other-cluster'
  /** A program that is too new or too old for this one has rebuilt it. */
  | 'other-version'
  /**
   * It is run by another process than the one that founded or rebuilt it, and may lack the newest
   * commits.
   */
  | 'unconfirmed'
  /** It has an earlier state than this broker, or continued from one. */
  | 'rolled-back'
  /** This broker takes part in a rebuild that the registry does not know. */
  | 'superseded'
  /** It lacks values. */
  | 'incomplete';

/** The result of reading everything; undefined: there is no cluster. */
type ReadSnapshot = RegistrySnapshot | 'incomplete' | undefined;

export interface CommitFollowerOptions {
  readonly registry: Registry;
  readonly known: KnownState;
  readonly journal: MetadataJournal;
  readonly rebuilder: Rebuilder;
  readonly clusterUuid: string;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

export class CommitFollower {
  readonly #options: CommitFollowerOptions;
  #cluster: RegisteredCluster | undefined;
  #isSynchronized = false;
  #isClosed = false;
  /** The reason why the registry is not followed; undefined while it is followed or away. */
  #fault: RegistryFault | undefined;
  #synchronization: Promise<void> | undefined;
  #retry: Timer | undefined;
  readonly #backoff: RetryBackoff;
  #loop: Promise<void> = Promise.resolve();
  /** Callbacks of calls that wait for a change. */
  readonly #waiting = new Set<() => void>();

  constructor(options: CommitFollowerOptions) {
    this.#options = options;
    this.#backoff = new RetryBackoff(options.random);
  }

  get isAvailable(): boolean {
    return this.#isSynchronized && !this.#isClosed && !this.#options.known.isStuck;
  }

  /** The cluster that commits name; undefined before the first complete read. */
  get cluster(): RegisteredCluster | undefined {
    return this.#cluster;
  }

  /** Starts to follow. Resolves when everything was read once, or the read has failed. */
  async start(): Promise<void> {
    await this.synchronize();
    this.#loop = this.#follow();
  }

  /** Stops. The registry was closed before, which ends pending waits. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#wake();
    await this.#loop;
    await this.#synchronization;
  }

  /** Called when the registry was reached: missed commits have to be read. */
  connected(): void {
    void this.synchronize();
  }

  /** Called when the registry was lost. */
  disconnected(): void {
    this.#isSynchronized = false;
  }

  /** Reads everything, one read at a time. Never rejects: it is repeated until it succeeds. */
  synchronize(): Promise<void> {
    this.#synchronization ??= this.#synchronize().finally(() => {
      this.#synchronization = undefined;
      this.#wake();
    });
    return this.#synchronization;
  }

  /** Offers commits of the registry; one that does not follow causes a complete read. */
  async takeCommits(commits: readonly MetadataCommit[]): Promise<void> {
    for (const commit of commits) {
      const outcome = this.#options.known.takeCommit(commit);
      if (outcome === 'gap' || outcome === 'contradiction') return this.synchronize();
    }
  }

  /**
   * Compares the registry's newest commit with the state known when it was asked for. Only this
   * detects a registry that was rolled back or rebuilt without a lost connection. Later commits of
   * the same line arrive by themselves.
   */
  async check(newest: CommitName | undefined, knownName: CommitName): Promise<void> {
    const isLater =
      newest !== undefined &&
      newest.version > knownName.version &&
      rebuildNumberOf(newest.version) === rebuildNumberOf(knownName.version);
    if (!isLater && !isSame(newest, knownName)) await this.synchronize();
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
      // Read first: a registry that is rebuilt later has another confirmation.
      const confirmedBefore = await registry.confirmedBy();
      const before = known.newest;
      const snapshot = await this.#snapshot(before);
      const fault = this.#faultOf(before, snapshot) ?? this.#take(snapshot);
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
      if (!this.#isSynchronized) this.#scheduleRetry();
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

  #faultOf(before: CommitName, snapshot: ReadSnapshot): RegistryFault | undefined {
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
    this.#backoff.reset();
    return undefined;
  }

  #refuse(fault: RegistryFault, { version, changeId }: ClusterState, snapshot: ReadSnapshot): void {
    this.#isSynchronized = false;
    if (this.#fault === fault) return;
    this.#fault = fault;
    const foundState = isWhole(snapshot) ? snapshot.state : undefined;
    this.#options.logger.error(
      {
        fault,
        version,
        changeId,
        foundVersion: foundState?.version,
        foundChangeId: foundState?.changeId,
      },
      'the metadata in Redis may lack commits that this broker knows: it is not followed',
    );
  }

  #scheduleRetry(): void {
    if (this.#isClosed || !this.#options.registry.isReady) return;
    this.#retry?.cancel();
    this.#retry = this.#options.scheduler.after(
      this.#backoff.nextDelayMs(),
      () => void this.synchronize(),
    );
  }

  async #follow(): Promise<void> {
    const { registry, known, random, logger } = this.#options;
    const backoff = new RetryBackoff(random);
    while (!this.#isClosed) {
      if (!this.isAvailable) {
        await this.#changed(COMMIT_WAIT_MS);
        continue;
      }
      try {
        const commits = await registry.nextCommits(known.newest.version, COMMIT_WAIT_MS);
        backoff.reset();
        await this.takeCommits(commits);
        if (commits.length > 0 || this.#isClosed) continue;
        // No commits arrived, so an unknown newest version cannot be in transit.
        if (!isSame(await registry.newest(), known.newest)) await this.synchronize();
      } catch (error) {
        if (this.#isClosed) return;
        if (!(error instanceof RegistryAwayError)) {
          logger.warn({ err: error }, 'commits of the metadata could not be read');
        }
        await this.#changed(backoff.nextDelayMs());
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

function isSame(left: CommitName | undefined, right: CommitName): boolean {
  return left?.version === right.version && left.changeId === right.changeId;
}
