/**
 * Keeps the security metadata of this broker equal to that in the registry.
 *
 * It reads the registry a few times per second: the newest commits, and whether the line is still
 * the known one. Faults are commits whose signature is wrong, a line that lacks commits of this
 * broker, and a registry that was restarted: nothing is taken from it then, and the line is rebuilt
 * from the journals of the brokers.
 *
 * Overlap: `follow` may be called at any time; one cycle runs at a time, and a call during a cycle
 * resolves with the next one.
 */

import type { Clock, Logger } from '#runtime';
import {
  type ChangeDocument,
  changeOf,
  NO_COMMIT,
  type SecurityCommit,
  type SecurityDisk,
  type SecurityPosition,
  type SecuritySignatures,
} from '#security';
import { rebuildNumberOf } from '../registry/rebuild.js';
import { RegistryAwayError } from '../registry-errors.js';
import { RecentCommits } from './recent-commits.js';
import type { RevocationExchange } from './revocation-exchange.js';
import type { SecurityRebuilder } from './security-rebuilder.js';
import type { SecurityRead, SecurityRegistry, StoredCommit } from './security-registry.js';
import {
  ForgedMetadataError,
  IncompleteSnapshotError,
  type SecuritySnapshots,
} from './security-snapshots.js';

/** Bytes of commits after which a new snapshot is stored, unless the snapshot is larger. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;

/** The reason why the registry is not followed. */
export type SecurityFault =
  | 'emptied'
  | 'forged'
  | 'incomplete'
  | 'rolled-back'
  | 'superseded'
  | 'unconfirmed';

export interface SecurityFollowerOptions {
  readonly registry: SecurityRegistry;
  readonly disk: SecurityDisk;
  readonly signatures: SecuritySignatures;
  readonly snapshots: SecuritySnapshots;
  readonly rebuilder: SecurityRebuilder;
  readonly revocations: RevocationExchange;
  readonly brokerId: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class SecurityFollower {
  /** The commits that were taken last, from the registry or from other brokers. */
  readonly recent = new RecentCommits();
  readonly #options: SecurityFollowerOptions;
  #cycle: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #fault: SecurityFault | undefined;
  #isAvailable = false;
  #lastContactMs = Number.NEGATIVE_INFINITY;
  #forgeries = 0;
  /** Version that was published as being on this broker's disk. */
  #publishedVersion: number | undefined;
  /** Length of the commits since the newest snapshot, as far as this broker has read them. */
  #bytesSinceSnapshot = 0;
  #snapshotVersion = -1;
  #snapshotBytes = 0;

  constructor(options: SecurityFollowerOptions) {
    this.#options = options;
  }

  /** True while commits can be made, as far as this broker knows. */
  get isAvailable(): boolean {
    return this.#isAvailable && this.#options.registry.isReady;
  }

  get fault(): SecurityFault | undefined {
    return this.#fault;
  }

  /** Number of reads that found something without the signature of a broker. */
  get forgeries(): number {
    return this.#forgeries;
  }

  /** Monotonic time of the last successful read of the registry. */
  get lastContactMs(): number {
    return this.#lastContactMs;
  }

  /** Reads the registry once; resolves when a read that begins after the call has ended. */
  follow(): Promise<void> {
    if (this.#cycle === undefined) {
      this.#cycle = this.#run().finally(() => (this.#cycle = undefined));
      return this.#cycle;
    }
    this.#next ??= this.#cycle.then(() => {
      this.#next = undefined;
      return this.follow();
    });
    return this.#next;
  }

  /**
   * Takes commits that another broker has read from the registry, as far as they follow the known
   * state; while a read is in progress it waits. Never rejects.
   */
  async take(commits: readonly StoredCommit[]): Promise<void> {
    while (this.#cycle !== undefined) await this.#cycle;
    this.#cycle = this.#takeFromBroker(commits).finally(() => (this.#cycle = undefined));
    await this.#cycle;
  }

  async #takeFromBroker(commits: readonly StoredCommit[]): Promise<void> {
    const { disk, logger } = this.#options;
    // A line that this broker has agreed to replace is not continued.
    const promised = disk.promise?.number ?? 0;
    const isPromised = commits.some(({ version }) => rebuildNumberOf(version) < promised);
    if (!disk.isMade || isPromised) return;
    try {
      await this.#takeFollowing(commits);
    } catch (error) {
      if (error instanceof ForgedMetadataError) this.#forgeries += 1;
      logger.warn({ err: error }, 'commits of another broker could not be applied');
    }
  }

  /** One cycle; never rejects. */
  async #run(): Promise<void> {
    const { registry, clock, logger } = this.#options;
    if (!registry.isReady) {
      this.#isAvailable = false;
      return;
    }
    try {
      const readMs = clock.monotonicMs();
      while ((await this.#step()) === 'again');
      this.#lastContactMs = readMs;
    } catch (error) {
      this.#isAvailable = false;
      const isAway = error instanceof RegistryAwayError;
      if (!isAway) logger.warn({ err: error }, 'the security metadata could not be read');
    }
  }

  async #step(): Promise<'again' | 'done'> {
    const { registry, disk, rebuilder, revocations } = this.#options;
    const read = await registry.read(disk.position.version);
    await revocations.compareWithRegistry(read.revocationCount);
    const fault = this.#faultOf(read) ?? (await this.#take(read));
    if (fault === 'again') return 'again';
    if (fault === undefined) {
      this.#isAvailable = true;
      this.#fault = undefined;
      await this.#publishJournaled();
      return 'done';
    }
    this.#refuse(fault, read);
    await rebuilder.attempt(read.confirmedBy, read.position ?? NO_COMMIT);
    return 'done';
  }

  #faultOf({ position, isConfirmed, knownChangeId }: SecurityRead): SecurityFault | undefined {
    const known = this.#options.disk.position;
    const promised = this.#options.disk.promise?.number ?? 0;
    if (position === undefined) return 'emptied';
    if (!isConfirmed) return 'unconfirmed';
    if (rebuildNumberOf(position.version) < promised) return 'superseded';
    if (position.version < known.version) return 'rolled-back';
    const changeId = position.version === known.version ? position.changeId : knownChangeId;
    const isOther = changeId !== undefined && changeId !== known.changeId;
    return isOther && known.version > 0 ? 'rolled-back' : undefined;
  }

  /** Takes what follows the known state. @returns `again` when there is more to read */
  async #take(read: SecurityRead): Promise<SecurityFault | 'again' | undefined> {
    try {
      return await this.#taken(read);
    } catch (error) {
      if (error instanceof IncompleteSnapshotError) return 'incomplete';
      if (!(error instanceof ForgedMetadataError)) throw error;
      this.#forgeries += 1;
      return 'forged';
    }
  }

  async #taken({ position, snapshot: text, commits }: SecurityRead) {
    const { disk, snapshots } = this.#options;
    if (text === undefined) return 'incomplete';
    const snapshot = snapshots.parse(text);
    if (snapshot.position.version !== this.#snapshotVersion) {
      this.#snapshotVersion = snapshot.position.version;
      this.#snapshotBytes = snapshot.sizeBytes;
      this.#bytesSinceSnapshot = 0;
    }
    await this.#takeFollowing(commits);
    if (position === undefined || disk.position.version === position.version) return undefined;
    if (commits.length > 0 && disk.position.version >= (commits.at(-1)?.version ?? 0)) {
      return 'again';
    }
    // The commits in between are not stored any more: the snapshot has them.
    if (snapshot.position.version <= disk.position.version) return 'incomplete';
    if (isSame(snapshot.basis, disk.position) && disk.isMade) {
      await disk.rename(snapshot.position);
    } else {
      const state = disk.newState();
      await snapshots.load(snapshot, state);
      await disk.replace(state, snapshot.position);
    }
    return 'again';
  }

  /** @throws ForgedMetadataError */
  async #takeFollowing(commits: readonly StoredCommit[]): Promise<void> {
    const { disk } = this.#options;
    for (const commit of commits) {
      if (!follows(commit, disk.position)) break;
      this.#bytesSinceSnapshot += commit.changes.length;
      await disk.commit(this.#verified(commit));
      this.recent.add(commit);
    }
  }

  /** Stores a snapshot when many commits have been made since the last one. */
  async maybeStoreSnapshot(): Promise<void> {
    const { disk, registry, snapshots, logger } = this.#options;
    if (this.#bytesSinceSnapshot < Math.max(COMMIT_BYTES_MAX, this.#snapshotBytes)) return;
    this.#bytesSinceSnapshot = 0;
    try {
      await disk.whileUnchanged(async (state, position) => {
        const text = await snapshots.store(state, position, position);
        if (await registry.installSnapshot(position, text)) return;
        await registry.removeChunks(position.changeId);
      });
    } catch (error) {
      logger.warn({ err: error }, 'a snapshot of the security metadata could not be stored');
    }
  }

  #verified({ signature, ...commit }: StoredCommit): SecurityCommit {
    const { version, changeId, previousChangeId, changes } = commit;
    const value = ['commit', version, changeId, previousChangeId, changes] as const;
    if (!this.#options.signatures.isSigned(value, signature)) {
      throw new ForgedMetadataError(`commit ${version} of the security metadata is not signed`);
    }
    return { ...commit, changes: (JSON.parse(changes) as ChangeDocument[]).map(changeOf) };
  }

  async #publishJournaled(): Promise<void> {
    const { registry, disk, brokerId } = this.#options;
    const { version } = disk.position;
    if (version === this.#publishedVersion) return;
    await registry.publishJournaled(brokerId, version);
    this.#publishedVersion = version;
  }

  #refuse(fault: SecurityFault, { position }: SecurityRead): void {
    this.#isAvailable = false;
    this.#publishedVersion = undefined;
    if (this.#fault === fault) return;
    this.#fault = fault;
    const { disk, logger } = this.#options;
    const { version } = disk.position;
    if (fault === 'emptied' && version === 0) {
      logger.info({ fault }, 'Redis has no security metadata yet: the brokers create it together');
      return;
    }
    logger.error(
      { fault, version, foundVersion: position?.version },
      'the security metadata in Redis is not followed: it is rebuilt from the brokers',
    );
  }
}

function follows(commit: StoredCommit, position: SecurityPosition): boolean {
  return commit.version === position.version + 1 && commit.previousChangeId === position.changeId;
}

function isSame(left: SecurityPosition, right: SecurityPosition): boolean {
  return left.version === right.version && left.changeId === right.changeId;
}
