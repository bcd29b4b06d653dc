import type { BrokerStatus } from '#broker';
import type { StatusSeries } from './status-series.js';

/** Series of queue groups that this broker coordinates, and of the delayed records at it. */
export const QUEUE_SERIES: readonly StatusSeries<BrokerStatus>[] = [
  {
    name: 'sluice_queue_groups_remembered',
    type: 'gauge',
    help: 'Groups that this broker remembers to be in queue mode; the limit is SLUICE_QUEUE_GROUPS_MAX.',
    read: (s) => s.groups.queueGroupsRemembered,
  },
  {
    name: 'kafka_server_sharepartitionmetrics_inflightmessagecount',
    type: 'gauge',
    help: 'Records of queues that members have under lock; share.partition.max.record.locks bounds them per partition.',
    read: (s) => s.queues.acquired,
  },
  {
    name: 'sluice_queue_records_waiting',
    type: 'gauge',
    help: 'Records in the windows of queues that no member has: available, or waiting for a retry or a dead letter.',
    read: (s) => s.queues.waiting,
  },
  {
    name: 'sluice_queue_delayed_pending',
    type: 'gauge',
    help: 'Delayed records that queues have come to and whose time of delivery lies ahead.',
    read: (s) => s.queues.pending,
  },
  {
    name: 'sluice_queue_acquired_total',
    type: 'counter',
    help: 'Locks of records that members of queues acquired: deliveries.',
    read: (s) => s.queues.acquiredTotal,
  },
  {
    name: 'sluice_queue_redelivered_total',
    type: 'counter',
    help: 'Deliveries of records that were delivered before.',
    read: (s) => s.queues.redeliveredTotal,
  },
  {
    name: 'kafka_server_sharepartitionmetrics_acquisitionlocktimeout_total',
    type: 'counter',
    help: 'Locks of records that ended before an acknowledgement.',
    read: (s) => s.queues.locksExpiredTotal,
  },
  {
    name: 'kafka_server_sharegroupmetrics_recordacknowledgements_accept_total',
    type: 'counter',
    help: 'Records that members of queues acknowledged.',
    read: (s) => s.queues.acknowledgedTotal,
  },
  {
    name: 'kafka_server_sharegroupmetrics_recordacknowledgements_release_total',
    type: 'counter',
    help: 'Records that went back to their queues: by nack, by the end of a lock, or with their member.',
    read: (s) => s.queues.releasedTotal,
  },
  {
    name: 'kafka_server_sharegroupmetrics_recordacknowledgements_reject_total',
    type: 'counter',
    help: 'Records that were rejected or delivered share.delivery.count.limit times, and go to dead letters.',
    read: (s) => s.queues.rejectedTotal,
  },
  {
    name: 'sluice_queue_dead_letters_total',
    type: 'counter',
    help: 'Records that were written to dead-letter topics.',
    read: (s) => s.queues.deadLettersTotal,
  },
  {
    name: 'sluice_delayed_indexes',
    type: 'gauge',
    help: 'Open indexes of delayed records; the limit is SLUICE_DELAYED_INDEXES_MAX.',
    read: (s) => s.delayedRecords.indexes,
  },
  {
    name: 'sluice_delayed_records',
    type: 'gauge',
    help: 'Delayed records in open indexes, in memory and in files, with those that were due and are still in the log.',
    read: (s) => s.delayedRecords.records,
  },
  {
    name: 'sluice_delayed_index_bytes',
    type: 'gauge',
    help: 'Memory of open indexes of delayed records; SLUICE_DELAYED_TAIL_RECORDS_MAX bounds each.',
    read: (s) => s.delayedRecords.memoryBytes,
  },
  {
    name: 'sluice_delayed_index_rebuilds_total',
    type: 'counter',
    help: 'Logs that were read from their oldest pending record on, because there was no index of delayed records.',
    read: (s) => s.delayedRecords.rebuildsTotal,
  },
  {
    name: 'sluice_delayed_index_evicted_total',
    type: 'counter',
    help: 'Indexes of delayed records that SLUICE_DELAYED_INDEXES_MAX closed.',
    read: (s) => s.delayedRecords.evictedTotal,
  },
];
