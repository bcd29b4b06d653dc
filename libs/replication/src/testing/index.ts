export { type LedPartition, ledPartition } from './led-partition.js';
export { ReplicaCluster } from './replica-cluster.js';
