/**
 * What the brokers of a cluster agree on: who they are, which topics there are, who leads what.
 *
 * The metadata is one line of commits. A broker decides on the state that it knows and commits by
 * compare-and-set on that state's version and change id: whatever a decision looked at (leader
 * epochs, partition epochs, broker epochs, the controller's) is what it looked at when the commit
 * is taken, or the commit is not taken and the decision is made again. So every rule of replication
 * safety about metadata is a pure function from a state to changes, the same for every store.
 *
 * Reads answer from memory what this broker knows. Data paths read it and never wait for it.
 */
import type { ClusterState } from './cluster-state.js';
import type { MetadataChange } from './metadata.js';
import type { StoreFault } from './registry/store-fault.js';

/** @returns the changes that are wanted of this state, in order; none: nothing is to be done */
export type Decision = (state: ClusterState) => readonly MetadataChange[];

/** Told after every commit that this broker has taken over, in their order, none left out. */
export type MetadataListener = (change: MetadataChange, state: ClusterState) => void;

export interface CoordinationStore {
  readonly kind: 'embedded' | 'redis';
  /**
   * Whether other brokers commit here, too: then what this broker knows may be behind, and what it knew
   * may be rolled back. A store of this broker's own is as old as its logs.
   */
  readonly isShared: boolean;
  /** The name that its operator gave the cluster. */
  readonly clusterId: string;
  /** Made when the cluster was founded; tells clusters of the same name apart. */
  readonly clusterUuid: string;
  /** Made with this broker's data directory: tells a replaced disk from the one it replaced. */
  readonly dataDirUuid: string;
  /** The newest state that this broker knows. */
  readonly state: ClusterState;
  /**
   * Version of the newest state that is on this broker's own disk: what a rebuild could start from.
   * A commit is there before it is told to anybody on this broker, so that nobody acts by what a
   * crash could take back.
   */
  readonly journaledVersion: number;
  /** Whether changes can be made now, as far as is known. */
  readonly isAvailable: boolean;
  /**
   * Why changes cannot be made, or were refused last; undefined while nothing is known against it.
   */
  readonly fault: StoreFault | undefined;

  /**
   * Changes the metadata. `decide` gets the newest state that this broker knows; when another
   * commit came first it is called again with that. Resolves with the state that has the changes
   * (or, when `decide` wanted none, with the one it was called with), once that is durable in the
   * store and told to all listeners of this broker.
   * @throws what `decide` throws; ProtocolError BROKER_NOT_AVAILABLE within two seconds when the
   *   store cannot be reached: outcome `failed`, or `unknown` when the reply was lost and could not
   *   be looked up
   */
  update(decide: Decision): Promise<ClusterState>;

  /**
   * Resolves when a majority of the members has this version on disk: from then on no loss of the
   * store can take it back while a majority of disks is kept. What a client is told about topics
   * waits for it.
   * @throws ProtocolError BROKER_NOT_AVAILABLE, outcome `unknown`, when it takes longer than
   *   `timeoutMs`
   */
  whenJournaled(version: number, timeoutMs: number): Promise<void>;

  /** @returns a function that ends the listening */
  onChange(listener: MetadataListener): () => void;

  /**
   * Says that this process lives. Resolves when `state` is as new as the store was when it heard of
   * it: who stood still knows then what was decided without them. Rejects when the store cannot be
   * reached, or that takes longer than `timeoutMs`. The lease is good from when this was called,
   * not from when it resolved.
   */
  renewLease(lease: BrokerLease, timeoutMs: number): Promise<void>;
  /**
   * What each broker's lease was last renewed with, by id. A value that is another one than at the
   * last look says that its broker lives; how long a value may stay the same is the watcher's to
   * measure, on its own clock.
   */
  leases(timeoutMs: number): Promise<ReadonlyMap<number, string>>;

  /** Waits for what is under way and lets go of the store. */
  close(): Promise<void>;
}

export interface BrokerLease {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}
