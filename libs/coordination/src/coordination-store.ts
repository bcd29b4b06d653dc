/**
 * What the brokers of a cluster agree on: who they are, which topics there are, who leads what.
 *
 * Reads answer from memory what this broker knows; every change is a compare-and-set that is durable
 * when it resolves, and is told to all listeners, in order, before that. Data paths read it and never
 * wait for it.
 */
import type { TopicConfigOverrides } from '#protocol';
import type {
  BrokerRegistration,
  DeletedTopic,
  MetadataChange,
  TopicMetadata,
} from './metadata.js';

export interface CoordinationStore {
  readonly kind: 'embedded' | 'redis';
  /** The name that its operator gave the cluster. */
  readonly clusterId: string;
  readonly clusterUuid: string;

  /** All members of the cluster, alive or not, by id. */
  brokers(): readonly BrokerRegistration[];
  /** Id of the broker that is the controller now, when that is known. */
  controller(): number | null;
  /**
   * Makes this process the one that its broker id stands for. Every partition that an earlier process
   * of this id led gets a new leader epoch before it is led again: no process leads in an epoch that
   * was granted to another.
   */
  registerBroker(broker: NewBroker): Promise<BrokerRegistration>;

  topics(): Iterable<TopicMetadata>;
  topic(name: string): TopicMetadata | undefined;
  /** @throws ProtocolError TOPIC_ALREADY_EXISTS */
  createTopic(topic: NewTopic): Promise<TopicMetadata>;
  /** @returns the topic as it is now, or undefined when it is not at `expectedVersion` any more */
  alterTopic(change: TopicChange): Promise<TopicMetadata | undefined>;
  /** @returns false when there is no topic of this name with this id */
  deleteTopic(name: string, topicId: string): Promise<boolean>;
  /** Says that all replicas of the topic's new partitions have made their logs. */
  confirmPartitions(name: string, topicId: string): Promise<void>;
  /** The topics deleted last. */
  deletedTopics(): Iterable<DeletedTopic>;

  /** @returns a function that ends the listening */
  onChange(listener: (change: MetadataChange) => void): () => void;
  close(): Promise<void>;
}

export interface NewBroker {
  readonly id: number;
  readonly url: string | null;
  readonly rack: string | null;
}

export interface NewTopic {
  readonly name: string;
  readonly configs: TopicConfigOverrides;
  /** Replicas of each partition, the leader first. */
  readonly assignment: readonly (readonly number[])[];
}

export interface TopicChange {
  readonly name: string;
  readonly topicId: string;
  readonly expectedVersion: number;
  /** All overrides from now on. */
  readonly configs: TopicConfigOverrides;
  /** Replicas of each partition that is added behind the present ones. */
  readonly addedAssignment: readonly (readonly number[])[];
}
