/** A whole state as JSON, in the shapes and with the names of Kafka's registry. */
import type { ClusterState } from './cluster-state.js';
import type { ControllerMetadata, DeletedTopic, TopicMetadata } from './metadata.js';
import {
  type BrokerDocument,
  brokerDocument,
  brokerRegistration,
  type PartitionDocument,
  partitionDocument,
  partitionMetadata,
  type TopicFields,
  topicFields,
  topicMetadata,
} from './registry-documents.js';

/**
 * Content of a state document. Optional members are missing in the first files of
 * `coordination.json`.
 */
export interface StateDocument {
  readonly metadata_version: number;
  readonly change_id?: string;
  readonly controller?: ControllerMetadata | null;
  readonly brokers?: readonly BrokerDocument[];
  readonly topics: Readonly<Record<string, TopicDocument>>;
  readonly deleted_topics: readonly DeletedTopic[];
}

interface TopicDocument extends TopicFields {
  readonly partitions: readonly PartitionDocument[];
}

export function stateDocument(state: ClusterState): StateDocument {
  const topics = Array.from(state.topics.values(), (topic) => [topic.name, topicDocument(topic)]);
  return {
    metadata_version: state.version,
    change_id: state.changeId,
    controller: state.controller,
    brokers: Array.from(state.brokers.values(), brokerDocument),
    topics: Object.fromEntries(topics) as Record<string, TopicDocument>,
    deleted_topics: [...state.deletedTopics.values()],
  };
}

export function stateOf(document: StateDocument): ClusterState {
  const topics = new Map<string, TopicMetadata>();
  for (const [name, topic] of Object.entries(document.topics)) {
    topics.set(name, topicMetadata(name, topic, topic.partitions.map(partitionMetadata)));
  }
  return {
    version: document.metadata_version,
    changeId: document.change_id ?? '',
    controller: document.controller ?? null,
    brokers: new Map(document.brokers?.map((broker) => [broker.id, brokerRegistration(broker)])),
    topics,
    deletedTopics: new Map(document.deleted_topics.map((topic) => [topic.id, topic])),
  };
}

function topicDocument(topic: TopicMetadata): TopicDocument {
  return { ...topicFields(topic), partitions: topic.partitions.map(partitionDocument) };
}
