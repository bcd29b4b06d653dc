import type { PeerNetworkStatus } from '#peer-rpc';
import type { StatusSeries } from './status-series.js';

/** Series of the calls between brokers: 0 without other brokers. */
export const PEER_SERIES: readonly StatusSeries<PeerNetworkStatus>[] = [
  {
    name: 'sluice_cluster_calls_served_in_flight',
    type: 'gauge',
    help: 'Calls of other brokers in flight, including waiting ones; the limit is SLUICE_CLUSTER_CALLS_MAX.',
    read: ({ listener }) => listener.callsInFlight,
  },
  {
    name: 'sluice_cluster_calls_memory_used_bytes',
    type: 'gauge',
    help: 'Memory of the messages of calls of other brokers; the limit is SLUICE_CLUSTER_MEMORY_BYTES.',
    read: ({ listener }) => listener.heldBytes,
  },
  {
    name: 'sluice_cluster_calls_failed_total',
    type: 'counter',
    help: 'Calls of other brokers answered with an error, such as that this one does not lead.',
    read: ({ listener }) => listener.callsFailed,
  },
  {
    name: 'sluice_cluster_calls_refused_total',
    type: 'counter',
    help: 'Calls refused because their caller had another secret or cluster, or addressed another broker.',
    read: ({ listener }) => listener.callsRefused,
  },
  {
    name: 'sluice_cluster_calls_made_in_flight',
    type: 'gauge',
    help: 'Calls to other brokers that are not answered yet.',
    read: ({ peers }) => peers.callsInFlight,
  },
  {
    name: 'sluice_cluster_calls_answered_total',
    type: 'counter',
    help: 'Calls that other brokers answered, including those with an error.',
    read: ({ peers }) => peers.callsAnswered,
  },
  {
    name: 'sluice_cluster_calls_unreachable_total',
    type: 'counter',
    help: 'Calls that another broker did not answer.',
    read: ({ peers }) => peers.callsUnreachable,
  },
];
