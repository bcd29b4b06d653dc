export { Partition } from './partition.js';
export { placeReplicas } from './placement.js';
export { ReplicaManager } from './replica-manager.js';
