/**
 * The agreement of a cluster's brokers on its metadata: its members, its topics, and the leader of
 * each partition.
 *
 * The metadata is one line of commits. A broker decides on the state that it knows and commits by
 * compare-and-set on that state's version and change id. If everything that the decision read
 * (leader epochs, partition epochs, broker epochs, the controller's epoch) is still current, the
 * commit is accepted; otherwise the decision is made again. So every rule of replication safety
 * about metadata is a pure function from a state to changes, the same for every store.
 *
 * Reads answer from memory with the state that this broker knows. Data paths read it and never wait
 * for it.
 */
import type { ClusterState } from './cluster-state.js';
import type { BrokerLease, LeaseRenewer, LeaseRenewerOptions } from './lease/lease-renewer.js';
import type { MetadataChange } from './metadata.js';
import type { StoreFault } from './registry/store-fault.js';

/** @returns the changes to make to this state, in order; empty when there is nothing to change */
export type Decision = (state: ClusterState) => readonly MetadataChange[];

/** Called for every change of every commit that this broker has applied, in their order. */
export type MetadataListener = (change: MetadataChange, state: ClusterState) => void;

export interface CoordinationStore {
  readonly kind: 'embedded' | 'redis';
  /**
   * True when other brokers commit to this store too: the state of this broker may then be behind,
   * and may be rolled back. A store of one broker is as new as its logs.
   */
  readonly isShared: boolean;
  /** Name of the cluster, chosen by its operator. */
  readonly clusterId: string;
  /** UUID created when the cluster was founded; distinguishes clusters of the same name. */
  readonly clusterUuid: string;
  /**
   * UUID created with this broker's data directory; distinguishes a replaced disk from its
   * predecessor.
   */
  readonly dataDirUuid: string;
  /** The newest state that this broker knows. */
  readonly state: ClusterState;
  /**
   * Version of the newest state on this broker's own disk, from which a rebuild could start. A
   * commit is on disk before anything on this broker sees it, so that nothing acts on a commit that
   * a crash could revert.
   */
  readonly journaledVersion: number;
  /** True while changes can be made, as far as this broker knows. */
  readonly isAvailable: boolean;
  /**
   * The reason why changes cannot be made, or why the last one was refused; undefined when none is
   * known.
   */
  readonly fault: StoreFault | undefined;

  /**
   * Changes the metadata. `decide` gets the newest state that this broker knows; when another
   * commit comes first, it is called again with the state after that. Resolves with the state that
   * has the changes, once that is durable in the store and passed to all listeners of this broker.
   * When `decide` returned no changes, it resolves with the state given to `decide`.
   * @throws the error of `decide`; ProtocolError BROKER_NOT_AVAILABLE within two seconds when the
   *   store cannot be reached: outcome `failed`, or `unknown` when the reply was lost and could not
   *   be read later
   */
  update(decide: Decision): Promise<ClusterState>;

  /**
   * Resolves when a majority of the members has this version on disk: no loss of the store can
   * revert it then while a majority of disks is kept. Answers to clients about topics wait for
   * this.
   * @throws ProtocolError BROKER_NOT_AVAILABLE, outcome `unknown`, when it takes longer than
   *   `timeoutMs`
   */
  whenJournaled(version: number, timeoutMs: number): Promise<void>;

  /** @returns a function that removes the listener */
  onChange(listener: MetadataListener): () => void;

  /**
   * Renews the lease of this process. Resolves when `state` is as new as the store was when it took
   * the renewal: a process that was paused then knows the commits made without it. Rejects when
   * the store cannot be reached, or when this takes longer than `timeoutMs`. The lease is valid
   * from the time of the call, not from the time it resolves.
   */
  renewLease(lease: BrokerLease, timeoutMs: number): Promise<void>;
  /** Creates the renewer of this process's lease, in the store's lease thread if it has one. */
  leaseRenewer(options: LeaseRenewerOptions): LeaseRenewer;
  /**
   * Value of each broker's last lease renewal, by id. A value that differs from the last read
   * proves that its broker is alive; the watcher measures on its own clock how long a value stays
   * the same.
   */
  leases(timeoutMs: number): Promise<ReadonlyMap<number, string>>;

  /** Waits for work in progress and releases the store. */
  close(): Promise<void>;
}
