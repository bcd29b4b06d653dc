/**
 * Keeps what a broker knows as new as Redis: waits for commits on a connection of its own, and reads
 * everything after every reconnect, and whenever commits are missing.
 *
 * Redis may come back as it was some time ago. A snapshot that does not go on from the known state (a
 * lower version, another change id at a version that is known, values that are missing) is never
 * followed: the store is not available then, and says why, until Redis has what this broker knows.
 * Overlap: reading everything is done once at a time; commits are taken over whenever they come.
 */
import type { Clock, Logger, Scheduler, Timer } from '#runtime';
import type { ClusterState, MetadataCommit } from '../cluster-state.js';
import type { KnownState } from '../known-state.js';
import { MissingTopicError } from '../state-difference.js';
import { RedisAwayError, type RedisConnection } from './redis-connection.js';
import type { RedisRegistry, RegisteredCluster, RegistrySnapshot } from './redis-registry.js';
import { IncompleteRegistryError } from './registry-codec.js';

/** How long one wait for commits takes when none come: then the version is looked at. */
export const COMMIT_WAIT_MS = 2000;
/** Before another attempt after one that failed. */
const RETRY_DELAY_MS = 250;

/** Why Redis is not followed though it answers. */
export type RegistryFault =
  /** It has no cluster any more. */
  | 'emptied'
  /** It has another cluster under our name. */
  | 'other-cluster'
  /** It is at an earlier state than this broker, or went on from an earlier one. */
  | 'rolled-back'
  /** It lacks values. */
  | 'incomplete';

export interface RegistryFollowerOptions {
  readonly registry: RedisRegistry;
  readonly known: KnownState;
  readonly cluster: RegisteredCluster;
  readonly commands: RedisConnection;
  readonly follower: RedisConnection;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

export class RegistryFollower {
  readonly #options: RegistryFollowerOptions;
  #isSynchronized = false;
  #isClosed = false;
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
    return this.#isSynchronized && !this.#isClosed;
  }

  /** Why Redis is not followed; undefined while it is, and while it is away. */
  get fault(): RegistryFault | undefined {
    return this.#fault;
  }

  /** Begins to follow. Resolves when everything was read once, or that has failed. */
  async start(): Promise<void> {
    await this.synchronize();
    this.#loop = this.#follow();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#wake();
    await this.#loop;
    await this.#synchronization;
  }

  /** A connection was made: what happened in between has to be read. */
  connected(): void {
    void this.synchronize();
    this.#wake();
  }

  /** A connection was lost. */
  disconnected(): void {
    if (!this.#options.commands.isReady) this.#isSynchronized = false;
  }

  /** Reads everything, once at a time. Never rejects: it is tried again until it succeeds. */
  synchronize(): Promise<void> {
    this.#synchronization ??= this.#synchronize().finally(
      () => (this.#synchronization = undefined),
    );
    return this.#synchronization;
  }

  /** Takes commits over that Redis has; what does not fit is a reason to read everything. */
  async takeCommits(commits: readonly MetadataCommit[]): Promise<void> {
    for (const commit of commits) {
      const taken = this.#options.known.takeCommit(commit);
      if (taken === 'gap' || taken === 'contradiction') return this.synchronize();
    }
  }

  /**
   * Compares what Redis says its newest commit is with what was known when it was asked: whether it has
   * gone back shows only so when no connection was lost.
   */
  async check(newest: string | null, knownWhenAsked: ClusterState): Promise<void> {
    const { version, changeId } = knownWhenAsked;
    if (newest === `${version} ${changeId}`) return;
    if (newest !== null && Number(newest.split(' ', 1)[0]) > version) return;
    await this.synchronize();
  }

  /** @returns false when Redis is not available by that time on the monotonic clock */
  async whenAvailable(deadlineMs: number): Promise<boolean> {
    while (!this.isAvailable) {
      const leftMs = deadlineMs - this.#options.clock.monotonicMs();
      if (leftMs <= 0 || this.#isClosed) return false;
      await this.#changed(leftMs);
    }
    return true;
  }

  async #synchronize(): Promise<void> {
    const { registry, known, commands } = this.#options;
    this.#retry?.cancel();
    if (this.#isClosed || !commands.isReady) return;
    try {
      const before = known.state;
      const snapshot = await registry.snapshot(before.version);
      const fault = this.#judge(before, snapshot);
      if (fault !== undefined || snapshot === undefined) {
        this.#refuse(fault ?? 'emptied', before, snapshot);
        return;
      }
      known.takeState(snapshot.state);
      this.#fault = undefined;
      this.#isSynchronized = commands.isReady;
      this.#wake();
    } catch (error) {
      this.#failed(error);
    }
  }

  #judge(before: ClusterState, snapshot: RegistrySnapshot | undefined): RegistryFault | undefined {
    if (snapshot === undefined) return 'emptied';
    const { cluster, state, knownChangeId } = snapshot;
    if (cluster.text !== this.#options.cluster.text) return 'other-cluster';
    if (state.version < before.version) return 'rolled-back';
    const changeId = state.version === before.version ? state.changeId : knownChangeId;
    return changeId !== null && changeId !== before.changeId ? 'rolled-back' : undefined;
  }

  #refuse(
    fault: RegistryFault,
    before: ClusterState,
    snapshot: Pick<RegistrySnapshot, 'state'> | undefined,
    error?: unknown,
  ): void {
    this.#isSynchronized = false;
    if (this.#fault !== fault) {
      const known = `${before.version} ${before.changeId}`;
      const found = snapshot && `${snapshot.state.version} ${snapshot.state.changeId}`;
      this.#options.logger.error(
        { fault, known, found, err: error },
        'the metadata in Redis do not go on from what this broker knows: they are not followed',
      );
    }
    this.#fault = fault;
    this.#tryAgainLater();
  }

  #failed(error: unknown): void {
    if (error instanceof IncompleteRegistryError || error instanceof MissingTopicError) {
      this.#refuse('incomplete', this.#options.known.state, undefined, error);
      return;
    }
    this.#isSynchronized = false;
    this.#options.logger.warn({ err: error }, 'the metadata could not be read from Redis');
    this.#tryAgainLater();
  }

  #tryAgainLater(): void {
    if (this.#isClosed) return;
    this.#retry?.cancel();
    this.#retry = this.#options.scheduler.after(RETRY_DELAY_MS, () => void this.synchronize());
  }

  async #follow(): Promise<void> {
    const { registry, known, follower, logger } = this.#options;
    while (!this.#isClosed) {
      if (!this.isAvailable || !follower.isReady) {
        await this.#changed(COMMIT_WAIT_MS);
        continue;
      }
      try {
        const commits = await registry.nextCommits(known.state.version, COMMIT_WAIT_MS);
        await this.takeCommits(commits);
        if (commits.length === 0 && !this.#isClosed) {
          const { state } = known;
          await this.check(await registry.newest(), state);
        }
      } catch (error) {
        if (this.#isClosed) return;
        if (!(error instanceof RedisAwayError)) {
          logger.warn({ err: error }, 'changes of the metadata could not be read from Redis');
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
