import type { TopicConfigOverrides } from '#protocol';
import type { DurableDocument } from '../durable-json-file.js';
import type { DeletedTopic, PartitionMetadata, TopicMetadata } from '../metadata.js';

/** What `coordination.json` keeps, version 1; the shapes and names are those of Kafka's registry. */
export interface CoordinationDocument extends DurableDocument {
  readonly format_version: 1;
  readonly metadata_version: number;
  readonly broker_epoch: number;
  readonly topics: Readonly<Record<string, TopicDocument>>;
  readonly deleted_topics: readonly DeletedTopic[];
}

interface TopicDocument {
  readonly id: string;
  readonly version: number;
  readonly configs: TopicConfigOverrides;
  readonly partitions: readonly PartitionDocument[];
}

interface PartitionDocument {
  readonly leader: number | null;
  readonly leader_epoch: number;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
  readonly partition_epoch: number;
  /** Present and true until the partition's log was made. */
  readonly is_new?: boolean;
}

/** The same in memory. Immutable: a change makes a new one. */
export interface CoordinationState {
  /** Rises with every change. */
  readonly metadataVersion: number;
  /** Epoch of the broker's last registration. */
  readonly brokerEpoch: number;
  readonly topics: ReadonlyMap<string, TopicMetadata>;
  /** Oldest first. */
  readonly deletedTopics: readonly DeletedTopic[];
}

export const EMPTY_STATE: CoordinationState = {
  metadataVersion: 0,
  brokerEpoch: 0,
  topics: new Map(),
  deletedTopics: [],
};

export function coordinationDocument(state: CoordinationState): CoordinationDocument {
  const topics = [...state.topics.values()].map((topic) => [
    topic.name,
    {
      id: topic.id,
      version: topic.version,
      configs: topic.configs,
      partitions: topic.partitions.map(partitionDocument),
    } satisfies TopicDocument,
  ]);
  return {
    format_version: 1,
    metadata_version: state.metadataVersion,
    broker_epoch: state.brokerEpoch,
    topics: Object.fromEntries(topics) as Record<string, TopicDocument>,
    deleted_topics: state.deletedTopics,
  };
}

export function stateOf(document: CoordinationDocument): CoordinationState {
  const topics = new Map<string, TopicMetadata>();
  for (const [name, topic] of Object.entries(document.topics)) {
    topics.set(name, {
      name,
      id: topic.id,
      version: topic.version,
      configs: topic.configs,
      partitions: topic.partitions.map(partitionMetadata),
    });
  }
  return {
    metadataVersion: document.metadata_version,
    brokerEpoch: document.broker_epoch,
    topics,
    deletedTopics: document.deleted_topics,
  };
}

function partitionDocument(partition: PartitionMetadata): PartitionDocument {
  return {
    leader: partition.leader,
    leader_epoch: partition.leaderEpoch,
    isr: partition.isr,
    replicas: partition.replicas,
    partition_epoch: partition.partitionEpoch,
    ...(partition.isNew ? { is_new: true } : {}),
  };
}

function partitionMetadata(document: PartitionDocument): PartitionMetadata {
  return {
    replicas: document.replicas,
    leader: document.leader,
    leaderEpoch: document.leader_epoch,
    isr: document.isr,
    partitionEpoch: document.partition_epoch,
    isNew: document.is_new === true,
  };
}
