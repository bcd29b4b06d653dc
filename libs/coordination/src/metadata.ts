import type { LeaderEpoch, TopicConfigOverrides } from '#protocol';

/** A topic as the cluster agreed on it. */
export interface TopicMetadata {
  readonly name: string;
  /** UUID; a topic that is deleted and created again has another one. */
  readonly id: string;
  /** Rises with every change of its configs or its number of partitions. */
  readonly version: number;
  readonly configs: TopicConfigOverrides;
  readonly partitions: readonly PartitionMetadata[];
  /**
   * There after min.insync.replicas was lowered, until a majority of the brokers has that on disk.
   */
  readonly minInsyncHold?: MinInsyncHold;
}

/**
 * What leaders go by while a lower min.insync.replicas is not known widely enough: a rebuild of the
 * registry that did not know of it would wait for too few replicas.
 */
export interface MinInsyncHold {
  /** The setting before. */
  readonly replicas: number;
  /** Of the commit that lowered it. */
  readonly version: number;
}

/** Who keeps a partition: Kafka's partition state. */
export interface PartitionMetadata {
  /** The preferred leader first. */
  readonly replicas: readonly number[];
  /** Null while no replica may lead: none of the ISR is alive. */
  readonly leader: number | null;
  /**
   * Rises whenever the leader is decided on, also when it is the same broker again, and when there
   * is none any more.
   */
  readonly leaderEpoch: LeaderEpoch;
  /**
   * Random, made with each leader epoch: tells two elections of the same number apart, which there
   * can be when Redis was rolled back in between.
   */
  readonly electionId: string;
  /**
   * The replicas that have all committed records. Empty when the disk of the last one was replaced:
   * the records are lost unless an operator finds them on another replica.
   */
  readonly isr: readonly number[];
  /** Rises with every change of leader, ISR or replicas. */
  readonly partitionEpoch: number;
  /**
   * True until its first leader has made its log. A first leader whose log is missing makes an
   * empty one only then: at any later time an empty log in its place would be silent loss.
   */
  readonly isNew: boolean;
  /** There while the partition moves to other replicas. */
  readonly reassignment?: Reassignment;
}

/**
 * A partition on its way to other replicas (see decisions/reassignments.ts). Its `replicas` are
 * those it had and, once a majority of the brokers has this on disk, those it is to have as well.
 */
export interface Reassignment {
  /** Who kept it when this began, the preferred leader first. */
  readonly from: readonly number[];
  /** Who is to keep it, the preferred leader first. */
  readonly to: readonly number[];
  /** Of the commit that asked for it. */
  readonly version: number;
}

/** A broker of the cluster, alive or not. */
export interface BrokerRegistration {
  readonly id: number;
  /** Where clients reach it. */
  readonly url: string | null;
  /** Where other brokers reach it; null where there are no others. */
  readonly clusterUrl: string | null;
  readonly rack: string | null;
  /**
   * Given to the process at its registration; higher than any earlier process of any broker had.
   */
  readonly brokerEpoch: number;
  /** Of its data directory: another one under the same id is a replaced disk. */
  readonly dataDirUuid: string;
  /** False once its lease ran out or it stopped; true from its registration on. */
  readonly alive: boolean;
}

/** Who decides on leaders. */
export interface ControllerMetadata {
  readonly id: number;
  /** Rises with every take-over. */
  readonly epoch: number;
}

/** What remains of a deleted topic: proof that its logs may go. */
export interface DeletedTopic {
  readonly name: string;
  readonly id: string;
}

/** The new state of one partition of a topic that stays as it is otherwise. */
export interface PartitionChange {
  readonly partition: number;
  readonly state: PartitionMetadata;
}

/**
 * One step of the cluster's metadata. Steps carry the new values whole, so that applying is
 * replacing.
 */
export type MetadataChange =
  | { readonly kind: 'broker'; readonly broker: BrokerRegistration }
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
   * Never committed, only told: the registry was rebuilt, and nobody who took part knew the topic.
   * Its creation was not answered. No log of it may be removed: nothing proves that it was deleted.
   */
  | { readonly kind: 'topic-forgotten'; readonly topic: DeletedTopic };
