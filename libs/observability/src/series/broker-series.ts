import type { BrokerStatus } from '#broker';
import type { StatusSeries } from './status-series.js';

/** Series of the broker: partitions, buffer memory, fetches, and calls of the cluster. */
export const BROKER_SERIES: readonly StatusSeries<BrokerStatus>[] = [
  {
    name: 'kafka_controller_kafkacontroller_globaltopiccount',
    type: 'gauge',
    help: 'Topics.',
    read: (s) => s.topics,
  },
  {
    name: 'kafka_server_replicamanager_partitioncount',
    type: 'gauge',
    help: 'Partitions.',
    read: (s) => s.partitions.length,
  },
  {
    name: 'kafka_server_replicamanager_offlinereplicacount',
    type: 'gauge',
    help: 'Partitions that cannot be served.',
    read: (s) => s.partitions.filter((p) => p.offline !== undefined).length,
  },
  {
    name: 'kafka_producer_producermetrics_buffer_total_bytes',
    type: 'gauge',
    help: 'Memory for records that wait to be written.',
    read: (s) => s.bufferTotalBytes,
  },
  {
    name: 'kafka_producer_producermetrics_buffer_available_bytes',
    type: 'gauge',
    help: 'Free memory of the buffer for records that wait to be written.',
    read: (s) => s.bufferAvailableBytes,
  },
  {
    name: 'kafka_producer_producermetrics_waiting_threads',
    type: 'gauge',
    help: 'Produce requests that wait for buffer memory.',
    read: (s) => s.bufferWaiters,
  },
  {
    name: 'kafka_server_delayedoperationpurgatory_fetch_purgatorysize',
    type: 'gauge',
    help: 'Fetches that wait for records.',
    read: (s) => s.delayedFetches,
  },
  {
    name: 'sluice_fetch_disk_reads',
    type: 'gauge',
    help: 'Reads of records from disk in progress; the limit is SLUICE_DISK_READS_MAX.',
    read: (s) => s.diskReads,
  },
  {
    name: 'sluice_fetch_disk_reads_waiting',
    type: 'gauge',
    help: 'Fetches that wait for their turn to read from disk.',
    read: (s) => s.diskReadsWaiting,
  },
  {
    name: 'sluice_cluster_leader_call_retries_total',
    type: 'counter',
    help: 'Calls to leaders that were retried, because the leadership moved or the leader did not answer.',
    read: (s) => s.cluster?.leaderCallRetriesTotal ?? 0,
  },
  {
    name: 'sluice_cluster_lease_renewals_total',
    type: 'counter',
    help: "Renewals of this broker's lease that were sent to Redis.",
    read: (s) => s.cluster?.leaseRenewals.sent ?? 0,
  },
  {
    name: 'sluice_cluster_lease_renewals_failed_total',
    type: 'counter',
    help: "Renewals of this broker's lease that Redis refused or did not answer in time.",
    read: (s) => s.cluster?.leaseRenewals.failed ?? 0,
  },
  {
    name: 'sluice_cluster_lease_renewals_withheld_total',
    type: 'counter',
    help: 'Renewals that were not sent because the event loop was silent for longer than SLUICE_LOOP_SILENCE_MAX_MS.',
    read: (s) => s.cluster?.leaseRenewals.withheld ?? 0,
  },
  {
    name: 'kafka_server_brokertopicmetrics_reassignmentbytesin_total',
    type: 'counter',
    help: 'Bytes of batches fetched for replicas that a reassignment adds.',
    read: (s) => s.cluster?.reassignmentBytesTotal ?? 0,
  },
  {
    name: 'kafka_producer_producermetrics_buffer_exhausted_total',
    type: 'counter',
    help: 'Produce requests refused with BUFFER_EXHAUSTED.',
    read: (s) => s.bufferExhaustedTotal,
  },
  {
    name: 'sluice_fetch_waits_refused_total',
    type: 'counter',
    help: 'Fetches refused because too many waited.',
    read: (s) => s.delayedFetchesRefusedTotal,
  },
];
