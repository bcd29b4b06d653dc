/**
 * Where a cluster of several brokers keeps its metadata, as one broker reaches it: one atomic
 * operation each. Redis is one, a fake in memory another; all that needs thought is above this
 * port.
 *
 * A registry can be away, lose replies, and come back as it was some time ago, or empty. The
 * process that keeps it has a mark: a registry takes commits only if the process that has it now
 * founded or rebuilt it. So every restart, and every change of master, is noticed before anything
 * is decided on what may have been lost.
 */
import type { ClusterState, MetadataCommit } from '../cluster-state.js';
import type { BrokerLease } from '../coordination-store.js';

/** Version of what this program writes into a registry. */
const PROTOCOL_VERSION = 1;
/**
 * The oldest programs that can read it: those know nothing of what came later, and pass it over. In
 * a rolling upgrade N and N - 1 work together (replication-safety 4.9).
 */
const PROTOCOL_VERSION_MIN = 1;

/** Who the cluster is. */
export interface ClusterDocument {
  readonly uuid: string;
  readonly protocol_version: number;
  /**
   * The oldest programs that can read what stands there; where it is missing, those of that
   * version.
   */
  readonly protocol_version_min?: number;
  /** Random, of the founding or the last rebuild: names one line of commits. */
  readonly incarnation: string;
}

/** @param incarnation a random id */
export function clusterDocument(uuid: string, incarnation: string): ClusterDocument {
  return {
    uuid,
    protocol_version: PROTOCOL_VERSION,
    protocol_version_min: PROTOCOL_VERSION_MIN,
    incarnation,
  };
}

/**
 * Why this program cannot work with what a registry has, as the end of a sentence; undefined: it
 * can.
 */
export function versionFault(document: ClusterDocument): string | undefined {
  const { protocol_version: version, protocol_version_min: min = version } = document;
  if (min <= PROTOCOL_VERSION && version >= PROTOCOL_VERSION_MIN) return undefined;
  return (
    `protocol version ${version}, which programs of version ${min} and later can read: ` +
    `this one has version ${PROTOCOL_VERSION}, and works with ${PROTOCOL_VERSION_MIN} and later`
  );
}

/** A cluster's document, and its text as it stands in the registry: commits compare that. */
export interface RegisteredCluster {
  readonly document: ClusterDocument;
  readonly text: string;
}

export interface RegistrySnapshot {
  readonly cluster: RegisteredCluster;
  /** Whether the process that keeps the registry is the one that founded or rebuilt it. */
  readonly isConfirmed: boolean;
  readonly state: ClusterState;
  /**
   * Change id of the version that was asked for; null when the registry has that commit no more.
   */
  readonly knownChangeId: string | null;
}

export type CommitReply =
  /** It is made: now, or when it was asked for the first time. */
  | { readonly kind: 'committed' }
  /** The cluster's document is gone, or another one. */
  | { readonly kind: 'other-cluster' }
  /** Another process keeps the registry than the one that founded or rebuilt it. */
  | { readonly kind: 'unconfirmed' }
  | {
      readonly kind: 'conflict';
      /** The first of the commits that came meanwhile, as far as the registry has them. */
      readonly missed: readonly MetadataCommit[];
    };

/** An attempt to rebuild the registry from what the brokers have on their disks. */
export interface RebuildRound {
  /** Higher than that of all rebuilds that anybody who takes part knows of. */
  readonly number: number;
  /** Random: tells it from a round of the same number that the registry has forgotten. */
  readonly id: string;
}

/** What one broker brings to a rebuild. */
export interface RebuildView {
  readonly brokerId: number;
  readonly dataDirUuid: string;
  /** Of its running process, when that has registered; else 0. */
  readonly brokerEpoch: number;
  /** The newest state that is on its disk. */
  readonly state: ClusterState;
}

export interface Registry {
  /** Whether it can be asked, as far as is known. */
  readonly isReady: boolean;
  /** Why it could not be reached; undefined while it can. */
  readonly lastError: unknown;
  /** Calls back whenever the registry was reached (again), and when it was lost. One listener. */
  listen(listener: { readonly onReady: () => void; readonly onLost: () => void }): void;

  /** The cluster that is there; undefined when there is none. */
  cluster(): Promise<RegisteredCluster | undefined>;
  /**
   * Founds a cluster that has this state, unless there is one, or a rebuild is under way.
   * @returns the one that is there now; undefined while a rebuild is under way
   */
  found(document: ClusterDocument, state: ClusterState): Promise<RegisteredCluster | undefined>;
  /**
   * Everything at one moment; undefined when there is no cluster.
   * @param knownVersion whose change id is asked for
   * @throws IncompleteRegistryError when values are missing
   */
  snapshot(knownVersion: number): Promise<RegistrySnapshot | undefined>;
  /** @param before what the commit was decided on: it is made only on that */
  commit(
    cluster: RegisteredCluster,
    before: ClusterState,
    commit: MetadataCommit,
    timeoutMs: number,
  ): Promise<CommitReply>;
  /** The newest commit; undefined when there is none. */
  newest(): Promise<CommitName | undefined>;
  /** Waits for commits after a version; none when none came in that time. */
  nextCommits(version: number, waitMs: number): Promise<MetadataCommit[]>;

  /**
   * @returns false when a later process has the broker id; and the newest commit, if there is one
   *   and the registry is confirmed
   */
  renewLease(
    lease: BrokerLease,
    renewal: string,
    timeoutMs: number,
  ): Promise<{ readonly isRenewed: boolean; readonly newest: CommitName | undefined }>;
  /** What each lease was last renewed with; nothing of brokers that never did. */
  leases(brokerIds: readonly number[], timeoutMs: number): Promise<ReadonlyMap<number, string>>;

  /** Says up to which version a broker has commits on its disk. */
  publishJournaled(brokerId: number, version: number): Promise<void>;
  /** What brokers said with `publishJournaled`. */
  journaledVersions(brokerIds: readonly number[]): Promise<ReadonlyMap<number, number>>;

  /** Which process founded or rebuilt the registry, as it says; undefined when nothing does. */
  confirmedBy(): Promise<string | undefined>;
  /** The rebuild that was begun while this process kept the registry; undefined: none. */
  rebuildRound(): Promise<RebuildRound | undefined>;
  /**
   * Begins a round in place of `before`; from then on no commit is taken until it has ended.
   * Nothing when there is another round by now, or another confirmation than the one that was seen.
   */
  beginRebuild(
    before: RebuildRound | undefined,
    confirmedBefore: string | undefined,
    round: RebuildRound,
  ): Promise<void>;
  /** Nothing when another round is under way. */
  publishView(round: RebuildRound, view: RebuildView): Promise<void>;
  /** What was published to this round. */
  views(round: RebuildRound): Promise<readonly RebuildView[]>;
  /** Brokers that an operator has given up for good: a rebuild does not wait for them. */
  givenUpBrokers(): Promise<readonly number[]>;
  /**
   * Replaces everything by this state, confirmed, and ends the round.
   * @returns false when it is not this round that is under way: then nothing is done
   */
  installRebuilt(
    round: RebuildRound,
    document: ClusterDocument,
    state: ClusterState,
  ): Promise<boolean>;

  close(): void;
}

/** Version and change id together name a commit. */
export interface CommitName {
  readonly version: number;
  readonly changeId: string;
}

/** The registry gave no answer. */
export class RegistryAwayError extends Error {
  override readonly name = 'RegistryAwayError';

  /** @param wasSent whether the call may have been done all the same */
  constructor(
    readonly wasSent: boolean,
    cause: unknown,
  ) {
    super(wasSent ? 'Redis gave no answer' : 'Redis is away', { cause });
  }
}

/** The registry answered with an error, and has done nothing. */
export class RegistryRefusedError extends Error {
  override readonly name = 'RegistryRefusedError';
}

/** The registry lacks values that belong together: some were removed, or never came back. */
export class IncompleteRegistryError extends Error {
  override readonly name = 'IncompleteRegistryError';
}
