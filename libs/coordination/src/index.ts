export type { ClusterState } from './cluster-state.js';
export type {
  CoordinationStore,
  Decision,
  MetadataListener,
} from './coordination-store.js';
export { DataDirError } from './data-dir-error.js';
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
  type IsrMember,
  type IsrProposal,
  type LackingPartition,
  leaveIsrs,
  proposeIsr,
} from './decisions/isr.js';
export { inOrder } from './decisions/partition-changes.js';
export {
  awaitedVersion,
  proceedReassignments,
  type ReassignmentRequest,
  type ReplicaMoves,
  reassignReplicas,
  replicaMoves,
} from './decisions/reassignments.js';
export {
  BrokerIdTakenError,
  type Registrant,
  registerBroker,
  removeBroker,
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
export type {
  BrokerLease,
  LeaseRenewalCounts,
  LeaseRenewer,
  LeaseRenewerOptions,
} from './lease/lease-renewer.js';
export type {
  BrokerRegistration,
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
export { RedisStore, type RedisStoreOptions } from './redis/open-redis-store.js';
export { parseRedisUrl, RedisUrlError } from './redis/redis-url.js';
export type { StoreFault } from './registry/store-fault.js';
