import { getHeapStatistics } from 'node:v8';
import type { BrokerStatus } from '#broker';
import { QUEUE_SERIES } from './queue-series.js';
import type { StatusSeries } from './status-series.js';

/** Series of state that clients make the broker keep in memory, each with its limit. */
export const KEPT_STATE_SERIES: readonly StatusSeries<BrokerStatus>[] = [
  ...QUEUE_SERIES,
  {
    name: 'sluice_heap_limit_bytes',
    type: 'gauge',
    help: "V8's limit of the heap, by SLUICE_HEAP_BYTES or NODE_OPTIONS; the process ends beyond it.",
    read: () => getHeapStatistics().heap_size_limit,
  },
  {
    name: 'kafka_coordinator_group_groupmetadatamanager_numoffsets',
    type: 'gauge',
    help: 'Committed offsets in memory; the limit is SLUICE_OFFSETS_KEPT_MAX.',
    read: (s) => s.committedOffsets,
  },
  {
    name: 'sluice_group_offsets_bytes',
    type: 'gauge',
    help: 'Memory of committed offsets with metadata and group names; the limit is SLUICE_OFFSETS_KEPT_BYTES.',
    read: (s) => s.keptState.offsetBytes,
  },
  {
    name: 'sluice_group_commits_refused_total',
    type: 'counter',
    help: 'Commits refused by SLUICE_OFFSETS_KEPT_MAX or SLUICE_OFFSETS_KEPT_BYTES.',
    read: (s) => s.keptState.offsetCommitsRefusedTotal,
  },
  {
    name: 'kafka_server_groupcoordinatormetrics_offset_expiration_total',
    type: 'counter',
    help: 'Committed offsets removed because their groups committed nothing for SLUICE_OFFSETS_RETENTION_MINUTES.',
    read: (s) => s.offsetsExpiredTotal,
  },
  {
    name: 'kafka_server_groupcoordinatormetrics_group_count',
    type: 'gauge',
    help: 'Groups that this broker coordinates and has in memory; the limit is SLUICE_GROUPS_MAX.',
    read: (s) => s.groups.groups,
  },
  {
    name: 'sluice_group_members',
    type: 'gauge',
    help: 'Members of the groups that this broker coordinates; a group has at most SLUICE_GROUP_MEMBERS_MAX.',
    read: (s) => s.groups.members,
  },
  {
    name: 'sluice_group_state_bytes',
    type: 'gauge',
    help: 'Memory of members, subscriptions and assignments; the limit is SLUICE_GROUP_STATE_BYTES.',
    read: (s) => s.groups.stateBytes,
  },
  {
    name: 'kafka_server_groupcoordinatormetrics_consumer_group_rebalance_total',
    type: 'counter',
    help: 'Changes of members and assignments of groups.',
    read: (s) => s.groups.totals.rebalances,
  },
  {
    name: 'sluice_group_generations_total',
    type: 'counter',
    help: 'Assignments of groups computed, each of which begins a generation.',
    read: (s) => s.groups.totals.generations,
  },
  {
    name: 'kafka_server_groupcoordinatormetrics_offset_commit_total',
    type: 'counter',
    help: 'Offsets committed, those included with which groups begin to read partitions.',
    read: (s) => s.groups.totals.offsetsCommitted,
  },
  {
    name: 'sluice_group_sessions_over_total',
    type: 'counter',
    help: 'Members removed because their session was over.',
    read: (s) => s.groups.totals.sessionsOver,
  },
  {
    name: 'sluice_group_polls_waiting',
    type: 'gauge',
    help: 'Polls of members that wait for records now; the limit is SLUICE_LONG_POLLS_MAX.',
    read: (s) => s.groups.pollsWaiting,
  },
  {
    name: 'sluice_group_polls_refused_total',
    type: 'counter',
    help: 'Polls of members refused by SLUICE_LONG_POLLS_MAX.',
    read: (s) => s.groups.pollsRefusedTotal,
  },
  {
    name: 'sluice_queue_records_deleted_total',
    type: 'counter',
    help: 'Offsets deleted by sluice.delete.on.ack: all queue groups were done with them.',
    read: (s) => s.groups.acknowledgedDeletedTotal,
  },
  {
    name: 'sluice_producer_state_producers',
    type: 'gauge',
    help: 'Idempotent producers in memory, counted once per partition.',
    read: (s) => s.keptState.producers.producers,
  },
  {
    name: 'sluice_producer_state_bytes',
    type: 'gauge',
    help: 'Memory of idempotent producers; the limit is SLUICE_PRODUCER_STATE_BYTES.',
    read: (s) => s.keptState.producers.usedBytes,
  },
  {
    name: 'sluice_producer_state_refused_total',
    type: 'counter',
    help: 'Batches of new producers refused by SLUICE_PRODUCER_STATE_BYTES or SLUICE_PRODUCER_STATE_PARTITION_BYTES.',
    read: (s) => s.keptState.producers.refusedTotal,
  },
  {
    name: 'sluice_producer_state_evicted_total',
    type: 'counter',
    help: 'Producers removed before SLUICE_PRODUCER_ID_EXPIRATION_MS to free memory.',
    read: (s) => s.keptState.producers.evictedTotal,
  },
];
