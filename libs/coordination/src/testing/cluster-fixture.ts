import { applyCommit, type ClusterState, EMPTY_CLUSTER } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import type { BrokerRegistration, PartitionMetadata, TopicMetadata } from '../metadata.js';

/** A live broker as after its registration. */
export function brokerOf(id: number, fields: Partial<BrokerRegistration> = {}): BrokerRegistration {
  return {
    id,
    url: `http://broker-${id}:8080`,
    clusterUrl: `http://broker-${id}:8081`,
    rack: null,
    brokerEpoch: id + 1,
    dataDirUuid: `disk-${id}`,
    alive: true,
    ...fields,
  };
}

/** A partition of three replicas, all in sync, led by the first. */
export function partitionOf(fields: Partial<PartitionMetadata> = {}): PartitionMetadata {
  const replicas = fields.replicas ?? [0, 1, 2];
  return {
    replicas,
    leader: replicas[0] ?? null,
    leaderEpoch: 5,
    electionId: 'before',
    isr: replicas,
    partitionEpoch: 10,
    isNew: false,
    ...fields,
  };
}

export function topicOf(
  name: string,
  partitions: readonly PartitionMetadata[],
  configs: TopicMetadata['configs'] = {},
): TopicMetadata {
  return { name, id: `id-of-${name}`, version: 0, configs, partitions };
}

/** A cluster with these brokers and topics, after some commits. */
export function clusterOf(
  brokers: readonly BrokerRegistration[],
  topics: readonly TopicMetadata[] = [],
): ClusterState {
  return {
    ...EMPTY_CLUSTER,
    version: 100,
    changeId: 'change-100',
    brokers: new Map(brokers.map((broker) => [broker.id, broker])),
    topics: new Map(topics.map((topic) => [topic.name, topic])),
  };
}

/** The state after a decision is committed; the same state when it changes nothing. */
export function stateAfter(state: ClusterState, decide: Decision): ClusterState {
  const changes = decide(state);
  if (changes.length === 0) return state;
  const version = state.version + 1;
  const changeId = `change-${version}`;
  return applyCommit(state, { version, changeId, previousChangeId: state.changeId, changes });
}

/** A partition, which must exist. */
export function partitionIn(state: ClusterState, topic: string, number = 0): PartitionMetadata {
  const partition = state.topics.get(topic)?.partitions[number];
  if (partition === undefined) throw new Error(`there is no partition ${topic}-${number}`);
  return partition;
}
