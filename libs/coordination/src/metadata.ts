import type { LeaderEpoch, TopicConfigOverrides } from '#protocol';

/** A topic as the cluster has agreed on it. */
export interface TopicMetadata {
  readonly name: string;
  /** UUID; a topic that is deleted and created again has another one. */
  readonly id: string;
  /** Number that rises with every change of its configs, its number of partitions or its queues. */
  readonly version: number;
  readonly configs: TopicConfigOverrides;
  readonly partitions: readonly PartitionMetadata[];
  /**
   * Present after min.insync.replicas was lowered, until a majority of the brokers has that on
   * disk.
   */
  readonly minInsyncHold?: MinInsyncHold;
  /** Names of the queue groups that have positions in the topic; absent without one. */
  readonly queueGroups?: readonly string[];
}

/**
 * The setting that leaders use while a lower min.insync.replicas is not known widely enough: a
 * rebuild of the registry that did not know of the lower setting would wait for too few replicas.
 */
export interface MinInsyncHold {
  /** The former setting. */
  readonly replicas: number;
  /** Version of the commit that lowered it. */
  readonly version: number;
}

/** The replicas, leader and ISR of a partition: Kafka's partition state. */
export interface PartitionMetadata {
  /** Ids of the replicas, the preferred leader first. */
  readonly replicas: readonly number[];
  /** Id of the leader; null while no replica may lead, because no ISR member is alive. */
  readonly leader: number | null;
  /**
   * Number that rises with every election, also when the same broker is elected again or there is
   * no leader any more.
   */
  readonly leaderEpoch: LeaderEpoch;
  /**
   * Random id of the election, new with each leader epoch. It distinguishes two elections of the
   * same number, which can occur when Redis was rolled back in between.
   */
  readonly electionId: string;
  /**
   * The replicas that have all committed records. Empty when the disk of the last one was replaced:
   * the records are lost unless an operator finds them on another replica.
   */
  readonly isr: readonly number[];
  /** Number that rises with every change of leader, ISR or replicas. */
  readonly partitionEpoch: number;
  /**
   * True until its first leader has created its log. A leader whose log is missing creates an empty
   * one only while this is true: later, an empty log in its place would be silent loss.
   */
  readonly isNew: boolean;
  /** Present while the partition moves to other replicas. */
  readonly reassignment?: Reassignment;
}

/**
 * The move of a partition to other replicas (see decisions/reassignments.ts). The partition's
 * `replicas` are the former ones and, once a majority of the brokers has this on disk, also the
 * target ones.
 */
export interface Reassignment {
  /** Replicas before the move, the preferred leader first. */
  readonly from: readonly number[];
  /** Target replicas, the preferred leader first. */
  readonly to: readonly number[];
  /** Version of the commit that requested the move. */
  readonly version: number;
}

/** A broker of the cluster, alive or not. */
export interface BrokerRegistration {
  readonly id: number;
  /** URL for clients. */
  readonly url: string | null;
  /** URL for other brokers; null in a cluster of one. */
  readonly clusterUrl: string | null;
  readonly rack: string | null;
  /**
   * Epoch assigned to the process at its registration; higher than that of any earlier process of
   * any broker.
   */
  readonly brokerEpoch: number;
  /** UUID of its data directory: another one under the same id is a replaced disk. */
  readonly dataDirUuid: string;
  /** Features of its version (feature-level.ts); absent for versions without levels. */
  readonly featureLevel?: number;
  /** Present for brokers of a cluster; absent for earlier versions. */
  readonly security?: BrokerSecurity;
  /** True from its registration until its lease has expired or it has stopped. */
  readonly alive: boolean;
}

/** Proofs that a broker registers with, so that brokers of one cluster recognise each other. */
export interface BrokerSecurity {
  /** Proofs of the cluster secrets that the broker accepts. */
  readonly proofs: string;
  /** Digest of the settings of security that must be the same for all brokers. */
  readonly agreement: string;
}

/** The broker that elects leaders. */
export interface ControllerMetadata {
  readonly id: number;
  /** Number that rises with every controller election. */
  readonly epoch: number;
}

/** The record of a deleted topic: proof that its logs may be removed. */
export interface DeletedTopic {
  readonly name: string;
  readonly id: string;
}

/** The new state of one partition of a topic that does not change otherwise. */
export interface PartitionChange {
  readonly partition: number;
  readonly state: PartitionMetadata;
}

/**
 * One change of the cluster's metadata. Changes carry the complete new values, so that applying one
 * is a replacement.
 */
export type MetadataChange =
  | { readonly kind: 'broker'; readonly broker: BrokerRegistration }
  /**
   * Reported to listeners when a rebuild lost a registration. A commit may contain it too, but no
   * operation of this version makes one.
   */
  | { readonly kind: 'broker-removed'; readonly id: number }
  | { readonly kind: 'controller'; readonly controller: ControllerMetadata | null }
  | { readonly kind: 'topic'; readonly topic: TopicMetadata }
  | {
      readonly kind: 'partitions';
      readonly topic: string;
      readonly topicId: string;
      readonly partitions: readonly PartitionChange[];
    }
  | { readonly kind: 'topic-deleted'; readonly topic: DeletedTopic }
  /**
   * Never committed, only reported to listeners: the registry was rebuilt, and no participant knew
   * the topic. Its creation was never answered. Its logs must not be removed: nothing proves that
   * it was deleted.
   */
  | { readonly kind: 'topic-forgotten'; readonly topic: DeletedTopic };
