import type { MembershipStatus } from '#delivery';
import type { StatusSeries } from './status-series.js';

/** Series of the members of consumer groups whose connections this broker has. */
export const MEMBERSHIP_SERIES: readonly StatusSeries<MembershipStatus>[] = [
  {
    name: 'sluice_socket_members',
    type: 'gauge',
    help: 'Members of consumer groups on WebSockets of this broker.',
    read: (s) => s.members,
  },
  {
    name: 'sluice_socket_members_rejoined_total',
    type: 'counter',
    help: 'Members on open WebSockets whose session was over, so that they joined their group again.',
    read: (s) => s.rejoinsTotal,
  },
  {
    name: 'sluice_socket_members_fenced_total',
    type: 'counter',
    help: 'Members on open WebSockets that ended because another process took over their instanceId.',
    read: (s) => s.fencedTotal,
  },
  {
    name: 'sluice_socket_members_silent_total',
    type: 'counter',
    help: 'Members on WebSockets that left because their client showed no sign of life for their session time-out.',
    read: (s) => s.silentTotal,
  },
  {
    name: 'sluice_socket_members_overdue_total',
    type: 'counter',
    help: 'Members on WebSockets that left because their client did nothing for maxPollIntervalMs.',
    read: (s) => s.overdueTotal,
  },
  {
    name: 'sluice_socket_member_heartbeats_failed_total',
    type: 'counter',
    help: 'Heartbeats of members on WebSockets that no coordinator answered; each is repeated.',
    read: (s) => s.heartbeatsFailedTotal,
  },
  {
    name: 'sluice_socket_queue_records',
    type: 'gauge',
    help: 'Records of queues that members on WebSockets have under lock and have not acknowledged.',
    read: (s) => s.queueRecords,
  },
];
