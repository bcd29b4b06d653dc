export type { ClusterState } from './cluster-state.js';
export type {
  CoordinationStore,
  Decision,
  MetadataListener,
} from './coordination-store.js';
export { assertOwnDataDir } from './data-dir-identity.js';
export { asController, electController } from './decisions/controller.js';
export {
  type BrokerProcess,
  brokerDied,
  controlledShutdown,
  electLeaders,
  electPreferredLeaders,
  electUncleanly,
  type UncleanElection,
} from './decisions/elections.js';
export {
  type IncompletePartition,
  type IsrMember,
  type IsrProposal,
  leaveIsrs,
  proposeIsr,
} from './decisions/isr.js';
export { decideInSequence } from './decisions/partition-changes.js';
export {
  type CoordinatorTerm,
  listQueueGroup,
  unlistQueueGroup,
} from './decisions/queue-groups.js';
export {
  advanceReassignments,
  type ReassignmentRequest,
  type ReplicaMoves,
  reassignReplicas,
  replicaMoves,
  versionToBeJournaled,
} from './decisions/reassignments.js';
export {
  BrokerIdTakenError,
  ForeignBrokerError,
  type Registrant,
  registerBroker,
} from './decisions/registration.js';
export {
  alterTopic,
  confirmPartitions,
  createTopic,
  deleteTopic,
  type NewTopic,
  releaseMinInsyncHolds,
  type TopicChange,
} from './decisions/topics.js';
export { EmbeddedStore } from './embedded/embedded-store.js';
export { brokerWithout, FEATURE_LEVEL } from './feature-level.js';
export type {
  BrokerLease,
  LeaseRenewalCounts,
  LeaseRenewer,
  LeaseRenewerOptions,
} from './lease/lease-renewer.js';
export type {
  BrokerRegistration,
  BrokerSecurity,
  ControllerMetadata,
  DeletedTopic,
  MetadataChange,
  PartitionChange,
  PartitionMetadata,
  TopicMetadata,
} from './metadata.js';
export {
  leastReplicationFactor,
  minInsyncReplicas,
  topicReplicationFactor,
} from './min-insync-replicas.js';
export { ProducerIds } from './producer-ids.js';
export { RedisSecurity, type RedisSecurityOptions } from './redis/open-cluster-security.js';
export { RedisStore, type RedisStoreOptions } from './redis/open-redis-store.js';
export { parseRedisUrl, RedisUrlError } from './redis/redis-url.js';
export type { StoreFault } from './registry/store-fault.js';
export type { ClusterSecurity } from './security/cluster-security.js';
export type { CommitAnswer, CommitPeers } from './security/commit-exchange.js';
export type {
  RevocationAnswer,
  RevocationMessage,
  RevocationPeers,
} from './security/revocation-exchange.js';
