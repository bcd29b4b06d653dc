/**
 * Metadata as stored in `coordination.json` and in Redis, in the shapes and names of Kafka's
 * registry, so that people can read it.
 */
import type { TopicConfigOverrides } from '#protocol';
import type {
  BrokerRegistration,
  BrokerSecurity,
  MinInsyncHold,
  PartitionMetadata,
  Reassignment,
  TopicMetadata,
} from './metadata.js';

export interface BrokerDocument {
  readonly id: number;
  readonly url: string | null;
  readonly cluster_url: string | null;
  readonly rack: string | null;
  readonly broker_epoch: number;
  readonly data_dir_uuid: string;
  readonly alive: boolean;
  /** Missing for brokers of versions without levels. */
  readonly feature_level?: number;
  /** Missing for brokers of versions that do not recognise each other. */
  readonly security?: BrokerSecurity;
}

export interface PartitionDocument {
  readonly leader: number | null;
  readonly leader_epoch: number;
  /** Missing in the first files. */
  readonly election_id?: string;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
  readonly partition_epoch: number;
  /** Present and true until the partition's log was created. */
  readonly is_new?: boolean;
  /** Present while the partition moves to other replicas. */
  readonly reassignment?: Reassignment;
}

export function brokerDocument(broker: BrokerRegistration): BrokerDocument {
  return {
    id: broker.id,
    url: broker.url,
    cluster_url: broker.clusterUrl,
    rack: broker.rack,
    broker_epoch: broker.brokerEpoch,
    data_dir_uuid: broker.dataDirUuid,
    alive: broker.alive,
    ...(broker.featureLevel !== undefined && { feature_level: broker.featureLevel }),
    ...(broker.security !== undefined && { security: broker.security }),
  };
}

export function brokerRegistration(document: BrokerDocument): BrokerRegistration {
  return {
    id: document.id,
    url: document.url,
    clusterUrl: document.cluster_url,
    rack: document.rack,
    brokerEpoch: document.broker_epoch,
    dataDirUuid: document.data_dir_uuid,
    alive: document.alive,
    ...(document.feature_level !== undefined && { featureLevel: document.feature_level }),
    ...(document.security !== undefined && { security: document.security }),
  };
}

export function partitionDocument(partition: PartitionMetadata): PartitionDocument {
  return {
    leader: partition.leader,
    leader_epoch: partition.leaderEpoch,
    election_id: partition.electionId,
    isr: partition.isr,
    replicas: partition.replicas,
    partition_epoch: partition.partitionEpoch,
    ...(partition.isNew ? { is_new: true } : {}),
    ...(partition.reassignment === undefined ? {} : { reassignment: partition.reassignment }),
  };
}

export function partitionMetadata(document: PartitionDocument): PartitionMetadata {
  return {
    replicas: document.replicas,
    leader: document.leader,
    leaderEpoch: document.leader_epoch,
    electionId: document.election_id ?? '',
    isr: document.isr,
    partitionEpoch: document.partition_epoch,
    isNew: document.is_new === true,
    ...(document.reassignment === undefined ? {} : { reassignment: document.reassignment }),
  };
}

/** The members of a topic besides its partitions, which each store keeps in its own way. */
export interface TopicFields {
  readonly id: string;
  readonly version: number;
  readonly configs: TopicConfigOverrides;
  /** Present while a lower min.insync.replicas is not in force yet. */
  readonly min_insync_hold?: MinInsyncHold;
  /** Present while the topic has queue groups. */
  readonly queue_groups?: readonly string[];
}

export function topicFields(topic: TopicMetadata): TopicFields {
  const { id, version, configs, minInsyncHold, queueGroups } = topic;
  return {
    id,
    version,
    configs,
    ...(minInsyncHold === undefined ? {} : { min_insync_hold: minInsyncHold }),
    ...(queueGroups === undefined ? {} : { queue_groups: queueGroups }),
  };
}

export function topicMetadata(
  name: string,
  { id, version, configs, min_insync_hold: minInsyncHold, queue_groups: queueGroups }: TopicFields,
  partitions: readonly PartitionMetadata[],
): TopicMetadata {
  return {
    name,
    id,
    version,
    configs,
    partitions,
    ...(minInsyncHold === undefined ? {} : { minInsyncHold }),
    ...(queueGroups === undefined ? {} : { queueGroups }),
  };
}
