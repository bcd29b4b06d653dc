import type { SocketStatus } from '../socket-status.js';
import type { StatusSeries } from './status-series.js';

/** Series of the WebSockets. */
export const SOCKET_SERIES: readonly StatusSeries<SocketStatus>[] = [
  {
    name: 'sluice_websocket_connections',
    type: 'gauge',
    help: 'Open WebSockets.',
    read: (s) => s.sockets,
  },
  {
    name: 'sluice_websocket_paused_connections',
    type: 'gauge',
    help: 'WebSockets whose reading is paused until there is memory for their answers.',
    read: (s) => s.pausedSockets,
  },
  {
    name: 'sluice_websocket_pending_bytes',
    type: 'gauge',
    help: 'Bytes that WebSocket clients have not received yet.',
    read: (s) => s.pendingBytes,
  },
  {
    name: 'sluice_websocket_opened_total',
    type: 'counter',
    help: 'WebSockets opened.',
    read: (s) => s.openedTotal,
  },
  {
    name: 'sluice_websocket_messages_in_total',
    type: 'counter',
    help: 'Messages received.',
    read: (s) => s.messagesTotal,
  },
  {
    name: 'sluice_websocket_dead_total',
    type: 'counter',
    help: 'WebSockets dropped because they answered no ping.',
    read: (s) => s.deadTotal,
  },
  {
    name: 'sluice_websocket_stalled_total',
    type: 'counter',
    help: 'WebSockets dropped because they received nothing for SLUICE_SOCKET_STALLED_TIMEOUT_MS or, with a member of a group, showed no sign of life for its session time-out.',
    read: (s) => s.stalledTotal,
  },
  {
    name: 'sluice_websocket_refused_total',
    type: 'counter',
    help: 'WebSockets closed with 1013 because SLUICE_REQUEST_MEMORY_BYTES was used up.',
    read: (s) => s.refusedTotal,
  },
  {
    name: 'sluice_websocket_close_timeouts_total',
    type: 'counter',
    help: 'WebSockets cut because the client did not end its side within SLUICE_SOCKET_CLOSE_TIMEOUT_MS.',
    read: (s) => s.closeTimeoutsTotal,
  },
];
