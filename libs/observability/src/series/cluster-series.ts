import type { ClusterStatus } from '#broker';
import type { StatusSeries } from './status-series.js';

/** Series of the cluster: 0 without one. */
export const CLUSTER_SERIES: readonly StatusSeries<ClusterStatus>[] = [
  {
    name: 'kafka_controller_kafkacontroller_activecontrollercount',
    type: 'gauge',
    help: '1 while this broker is the controller.',
    read: (s) => Number(s.isController),
  },
  {
    name: 'kafka_controller_kafkacontroller_activebrokercount',
    type: 'gauge',
    help: 'Brokers that are alive, as this one knows.',
    read: (s) => s.brokersAlive,
  },
  {
    name: 'kafka_controller_kafkacontroller_fencedbrokercount',
    type: 'gauge',
    help: 'Members of the cluster that are not alive.',
    read: (s) => s.brokers - s.brokersAlive,
  },
  {
    name: 'kafka_controller_kafkacontroller_offlinepartitionscount',
    type: 'gauge',
    help: 'Partitions of the cluster without a leader.',
    read: (s) => s.partitionsWithoutLeader,
  },
  {
    name: 'kafka_server_replicamanager_leadercount',
    type: 'gauge',
    help: 'Partitions that this broker leads.',
    read: (s) => s.partitionsLed,
  },
  {
    name: 'kafka_server_replicamanager_underreplicatedpartitions',
    type: 'gauge',
    help: 'Partitions led here that have replicas out of sync.',
    read: (s) => s.partitionsUnderReplicated,
  },
  {
    name: 'kafka_server_replicamanager_reassigningpartitions',
    type: 'gauge',
    help: 'Partitions led here that move to other replicas.',
    read: (s) => s.partitionsReassigning,
  },
  {
    name: 'sluice_cluster_redis_available',
    type: 'gauge',
    help: '1 while Redis is available; without it records flow, and nothing else can be changed.',
    read: (s) => Number(s.isStoreAvailable),
  },
  {
    name: 'sluice_cluster_lease_valid',
    type: 'gauge',
    help: '1 while no broker can have declared this one dead.',
    read: (s) => Number(s.isLeaseValid),
  },
  {
    name: 'sluice_cluster_metadata_version',
    type: 'gauge',
    help: 'Version of the metadata that this broker has applied: the same on all brokers at rest.',
    read: (s) => s.metadataVersion,
  },
  {
    name: 'sluice_cluster_metadata_journaled_version',
    type: 'gauge',
    help: "Version of the metadata on this broker's own disk.",
    read: (s) => s.journaledVersion,
  },
];
