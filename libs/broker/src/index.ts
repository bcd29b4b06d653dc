export type {
  Acks,
  AlterTopicRequest,
  Broker,
  BrokerDescription,
  ClusterDescription,
  CommittedOffset,
  CreateTopicRequest,
  ElectLeaderRequest,
  FetchRequest,
  FetchResult,
  ListedOffset,
  OffsetSpec,
  OffsetToCommit,
  PartitionDescription,
  PartitionReplicasDescription,
  ProducePart,
  ProduceRequest,
  ProduceResult,
  ProducerIdentity,
  ReplicaProgress,
  TopicChanged,
  TopicDescription,
  TopicLimits,
} from './broker.js';
export {
  type ClusterBrokerPorts,
  type ClusterBrokerSettings,
  type ClusterNetwork,
  openClusterBroker,
} from './cluster/open-cluster-broker.js';
export type {
  BrokerStatus,
  ClusterStatus,
  LocalBrokerPorts,
  LocalBrokerSettings,
  OpenBroker,
  PartitionStatus,
} from './local-broker-options.js';
export { openLocalBroker } from './open-local-broker.js';
export { deliverAtFault, timestampFault, timestampRange } from './timestamp-range.js';
