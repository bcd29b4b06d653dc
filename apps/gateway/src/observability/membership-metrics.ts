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
    name: 'sluice_socket_member_heartbeats_failed_total',
    type: 'counter',
    help: 'Heartbeats of members on WebSockets that no coordinator answered; each is repeated.',
    read: (s) => s.heartbeatsFailedTotal,
  },
];
