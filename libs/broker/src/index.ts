export { DEAD_LETTER_TOPIC_CONFIG, TopicPattern } from '#groups';
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
  RequestProducer,
  TopicChanged,
  TopicDescription,
  TopicLimits,
} from './broker.js';
export type { GroupLags } from './groups/group-lags.js';
export type {
  GroupMembers,
  MemberCommit,
  MemberHeartbeat,
  MemberJoin,
  MemberOffset,
  MemberView,
} from './groups/group-members.js';
export type {
  GroupConfigsDescription,
  GroupDescription,
  GroupList,
  GroupListEntry,
  GroupListRequest,
  GroupMemberDescription,
  GroupPartitionDescription,
  Groups,
  JoinRequest,
  MemberHeartbeatState,
  MemberPollRequest,
  MemberRecords,
  MemberState,
  OffsetMove,
  OffsetResetRequest,
  OffsetResetTarget,
  PartitionRead,
  PositionReset,
  QueueAck,
  QueueAckResult,
  QueueRead,
  QueueRecords,
  TopicChoice,
} from './groups/groups.js';
export type { QueueDelivering, QueueReceiver } from './groups/queue-receiver.js';
export type {
  InFlightRecord,
  InFlightRequest,
  OffsetRange,
  PartitionEnd,
  PurgeRequest,
  Queues,
  RedriveRequest,
  RedriveResult,
  WaitingDeadLetters,
} from './groups/queues.js';
export type {
  BrokerStatus,
  ClusterStatus,
  LocalBrokerPorts,
  LocalBrokerSettings,
  OpenBroker,
  PartitionStatus,
} from './local-broker-options.js';
export {
  type ClusterBrokerPorts,
  type ClusterBrokerSettings,
  type ClusterNetwork,
  openClusterBroker,
  type SecurityPeers,
} from './open-cluster-broker.js';
export { openLocalBroker } from './open-local-broker.js';
export type { Requester } from './requester.js';
export { deliverAtFault, timestampFault, timestampRange } from './timestamp-range.js';
