import type { CoordinationStore } from '#coordination';
import type { Controller, Membership, ReplicaManager } from '#replication';
import type { ClusterStatus } from '../local-broker-options.js';
import type { LeaderCalls } from './leader-calls.js';

/** The parts of a broker that its status in the cluster is made of. */
export interface ClusterStatusParts {
  readonly store: CoordinationStore;
  readonly replicas: ReplicaManager;
  readonly brokerId: number;
  readonly membership: Membership;
  readonly controller: Controller;
  readonly leaders: LeaderCalls;
}

/** The state of the cluster as this broker knows it. Walks all partitions. */
export function clusterStatusOf(parts: ClusterStatusParts): ClusterStatus {
  const { store, replicas: ownReplicas, brokerId, membership, controller, leaders } = parts;
  const { brokers, topics, version } = store.state;
  let led = 0;
  let underReplicated = 0;
  let reassigning = 0;
  let withoutLeader = 0;
  for (const { partitions } of topics.values()) {
    for (const { leader, replicas, isr, reassignment } of partitions) {
      if (leader === null) withoutLeader += 1;
      if (leader !== brokerId) continue;
      led += 1;
      if (isr.length < replicas.length) underReplicated += 1;
      if (reassignment !== undefined) reassigning += 1;
    }
  }
  return {
    isStoreAvailable: store.isAvailable && store.fault === undefined,
    storeFault: store.fault,
    isController: controller.isActive,
    isLeaseValid: membership.isLeaseValid,
    leaseRenewals: membership.leaseRenewals,
    brokerEpoch: membership.brokerEpoch,
    brokers: brokers.size,
    brokersAlive: [...brokers.values()].filter(({ alive }) => alive).length,
    partitionsLed: led,
    partitionsUnderReplicated: underReplicated,
    partitionsReassigning: reassigning,
    partitionsWithoutLeader: withoutLeader,
    metadataVersion: version,
    journaledVersion: store.journaledVersion,
    leaderCallRetriesTotal: leaders.retriesTotal,
    reassignmentBytesTotal: ownReplicas.replication.reassignmentBytesTotal,
  };
}
