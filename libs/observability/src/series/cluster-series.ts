import type { ClusterStatus } from '#broker';

/** A gauge of the cluster in /metrics: 0 without a cluster. */
export interface ClusterGauge {
  readonly name: string;
  readonly help: string;
  readonly read: (status: ClusterStatus) => number;
}

export const CLUSTER_GAUGES: readonly ClusterGauge[] = [
  {
    name: 'kafka_controller_kafkacontroller_activecontrollercount',
    help: '1 while this broker is the controller.',
    read: (s) => Number(s.isController),
  },
  {
    name: 'kafka_controller_kafkacontroller_activebrokercount',
    help: 'Brokers that are alive, as this one knows.',
    read: (s) => s.brokersAlive,
  },
  {
    name: 'kafka_controller_kafkacontroller_fencedbrokercount',
    help: 'Members of the cluster that are not alive.',
    read: (s) => s.brokers - s.brokersAlive,
  },
  {
    name: 'kafka_controller_kafkacontroller_offlinepartitionscount',
    help: 'Partitions of the cluster without a leader.',
    read: (s) => s.partitionsWithoutLeader,
  },
  {
    name: 'kafka_server_replicamanager_leadercount',
    help: 'Partitions that this broker leads.',
    read: (s) => s.partitionsLed,
  },
  {
    name: 'kafka_server_replicamanager_underreplicatedpartitions',
    help: 'Partitions led here that have replicas out of sync.',
    read: (s) => s.partitionsUnderReplicated,
  },
  {
    name: 'kafka_server_replicamanager_reassigningpartitions',
    help: 'Partitions led here that move to other replicas.',
    read: (s) => s.partitionsReassigning,
  },
  {
    name: 'sluice_cluster_redis_available',
    help: '1 while Redis is available; without it records flow, and nothing else can be changed.',
    read: (s) => Number(s.isStoreAvailable),
  },
  {
    name: 'sluice_cluster_lease_valid',
    help: '1 while no broker can have declared this one dead.',
    read: (s) => Number(s.isLeaseValid),
  },
  {
    name: 'sluice_cluster_metadata_version',
    help: 'Version of the metadata that this broker has applied: the same on all brokers at rest.',
    read: (s) => s.metadataVersion,
  },
  {
    name: 'sluice_cluster_metadata_journaled_version',
    help: "Version of the metadata on this broker's own disk.",
    read: (s) => s.journaledVersion,
  },
];
