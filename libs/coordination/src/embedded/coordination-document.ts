import type { TopicConfigOverrides } from '#protocol';
import type { ClusterState } from '../cluster-state.js';
import type { DurableDocument } from '../durable-json-file.js';
import type {
  BrokerRegistration,
  ControllerMetadata,
  DeletedTopic,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';

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
  readonly brokers?: readonly BrokerRegistration[];
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
  readonly election_id?: string;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
  readonly partition_epoch: number;
  /** Present and true until the partition's log was made. */
  readonly is_new?: boolean;
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
    brokers,
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
    brokers: new Map(document.brokers?.map((broker) => [broker.id, broker])),
    topics,
    deletedTopics: new Map(document.deleted_topics.map((topic) => [topic.id, topic])),
  };
}

function topicDocument({ id, version, configs, partitions }: TopicMetadata): TopicDocument {
  return { id, version, configs, partitions: partitions.map(partitionDocument) };
}

function partitionDocument(partition: PartitionMetadata): PartitionDocument {
  return {
    leader: partition.leader,
    leader_epoch: partition.leaderEpoch,
    election_id: partition.electionId,
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
    electionId: document.election_id ?? '',
    isr: document.isr,
    partitionEpoch: document.partition_epoch,
    isNew: document.is_new === true,
  };
}
