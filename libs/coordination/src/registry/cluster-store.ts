/**
 * Coordination of several brokers through a registry: see registry.ts.
 *
 * Every update is one compare-and-set in the registry. Reads answer from memory, which
 * CommitFollower keeps current and the journal keeps on disk. While the registry is away, or is
 * being rebuilt, reads continue and updates fail within two seconds.
 *
 * Overlap: all calls may overlap. A serial queue decides and commits updates one after the other,
 * each with its own time limit.
 */
import { ProtocolError } from '#protocol';
import { assert, RetryBackoff, SerialQueue } from '#runtime';
import {
  applyCommit,
  type ClusterState,
  type CommitName,
  type MetadataCommit,
} from '../cluster-state.js';
import type { CoordinationStore, Decision, MetadataListener } from '../coordination-store.js';
import {
  assertOwnDataDir,
  type DataDirIdentity,
  openIdentity,
  readIdentity,
} from '../data-dir-identity.js';
import type {
  BrokerLease,
  LeaseRenewer,
  LeaseRenewerOptions,
  LeaseReply,
} from '../lease/lease-renewer.js';
import type { LeaseThread, LeaseThreadOutcome } from '../lease/lease-thread.js';
import { LoopLeaseRenewer } from '../lease/loop-lease-renewer.js';
import { ThreadLeaseRenewer } from '../lease/thread-lease-renewer.js';
import { leaseEndedError } from '../lease-end.js';
import { RegistryAwayError, RegistryRefusedError } from '../registry-errors.js';
import type { ClusterStoreOptions } from './cluster-store-options.js';
import { CommitFollower } from './commit-follower.js';
import { findCluster } from './founding.js';
import { KnownState } from './known-state.js';
import { MetadataJournal } from './metadata-journal.js';
import { countJournaled } from './rebuild.js';
import { Rebuilder } from './rebuilder.js';
import type { CommitReply } from './registry.js';
import { type StoreFault, storeFaultOf } from './store-fault.js';

/**
 * Time limit of an update, ms. Updates are answered within two seconds; the rest is for the
 * answer's transport.
 */
const UPDATE_TIMEOUT_MS = 1800;
const CALL_TIMEOUT_MS = 1000;
const OPEN_TIMEOUT_MS = 2000;
/** Pause between checks of the members' journaled versions, ms. */
const JOURNALED_CHECK_MS = 20;

export class ClusterStore implements CoordinationStore {
  readonly kind = 'redis';
  readonly isShared = true;
  readonly clusterId: string;
  readonly clusterUuid: string;
  readonly dataDirUuid: string;
  readonly #options: ClusterStoreOptions;
  readonly #journal: MetadataJournal;
  readonly #known: KnownState;
  readonly #follower: CommitFollower;
  readonly #updates = new SerialQueue();
  #renewals = 0;
  /** Broker epoch of this process, from its newest renewal. */
  #brokerEpoch = 0;
  /** The reason why the registry refused the last write; undefined when it accepted it. */
  #refusal: StoreFault | undefined;
  #leaseThread: LeaseThread | undefined;
  /** Newest commit known at an answer of the lease thread, and the time since when it is known. */
  #noticed: { readonly newest: CommitName | undefined; readonly atMs: number } = {
    newest: undefined,
    atMs: 0,
  };
  #isClosed = false;

  private constructor(
    options: ClusterStoreOptions,
    identity: DataDirIdentity,
    journal: MetadataJournal,
  ) {
    const { clusterId, clusterUuid, dataDirUuid } = identity;
    this.clusterId = clusterId;
    this.clusterUuid = clusterUuid;
    this.dataDirUuid = dataDirUuid;
    this.#options = options;
    this.#journal = journal;
    this.#known = new KnownState({
      ...options,
      journal,
      onJournaled: (version) => this.#publishJournaled(version),
    });
    const rebuilder = new Rebuilder({
      ...options,
      known: this.#known,
      journal,
      clusterUuid,
      dataDirUuid,
      brokerEpoch: () => this.#brokerEpoch,
    });
    this.#follower = new CommitFollower({
      ...options,
      known: this.#known,
      journal,
      rebuilder,
      clusterUuid,
    });
    options.registry.listen({
      onReady: () => {
        this.#follower.connected();
        this.#publishJournaled(this.#known.state.version);
      },
      onLost: () => this.#follower.disconnected(),
    });
  }

  /**
   * Opens the store of a data directory: joins the cluster in the registry, or founds one if
   * there is none. A directory that has a journal can be opened without the registry: its state is
   * the journal's until the registry is reached.
   * @throws DataDirError when the directory belongs to another broker or cluster, or a file of it
   *   cannot be read; ProtocolError BROKER_NOT_AVAILABLE when the directory is empty and the
   *   registry away: try again
   */
  static async open(options: ClusterStoreOptions): Promise<ClusterStore> {
    const { fileSystem, dataDir, registry } = options;
    try {
      await fileSystem.makeDirectory(dataDir);
      await assertOwnDataDir(options);
      const journal = await MetadataJournal.open(options);
      const known = await readIdentity(fileSystem, dataDir);
      await reached(options);
      const clusterUuid = await findCluster(known, journal, options).catch((error: unknown) => {
        // A broker that was a member before starts with its journal.
        if (known !== undefined && journal.isMade && isAway(error)) return known.clusterUuid;
        throw error;
      });
      const identity = await openIdentity({ ...options, clusterUuid });
      const store = new ClusterStore(options, identity, journal);
      await store.#follower.start();
      return store;
    } catch (error) {
      registry.close();
      throw asProtocolError(error, 'failed');
    }
  }

  get state(): ClusterState {
    return this.#known.state;
  }

  get journaledVersion(): number {
    return this.#known.state.version;
  }

  get isAvailable(): boolean {
    return this.#follower.isAvailable;
  }

  get fault(): StoreFault | undefined {
    if (this.#refusal !== undefined) return this.#refusal;
    return this.isAvailable ? undefined : storeFaultOf(this.#options.registry.lastError);
  }

  update(decide: Decision): Promise<ClusterState> {
    const deadlineMs = this.#options.clock.monotonicMs() + UPDATE_TIMEOUT_MS;
    return this.#updates.run(() => this.#update(decide, deadlineMs));
  }

  async whenJournaled(version: number, timeoutMs: number): Promise<void> {
    const { registry, clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let cause: unknown;
    while (clock.monotonicMs() < deadlineMs && !this.#isClosed) {
      const ids = [...this.#known.state.brokers.keys()];
      try {
        const versions = await registry.journaledVersions(ids);
        const known = this.#known.state.version;
        const journaled = countJournaled(version, known, [...versions.values()]);
        if (journaled > ids.length / 2) return;
      } catch (error) {
        cause = error;
        if (asProtocolError(error, 'unknown') === error) throw error;
      }
      await this.#delay(JOURNALED_CHECK_MS);
    }
    throw new ProtocolError(
      'BROKER_NOT_AVAILABLE',
      'The change was committed, but too few brokers have it on disk yet: a loss of Redis may revert it.',
      { outcome: 'unknown', cause },
    );
  }

  onChange(listener: MetadataListener): () => void {
    return this.#known.onChange(listener);
  }

  async renewLease(lease: BrokerLease, timeoutMs: number): Promise<void> {
    this.#renewals += 1;
    this.#brokerEpoch = lease.brokerEpoch;
    const newestKnown = this.#known.newest;
    const answer = await this.#options.registry
      .renewLease(lease, String(this.#renewals), Math.min(timeoutMs, CALL_TIMEOUT_MS))
      .catch((error: unknown) => {
        this.#writeFailed(error);
        throw asProtocolError(error, 'failed');
      });
    void this.#follower.check(answer.newest, newestKnown);
    await this.#leaseAnswered(lease.brokerId, answer, timeoutMs);
  }

  leaseRenewer(options: LeaseRenewerOptions): LeaseRenewer {
    const { openLeaseThread, brokerId } = this.#options;
    if (openLeaseThread === undefined) return new LoopLeaseRenewer({ ...options, store: this });
    assert(this.#leaseThread === undefined, 'a process has only one lease thread');
    const thread = openLeaseThread(options);
    this.#leaseThread = thread;
    return new ThreadLeaseRenewer({
      ...options,
      thread,
      store: this,
      handleOutcome: (outcome, sentMs) =>
        this.#handleOutcome(brokerId, outcome, { sentMs, timeoutMs: options.intervalMs }),
    });
  }

  leases(timeoutMs: number): Promise<ReadonlyMap<number, string>> {
    const ids = [...this.#known.state.brokers.keys()];
    return this.#options.registry
      .leases(ids, Math.min(timeoutMs, CALL_TIMEOUT_MS))
      .catch((error: unknown) => {
        throw asProtocolError(error, 'failed');
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#leaseThread?.close();
    await this.#updates.run(() => undefined);
    this.#options.registry.close();
    await this.#follower.close();
    await this.#known.close();
    await this.#journal.close();
  }

  /**
   * Handles the registry's answer to a renewal. Resolves when this broker knows the metadata at
   * that time.
   * @throws ProtocolError BROKER_NOT_AVAILABLE
   */
  async #leaseAnswered(brokerId: number, reply: LeaseReply, timeoutMs: number): Promise<void> {
    // Redis accepts writes again. This does not show that other commands are permitted.
    if (this.#refusal?.reason !== 'no-permission') this.#refusal = undefined;
    if (!reply.isRenewed) throw leaseEndedError(brokerId);
    await this.#whenKnown(reply.newest?.version ?? 0, timeoutMs);
  }

  /** Handles a renewal of the lease thread like one of `renewLease`. */
  async #handleOutcome(
    brokerId: number,
    outcome: LeaseThreadOutcome,
    { sentMs, timeoutMs }: { readonly sentMs: number; readonly timeoutMs: number },
  ): Promise<void> {
    this.#brokerEpoch = outcome.brokerEpoch;
    if (outcome.kind !== 'answered') {
      const { message } = outcome;
      const error =
        outcome.kind === 'refused'
          ? new RegistryRefusedError(message)
          : new RegistryAwayError(true, new Error(message));
      this.#writeFailed(error);
      throw asProtocolError(error, 'failed');
    }
    const { newest } = this.#known;
    // The state at the time of the renewal is known only if it has not changed since.
    if (this.#noticed.newest !== newest) {
      this.#noticed = { newest, atMs: this.#options.clock.monotonicMs() };
    } else if (this.#noticed.atMs < sentMs) void this.#follower.check(outcome.newest, newest);
    await this.#leaseAnswered(brokerId, outcome, timeoutMs);
  }

  async #update(decide: Decision, deadlineMs: number): Promise<ClusterState> {
    for (;;) {
      await this.#settled(deadlineMs, 'failed');
      const before = this.#known.state;
      const changes = decide(before);
      if (changes.length === 0) return before;
      const commit = {
        version: before.version + 1,
        changeId: this.#options.random.uuid(),
        previousChangeId: before.changeId,
        changes,
      };
      const after = applyCommit(before, commit);
      const reply = await this.#commit(before, commit, deadlineMs);
      if (reply.kind === 'committed') {
        await this.#follower.takeCommits([commit]);
        await this.#settled(deadlineMs, 'unknown');
        // A rebuild may have come before the commit was on this broker's disk, and may lack it.
        const { state } = this.#known;
        if (state.version >= commit.version) return state.version > commit.version ? after : state;
        throw notAvailable('unknown', undefined);
      }
      if (reply.kind === 'conflict') await this.#follower.takeCommits(reply.missed);
      // The conflict shows that there is a newer state, but its commits were not in the answer.
      if (this.#known.newest === before) await this.#follower.synchronize();
    }
  }

  /**
   * Waits until the known state is on disk; `outcome` is that of the update when this takes too
   * long.
   */
  async #settled(deadlineMs: number, outcome: 'failed' | 'unknown'): Promise<void> {
    if (!this.#known.isWriting) return;
    const { clock, scheduler } = this.#options;
    const isSettled = await new Promise<boolean>((resolve) => {
      const leftMs = Math.max(0, deadlineMs - clock.monotonicMs());
      const timer = scheduler.after(leftMs, () => resolve(false));
      const settle = (): void => {
        timer.cancel();
        resolve(true);
      };
      void this.#known.settled().then(settle);
    });
    if (isSettled) return;
    const detail = this.#known.isStuck
      ? "The cluster's metadata could not be written to this broker's disk."
      : "The cluster's metadata was not on this broker's disk in time: the disk is slow.";
    throw new ProtocolError('KAFKA_STORAGE_ERROR', detail, { outcome });
  }

  /** Commits, and asks again when the reply is lost: a repeated commit is applied once. */
  async #commit(
    before: ClusterState,
    commit: MetadataCommit,
    deadlineMs: number,
  ): Promise<CommitReply> {
    const { registry, clock, random, logger } = this.#options;
    let outcome: 'failed' | 'unknown' = 'failed';
    let cause = registry.lastError;
    const backoff = new RetryBackoff(random);
    while (!this.#isClosed && (await this.#follower.whenAvailable(deadlineMs))) {
      const leftMs = deadlineMs - clock.monotonicMs();
      const { cluster } = this.#follower;
      if (leftMs <= 0 || cluster === undefined) break;
      try {
        const timeoutMs = Math.min(leftMs, CALL_TIMEOUT_MS);
        const reply = await registry.commit(cluster, before, commit, timeoutMs);
        if (reply.kind === 'committed') this.#refusal = undefined;
        return reply;
      } catch (error) {
        cause = error;
        this.#writeFailed(error);
        if (error instanceof RegistryAwayError && error.wasSent) outcome = 'unknown';
        else if (error instanceof RegistryRefusedError) {
          logger.warn({ err: error }, 'Redis refused a change of the metadata');
        } else if (!(error instanceof RegistryAwayError)) throw error;
        await this.#delay(backoff.nextDelayMs());
      }
    }
    throw notAvailable(outcome, cause);
  }

  #writeFailed(error: unknown): void {
    if (error instanceof RegistryRefusedError) this.#refusal = storeFaultOf(error, 'refused');
  }

  #publishJournaled(version: number): void {
    const { registry, brokerId, logger } = this.#options;
    // An empty disk publishes nothing; a failed report is repeated with the next reconnect.
    if (!this.#journal.isMade || !registry.isReady) return;
    registry.publishJournaled(brokerId, version).catch((error: unknown) => {
      logger.debug({ err: error }, 'the journaled version could not be published');
    });
  }

  /** Resolves when this broker shows this version or a later one. */
  #whenKnown(version: number, timeoutMs: number): Promise<void> {
    if (this.#known.state.version >= version) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#options.scheduler.after(timeoutMs, () => {
        stopListening();
        reject(notAvailable('unknown', undefined));
      });
      const stopListening = this.#known.onChange((_change, state) => {
        if (state.version < version) return;
        stopListening();
        timer.cancel();
        resolve();
      });
    });
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(delayMs, resolve);
    });
  }
}

/** Resolves when the registry was reached, or after OPEN_TIMEOUT_MS. */
function reached({ registry, scheduler }: ClusterStoreOptions): Promise<void> {
  if (registry.isReady) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = scheduler.after(OPEN_TIMEOUT_MS, resolve);
    const onReady = (): void => {
      timer.cancel();
      resolve();
    };
    registry.listen({ onReady, onLost: () => undefined });
  });
}

function asProtocolError(error: unknown, outcome: 'failed' | 'unknown'): unknown {
  return isAway(error) ? notAvailable(outcome, error) : error;
}

function isAway(error: unknown): boolean {
  return error instanceof RegistryAwayError || error instanceof RegistryRefusedError;
}

function notAvailable(outcome: 'failed' | 'unknown', cause: unknown): ProtocolError {
  const fault = storeFaultOf(cause, cause instanceof RegistryRefusedError ? 'refused' : 'away');
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    `The cluster's metadata cannot be changed at present. ${fault.sentence}`,
    { outcome, cause },
  );
}
