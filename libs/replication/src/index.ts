export type { ReplicationCluster, ReplicationSettings } from './cluster-replication.js';
export { waitForCommittedEnd } from './committed-end.js';
export { Controller } from './controller.js';
export type { ReplicaEnd } from './leader-state.js';
export { Membership } from './membership.js';
export {
  anyOf,
  choice,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  shapeFault,
  text,
  wholeNumber,
} from './message-shape.js';
export { Partition } from './partition.js';
export type { PartitionTable } from './partition-table.js';
export { checkedPeerHandlers, checkedPeers, PEER_CALLS } from './peer-calls.js';
export {
  type LeadershipFault,
  MalformedPeerMessageError,
  NO_PEERS,
  NotLeaderError,
  type PeerCallOptions,
  type PeerHandler,
  type PeerHandlers,
  type PeerMessage,
  type PeerMethod,
  type Peers,
  PeerUnreachableError,
} from './peers.js';
export { placeReplicas } from './placement.js';
export { ReplicaManager } from './replica-manager.js';
