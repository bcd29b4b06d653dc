/**
 * Metadata as it stands in `coordination.json` and in Redis: the shapes and names of Kafka's registry,
 * to be read by people, too.
 */
import type { BrokerRegistration, PartitionMetadata } from './metadata.js';

export interface BrokerDocument {
  readonly id: number;
  readonly url: string | null;
  readonly cluster_url: string | null;
  readonly rack: string | null;
  readonly broker_epoch: number;
  readonly data_dir_uuid: string;
  readonly alive: boolean;
}

export interface PartitionDocument {
  readonly leader: number | null;
  readonly leader_epoch: number;
  /** Missing in the first files. */
  readonly election_id?: string;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
  readonly partition_epoch: number;
  /** Present and true until the partition's log was made. */
  readonly is_new?: boolean;
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
  };
}
