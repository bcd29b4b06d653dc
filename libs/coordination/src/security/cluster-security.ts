import { ProtocolError } from '#protocol';
import {
  type Clock,
  type Logger,
  type Random,
  RetryBackoff,
  type Scheduler,
  SerialQueue,
  type Timer,
} from '#runtime';
import {
  changeDocument,
  checkedChanges,
  type Revocation,
  type RevocationResult,
  type SecurityChange,
  SecurityDisk,
  type SecurityDiskOptions,
  type SecurityLimits,
  type SecurityListener,
  type SecurityMetadata,
  type SecurityPosition,
  SecuritySignatures,
  type SecurityStatus,
  type SecurityView,
} from '#security';
import { countJournaled } from '../registry/rebuild.js';
import { RegistryAwayError, RegistryRefusedError } from '../registry-errors.js';
import { type CommitAnswer, CommitExchange, type CommitPeers } from './commit-exchange.js';
import {
  type RevocationAnswer,
  RevocationExchange,
  type RevocationMessage,
  type RevocationPeers,
} from './revocation-exchange.js';
import { SecurityFollower } from './security-follower.js';
import type { Members } from './security-rebuild.js';
import { SecurityRebuilder } from './security-rebuilder.js';
import type { SecurityRegistry, StoredCommit } from './security-registry.js';
import { SecuritySnapshots } from './security-snapshots.js';

/** Time limit of an update, ms; the commit and the wait for other disks have one each. */
const UPDATE_TIMEOUT_MS = 1800;
const CALL_TIMEOUT_MS = 1000;
/** Pause between two reads of the registry: another broker's change is known after it, ms. */
const FOLLOW_MS = 250;
/** Pause between two comparisons with brokers that may have other revocations or commits, ms. */
const COMPARE_MS = 1000;
/** Pause between checks of the members' journaled versions, ms. */
const JOURNALED_CHECK_MS = 20;

export interface ClusterSecurityOptions extends SecurityDiskOptions {
  readonly registry: SecurityRegistry;
  readonly peers: RevocationPeers & CommitPeers;
  readonly clusterUuid: string;
  /** The secret that signs, then those that are accepted as well. */
  readonly clusterSecrets: readonly [string, ...string[]];
  readonly brokerId: number;
  readonly dataDirUuid: string;
  /** All members of the cluster, as the metadata of topics has them. */
  readonly members: () => Members;
  readonly limits: SecurityLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/**
 * The security metadata of a cluster, as one broker knows it.
 *
 * Keys, rules and quotas are a line of signed commits in the registry (security-registry.ts), which
 * every broker follows and keeps on its disk. Revocations are a set beside it that every broker
 * gets directly from every other (revocation-exchange.ts), so that they work without the registry.
 * While the registry is away, reads continue and updates fail within two seconds; a broker that
 * alone lost it gets the commits from the others (commit-exchange.ts).
 *
 * Overlap: all calls may overlap. A serial queue decides and commits updates one after the other.
 */
export class ClusterSecurity implements SecurityMetadata {
  readonly #options: ClusterSecurityOptions;
  readonly #disk: SecurityDisk;
  readonly #signatures: SecuritySignatures;
  readonly #revocations: RevocationExchange;
  readonly #follower: SecurityFollower;
  readonly #commits: CommitExchange;
  readonly #updates = new SerialQueue();
  readonly #timers = new Map<string, Timer>();
  #isClosed = false;

  private constructor(options: ClusterSecurityOptions, disk: SecurityDisk) {
    this.#options = options;
    this.#disk = disk;
    this.#signatures = new SecuritySignatures(options.clusterUuid, options.clusterSecrets);
    const parts = { ...options, disk, signatures: this.#signatures };
    const snapshots = new SecuritySnapshots(options.registry, this.#signatures);
    this.#revocations = new RevocationExchange(parts);
    const rebuilder = new SecurityRebuilder({ ...parts, snapshots });
    this.#follower = new SecurityFollower({
      ...parts,
      snapshots,
      rebuilder,
      revocations: this.#revocations,
    });
    this.#commits = new CommitExchange({ ...parts, follower: this.#follower });
  }

  /**
   * Opens the metadata of a data directory, and begins to follow the registry.
   * @throws DataDirError when a journal is damaged
   */
  static async open(options: ClusterSecurityOptions): Promise<ClusterSecurity> {
    const security = new ClusterSecurity(options, await SecurityDisk.open(options));
    options.registry.listen(() => {
      security.#revocations.registryReached();
      void security.#follower.follow();
    });
    await security.#follower.follow();
    security.#repeat('follow', FOLLOW_MS, () => security.#follower.follow());
    security.#repeat('compare', COMPARE_MS, () => security.#compare());
    return security;
  }

  get view(): SecurityView {
    return this.#disk.state;
  }

  get staleMs(): number {
    const others = this.#options.peers.ids().length;
    const othersNeeded = Math.floor((others + 1) / 2);
    const contactMs = this.#revocations.contactMs(othersNeeded);
    // Contact to brokers counts as long as this one has the rules that they have.
    const lastMs = Math.max(
      this.#follower.lastContactMs,
      Math.min(contactMs, this.#commits.upToDateMs),
    );
    return Math.max(0, this.#options.clock.monotonicMs() - lastMs);
  }

  get isAvailable(): boolean {
    return this.#follower.isAvailable;
  }

  update(decide: (view: SecurityView) => readonly SecurityChange[]): Promise<void> {
    const deadlineMs = this.#options.clock.monotonicMs() + UPDATE_TIMEOUT_MS;
    return this.#updates.run(() => this.#update(decide, deadlineMs));
  }

  async revoke(revocations: readonly Revocation[]): Promise<RevocationResult> {
    try {
      return await this.#revocations.revoke(revocations);
    } catch (cause) {
      throw new ProtocolError(
        'KAFKA_STORAGE_ERROR',
        "The revocation could not be written to this broker's disk.",
        { outcome: 'unknown', cause },
      );
    }
  }

  onChange(listener: SecurityListener): () => void {
    return this.#disk.onChange(listener);
  }

  /** Answers a broker that compares its revocations with those of this one. */
  handleRevocations(message: RevocationMessage): Promise<RevocationAnswer> {
    return this.#revocations.handle(message);
  }

  /** Answers a broker that asks for the commits after a position. */
  handleCommits(position: SecurityPosition): CommitAnswer {
    return this.#commits.handle(position);
  }

  status(): SecurityStatus {
    return { ...this.#disk.status(), forgeries: this.#follower.forgeries };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    await this.#updates.run(() => undefined);
    this.#options.registry.close();
    await this.#follower.follow();
    await this.#disk.close();
  }

  async #update(
    decide: (view: SecurityView) => readonly SecurityChange[],
    deadlineMs: number,
  ): Promise<void> {
    for (;;) {
      await this.#whenAvailable(deadlineMs);
      const before = this.#disk.position;
      const changes = checkedChanges(
        this.#disk.state,
        decide(this.#disk.state),
        this.#options.limits,
      );
      if (changes.length === 0) return;
      const commit = this.#signed(before, changes);
      if (await this.#commit(before, commit, deadlineMs)) {
        await this.#whenJournaled(commit, this.#options.clock.monotonicMs() + UPDATE_TIMEOUT_MS);
        void this.#follower.maybeStoreSnapshot();
        return;
      }
      await this.#follower.follow();
    }
  }

  #signed(before: SecurityPosition, changes: readonly SecurityChange[]): StoredCommit {
    const version = before.version + 1;
    const changeId = this.#options.random.uuid();
    const previousChangeId = before.changeId;
    const text = JSON.stringify(changes.map(changeDocument));
    const value = ['commit', version, changeId, previousChangeId, text] as const;
    const signature = this.#signatures.sign(value);
    return { version, changeId, previousChangeId, changes: text, signature };
  }

  /**
   * Commits, and asks again when the reply is lost: a repeated commit is applied once.
   * @returns false when another commit came first
   */
  async #commit(
    before: SecurityPosition,
    commit: StoredCommit,
    deadlineMs: number,
  ): Promise<boolean> {
    const { registry, clock, random, logger } = this.#options;
    const backoff = new RetryBackoff(random);
    let outcome: 'failed' | 'unknown' = 'failed';
    let cause: unknown;
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || this.#isClosed) throw notAvailable(outcome, cause);
      try {
        const reply = await registry.commit(before, commit, Math.min(leftMs, CALL_TIMEOUT_MS));
        if (reply === 'committed') return true;
        if (reply === 'conflict') return false;
        // The line is rebuilt; a commit whose reply was lost is found, or is not part of it.
        if (outcome === 'failed') return false;
        throw notAvailable(outcome, cause);
      } catch (error) {
        if (error instanceof RegistryRefusedError) {
          logger.warn({ err: error }, 'Redis refused a change of the security metadata');
        } else if (!(error instanceof RegistryAwayError)) throw error;
        else if (error.wasSent) outcome = 'unknown';
        cause = error;
        await this.#delay(backoff.nextDelayMs());
      }
    }
  }

  /** Resolves when this broker shows the commit and a majority has it on disk. */
  async #whenJournaled(commit: SecurityPosition, deadlineMs: number): Promise<void> {
    const { registry, clock, members } = this.#options;
    let cause: unknown;
    while (!this.#isClosed && clock.monotonicMs() < deadlineMs) {
      await this.#follower.follow();
      const ids = [...members().keys()];
      try {
        const versions = await registry.journaledVersions(ids);
        const known = this.#disk.position.version;
        const journaled = countJournaled(commit.version, known, versions);
        if (known >= commit.version && journaled > ids.length / 2) return;
      } catch (error) {
        if (error instanceof ProtocolError) throw error;
        cause = error;
      }
      await this.#delay(JOURNALED_CHECK_MS);
    }
    throw new ProtocolError(
      'BROKER_NOT_AVAILABLE',
      'The change was committed, but too few brokers have it on disk yet: a loss of Redis may revert it.',
      { outcome: 'unknown', cause },
    );
  }

  async #whenAvailable(deadlineMs: number): Promise<void> {
    const { clock, random, registry } = this.#options;
    const backoff = new RetryBackoff(random);
    while (!this.#follower.isAvailable) {
      if (this.#isClosed || clock.monotonicMs() >= deadlineMs) {
        throw notAvailable('failed', registry.lastError);
      }
      await this.#delay(backoff.nextDelayMs());
      await this.#follower.follow();
    }
  }

  /** Compares with all brokers while the registry is away: then only they show the contact. */
  async #compare(): Promise<void> {
    const isAway = !this.#follower.isAvailable;
    const revocations = this.#revocations.compareWithPeers(isAway);
    if (isAway) await this.#commits.takeFromPeers();
    else this.#commits.registryFollowed();
    await revocations;
  }

  #repeat(name: string, pauseMs: number, task: () => Promise<void>): void {
    if (this.#isClosed) return;
    const run = (): void => void task().finally(() => this.#repeat(name, pauseMs, task));
    this.#timers.set(name, this.#options.scheduler.after(pauseMs, run));
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(delayMs, resolve);
    });
  }
}

function notAvailable(outcome: 'failed' | 'unknown', cause: unknown): ProtocolError {
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    'Keys, access control rules and quotas cannot be changed at present: Redis or a majority of the brokers is out of reach.',
    { outcome, cause },
  );
}
