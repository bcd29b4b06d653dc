import type { OutboundStatus } from '../delivery/outbound-memory.js';
import type { StatusSeries } from './status-series.js';

export interface HttpStatus {
  readonly connections: number;
  readonly connectionsDropped: number;
  readonly connectionsRefused: number;
  readonly connectionsSilent: number;
  readonly lateHeads: number;
  readonly requestsInFlight: number;
  readonly requestMemoryUsedBytes: number;
  readonly requestMemoryLimitBytes: number;
  readonly longPolls: number;
  /** What clients were sent and have not taken. */
  readonly outbound: OutboundStatus;
  readonly renderCacheBytes: number;
  readonly renderCacheHits: number;
  readonly renderCacheMisses: number;
}

export const HTTP_SERIES: readonly StatusSeries<HttpStatus>[] = [
  {
    name: 'kafka_server_socketservermetrics_connection_count',
    type: 'gauge',
    help: 'Open connections.',
    read: (s) => s.connections,
  },
  {
    name: 'sluice_http_connections_dropped_total',
    type: 'counter',
    help: 'Connections without a request that were closed for a new one, at SLUICE_CONNECTIONS_MAX.',
    read: (s) => s.connectionsDropped,
  },
  {
    name: 'sluice_http_connections_refused_total',
    type: 'counter',
    help: 'Connections refused because all SLUICE_CONNECTIONS_MAX others had a request.',
    read: (s) => s.connectionsRefused,
  },
  {
    name: 'sluice_http_connections_silent_total',
    type: 'counter',
    help: 'Connections closed because nothing came within SLUICE_FIRST_BYTE_TIMEOUT_MS.',
    read: (s) => s.connectionsSilent,
  },
  {
    name: 'sluice_http_heads_late_total',
    type: 'counter',
    help: 'Requests whose head did not come within SLUICE_HEAD_TIMEOUT_MS.',
    read: (s) => s.lateHeads,
  },
  {
    name: 'sluice_http_requests_in_flight',
    type: 'gauge',
    help: 'Requests not answered yet.',
    read: (s) => s.requestsInFlight,
  },
  {
    name: 'sluice_http_request_memory_used_bytes',
    type: 'gauge',
    help: 'Memory of bodies being read.',
    read: (s) => s.requestMemoryUsedBytes,
  },
  {
    name: 'sluice_http_request_memory_limit_bytes',
    type: 'gauge',
    help: 'Its limit, SLUICE_REQUEST_MEMORY_BYTES.',
    read: (s) => s.requestMemoryLimitBytes,
  },
  {
    name: 'sluice_http_long_polls',
    type: 'gauge',
    help: 'Requests that wait for records.',
    read: (s) => s.longPolls,
  },
  {
    name: 'sluice_outbound_memory_used_bytes',
    type: 'gauge',
    help: 'Bytes that clients were sent and have not taken; the limit is SLUICE_OUTBOUND_MEMORY_BYTES.',
    read: (s) => s.outbound.heldBytes,
  },
  {
    name: 'sluice_outbound_waiting',
    type: 'gauge',
    help: 'Connections that are sent nothing until other clients have taken what they were sent.',
    read: (s) => s.outbound.waiting,
  },
  {
    name: 'sluice_outbound_refused_total',
    type: 'counter',
    help: 'Answers refused because SLUICE_OUTBOUND_MEMORY_BYTES was used up.',
    read: (s) => s.outbound.refusedTotal,
  },
  {
    name: 'sluice_outbound_stalled_total',
    type: 'counter',
    help: 'Connections cut because SLUICE_OUTBOUND_MEMORY_BYTES was used up and their clients took nothing for SLUICE_OUTBOUND_STALLED_MS.',
    read: (s) => s.outbound.droppedTotal,
  },
  {
    name: 'sluice_http_render_cache_bytes',
    type: 'gauge',
    help: 'Memory of record batches kept as JSON.',
    read: (s) => s.renderCacheBytes,
  },
  {
    name: 'sluice_http_render_cache_hits_total',
    type: 'counter',
    help: 'Record batches of fetch answers whose JSON was there already.',
    read: (s) => s.renderCacheHits,
  },
  {
    name: 'sluice_http_render_cache_misses_total',
    type: 'counter',
    help: 'Record batches of fetch answers that had to be written as JSON.',
    read: (s) => s.renderCacheMisses,
  },
];
