/**
 * The place where a cluster of several brokers stores its metadata, as one broker accesses it: each
 * call is one atomic operation. RedisRegistry implements it in Redis, FakeRegistry in memory; all
 * decisions are made above this port.
 *
 * A registry can be away, lose replies, and return in an earlier state or empty. Its process has an
 * id, and a registry accepts commits only while its present process is the one that founded or
 * rebuilt it. So every restart, and every change of master, is noticed before anything is decided
 * on a state that may lack commits.
 */
import type { ClusterState, CommitName, MetadataCommit } from '../cluster-state.js';
import type { BrokerLease, LeaseReply } from '../lease/lease-renewer.js';
import type { RebuildRound, RebuildRounds } from './rebuild-rounds.js';

/**
 * Version of the data that this program writes into a registry. Brokers of version 2 and later seal
 * their calls and prove their secret when they register.
 */
const PROTOCOL_VERSION = 2;
/**
 * Lowest version of programs that can work on what this one writes. In a rolling upgrade N and
 * N - 1 work together (replication-safety 4.9), but programs of version 1 do not seal their calls:
 * they are refused, as they would answer none of ours.
 */
const PROTOCOL_VERSION_MIN = 2;
/** Lowest version of the data that this program can read: a stopped cluster is upgraded whole. */
const READABLE_VERSION_MIN = 1;

/** The identity of the cluster. */
export interface ClusterDocument {
  readonly uuid: string;
  readonly protocol_version: number;
  /** Lowest version of programs that can read this registry; when missing, `protocol_version`. */
  readonly protocol_version_min?: number;
  /** Random id of the founding or the last rebuild; names one line of commits. */
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
 * The reason why this program cannot use a registry, as the end of a sentence; undefined when it
 * can.
 */
export function versionFault(document: ClusterDocument): string | undefined {
  const { protocol_version: version, protocol_version_min: min = version } = document;
  if (min <= PROTOCOL_VERSION && version >= READABLE_VERSION_MIN) return undefined;
  return (
    `protocol version ${version}, which programs of version ${min} and later can read: ` +
    `this one has version ${PROTOCOL_VERSION} and works with ${READABLE_VERSION_MIN} and later`
  );
}

/** A cluster's document, and its text as stored in the registry: commits compare the text. */
export interface RegisteredCluster {
  readonly document: ClusterDocument;
  readonly text: string;
}

export interface RegistrySnapshot {
  readonly cluster: RegisteredCluster;
  /** True when the registry's process is the one that founded or rebuilt it. */
  readonly isConfirmed: boolean;
  readonly state: ClusterState;
  /**
   * Change id of the requested version; null when the registry does not have that commit any more.
   */
  readonly knownChangeId: string | null;
}

export type CommitReply =
  /** It is applied: by this call or by an earlier one. */
  | { readonly kind: 'committed' }
  /** The cluster's document is missing, or another one. */
  | { readonly kind: 'other-cluster' }
  /** The registry's process is not the one that founded or rebuilt it. */
  | { readonly kind: 'unconfirmed' }
  | {
      readonly kind: 'conflict';
      /** The first of the commits made since, as far as the registry has them. */
      readonly missed: readonly MetadataCommit[];
    };

/** The state that one broker publishes to a rebuild. */
export interface RebuildView {
  readonly brokerId: number;
  readonly dataDirUuid: string;
  /** Broker epoch of its running process, if that has registered; otherwise 0. */
  readonly brokerEpoch: number;
  /** The newest state on its disk. */
  readonly state: ClusterState;
}

export interface Registry {
  /** The rounds in which brokers rebuild what the registry has lost. */
  readonly rebuilds: RebuildRounds<RebuildView>;
  /** True while it can be called, as far as is known. */
  readonly isReady: boolean;
  /** Error of the last attempt to reach it; undefined while it can be reached. */
  readonly lastError: unknown;
  /**
   * Calls back whenever the registry was reached (again), and when it was lost. There is one
   * listener.
   */
  listen(listener: { readonly onReady: () => void; readonly onLost: () => void }): void;

  /** The cluster in the registry; undefined when there is none. */
  cluster(): Promise<RegisteredCluster | undefined>;
  /**
   * Founds a cluster with this state, unless there is one, or a rebuild is in progress.
   * @returns the cluster in the registry; undefined while a rebuild is in progress
   */
  found(document: ClusterDocument, state: ClusterState): Promise<RegisteredCluster | undefined>;
  /**
   * Reads everything at one moment; undefined when there is no cluster.
   * @param knownVersion version whose change id is returned
   * @throws IncompleteRegistryError when values are missing
   */
  snapshot(knownVersion: number): Promise<RegistrySnapshot | undefined>;
  /**
   * Commits on top of a state.
   * @param before state that the commit was decided on; another one is a conflict
   */
  commit(
    cluster: RegisteredCluster,
    before: ClusterState,
    commit: MetadataCommit,
    timeoutMs: number,
  ): Promise<CommitReply>;
  /** The newest commit; undefined when there is none. */
  newest(): Promise<CommitName | undefined>;
  /** Waits for commits after a version; empty when none arrived in that time. */
  nextCommits(version: number, waitMs: number): Promise<MetadataCommit[]>;

  /** @param renewal a value that differs from that of the previous renewal */
  renewLease(lease: BrokerLease, renewal: string, timeoutMs: number): Promise<LeaseReply>;
  /** Value of each broker's last renewal, without brokers that never renewed. */
  leases(brokerIds: readonly number[], timeoutMs: number): Promise<ReadonlyMap<number, string>>;

  /** Publishes the newest version that a broker has on its disk. */
  publishJournaled(brokerId: number, version: number): Promise<void>;
  /** Versions published with `publishJournaled`. */
  journaledVersions(brokerIds: readonly number[]): Promise<ReadonlyMap<number, number>>;

  /** Id of the process that founded or rebuilt the registry; undefined when it is not recorded. */
  confirmedBy(): Promise<string | undefined>;
  /**
   * Replaces everything with this state, confirmed, and ends the round.
   * @returns false, without effect, when this round is not in progress
   */
  installRebuilt(
    round: RebuildRound,
    document: ClusterDocument,
    state: ClusterState,
  ): Promise<boolean>;

  close(): void;
}
