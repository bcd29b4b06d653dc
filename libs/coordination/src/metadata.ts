import type { LeaderEpoch, TopicConfigOverrides } from '#protocol';

/** A topic as the cluster agreed on it. */
export interface TopicMetadata {
  readonly name: string;
  /** UUID; a topic that is deleted and created again has another one. */
  readonly id: string;
  /** Rises with every change of the topic: what a compare-and-set compares. */
  readonly version: number;
  readonly configs: TopicConfigOverrides;
  readonly partitions: readonly PartitionMetadata[];
}

/** Who keeps a partition: Kafka's partition state. */
export interface PartitionMetadata {
  /** The preferred leader first. */
  readonly replicas: readonly number[];
  readonly leader: number | null;
  readonly leaderEpoch: LeaderEpoch;
  readonly isr: readonly number[];
  /** Rises with every change of leader or ISR. */
  readonly partitionEpoch: number;
  /**
   * True until its replicas have made their logs. A replica whose log is missing makes an empty one
   * only then: at any later time an empty log in its place would be silent loss.
   */
  readonly isNew: boolean;
}

/** A broker of the cluster, alive or not. */
export interface BrokerRegistration {
  readonly id: number;
  readonly url: string | null;
  readonly rack: string | null;
  /** Given to the process at its registration; higher than any earlier process had. */
  readonly brokerEpoch: number;
  readonly alive: boolean;
}

/** What remains of a deleted topic: proof that its logs may go. */
export interface DeletedTopic {
  readonly name: string;
  readonly id: string;
}

/** One step of the cluster's metadata, told in order. */
export type MetadataChange =
  | { readonly kind: 'topic'; readonly topic: TopicMetadata }
  | { readonly kind: 'topic-deleted'; readonly topic: DeletedTopic };
