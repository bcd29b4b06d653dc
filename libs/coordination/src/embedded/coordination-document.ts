import type { TopicConfigOverrides } from '#protocol';
import type { ClusterState } from '../cluster-state.js';
import type { DurableDocument } from '../durable-json-file.js';
import type { ControllerMetadata, DeletedTopic, TopicMetadata } from '../metadata.js';
import {
  type BrokerDocument,
  brokerDocument,
  brokerRegistration,
  type PartitionDocument,
  partitionDocument,
  partitionMetadata,
} from '../registry-documents.js';

/**
 * What `coordination.json` keeps, version 1; the shapes and names are those of Kafka's registry.
 * Optional members are those that the first files of this version did not have.
 */
export interface CoordinationDocument extends DurableDocument {
  readonly format_version: 1;
  readonly metadata_version: number;
  readonly change_id?: string;
  /** The highest that was given out. */
  readonly broker_epoch: number;
  readonly controller?: ControllerMetadata | null;
  readonly brokers?: readonly BrokerDocument[];
  readonly topics: Readonly<Record<string, TopicDocument>>;
  readonly deleted_topics: readonly DeletedTopic[];
}

interface TopicDocument {
  readonly id: string;
  readonly version: number;
  readonly configs: TopicConfigOverrides;
  readonly partitions: readonly PartitionDocument[];
}

/**
 * Their logs are gone before a delete is answered; the newest are kept for the start after a crash in
 * between.
 */
const DELETED_TOPICS_KEPT = 1000;

export function coordinationDocument(state: ClusterState): CoordinationDocument {
  const brokers = [...state.brokers.values()];
  const topics = Array.from(state.topics.values(), (topic) => [topic.name, topicDocument(topic)]);
  return {
    format_version: 1,
    metadata_version: state.version,
    change_id: state.changeId,
    broker_epoch: Math.max(0, ...brokers.map((broker) => broker.brokerEpoch)),
    controller: state.controller,
    brokers: brokers.map(brokerDocument),
    topics: Object.fromEntries(topics) as Record<string, TopicDocument>,
    deleted_topics: [...state.deletedTopics.values()].slice(-DELETED_TOPICS_KEPT),
  };
}

export function stateOf(document: CoordinationDocument): ClusterState {
  const topics = new Map<string, TopicMetadata>();
  for (const [name, topic] of Object.entries(document.topics)) {
    const { id, version, configs, partitions } = topic;
    topics.set(name, { name, id, version, configs, partitions: partitions.map(partitionMetadata) });
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

function topicDocument({ id, version, configs, partitions }: TopicMetadata): TopicDocument {
  return { id, version, configs, partitions: partitions.map(partitionDocument) };
}
