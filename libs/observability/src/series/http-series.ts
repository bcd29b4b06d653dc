import type { OutboundStatus } from '#delivery';
import type { FrontEvent } from '#http-front';
import type { StatusSeries } from './status-series.js';

export interface HttpStatus {
  readonly connections: number;
  readonly unidentifiedConnections: number;
  readonly events: Readonly<Record<FrontEvent, number>>;
  readonly requestsInFlight: number;
  /** Refusals because of an exceeded bound, by its setting, since the start of the process. */
  readonly boundRefusals: ReadonlyMap<string, number>;
  readonly requestMemoryUsedBytes: number;
  readonly requestMemoryLimitBytes: number;
  readonly longPolls: number;
  /** Bytes that clients were sent and have not received. */
  readonly outbound: OutboundStatus;
  /** Pages of more than 1 MiB. */
  readonly largePages: { readonly running: number; readonly waiting: number };
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
    read: (s) => s.events.connectionDropped,
  },
  {
    name: 'sluice_http_connections_refused_total',
    type: 'counter',
    help: 'Connections refused because all SLUICE_CONNECTIONS_MAX others had a request.',
    read: (s) => s.events.connectionRefused,
  },
  {
    name: 'sluice_http_connections_unidentified',
    type: 'gauge',
    help: 'Connections whose caller is not known yet, at most SLUICE_UNIDENTIFIED_CONNECTIONS_PERCENT of all; 0 while authentication is off.',
    read: (s) => s.unidentifiedConnections,
  },
  {
    name: 'sluice_http_connections_unidentified_dropped_total',
    type: 'counter',
    help: 'Connections closed because too many had no credential.',
    read: (s) => s.events.unidentifiedDropped,
  },
  {
    name: 'sluice_http_connections_unidentified_refused_total',
    type: 'counter',
    help: 'Requests without a credential refused with 429 because too many connections had none.',
    read: (s) => s.events.unidentifiedRefused,
  },
  {
    name: 'sluice_http_connections_silent_total',
    type: 'counter',
    help: 'Connections closed because no byte arrived within SLUICE_FIRST_BYTE_TIMEOUT_MS.',
    read: (s) => s.events.connectionSilent,
  },
  {
    name: 'sluice_http_heads_late_total',
    type: 'counter',
    help: 'Requests whose head did not arrive within SLUICE_HEAD_TIMEOUT_MS.',
    read: (s) => s.events.headLate,
  },
  {
    name: 'sluice_http_connections_keep_alive_ended_total',
    type: 'counter',
    help: 'Connections closed because no other request arrived within SLUICE_KEEP_ALIVE_TIMEOUT_MS.',
    read: (s) => s.events.keepAliveEnded,
  },
  {
    name: 'sluice_http_bodies_late_total',
    type: 'counter',
    help: 'Request bodies without progress for SLUICE_BODY_IDLE_TIMEOUT_MS.',
    read: (s) => s.events.bodyLate,
  },
  {
    name: 'sluice_http_bodies_unread_total',
    type: 'counter',
    help: 'Connections closed because the body of an answered request did not end within SLUICE_BODY_IDLE_TIMEOUT_MS.',
    read: (s) => s.events.bodyUnread,
  },
  {
    name: 'sluice_http_pipelines_held_total',
    type: 'counter',
    help: 'Times that reading a connection was paused because SLUICE_PIPELINED_REQUESTS_MAX of its requests were in flight.',
    read: (s) => s.events.pipelineHeld,
  },
  {
    name: 'sluice_http_pipelines_cut_total',
    type: 'counter',
    help: 'Connections closed because SLUICE_REQUEST_MEMORY_BYTES had no space for requests after those in flight.',
    read: (s) => s.events.pipelineCut,
  },
  {
    name: 'sluice_http_upgrades_refused_total',
    type: 'counter',
    help: 'Requests for a WebSocket that were refused.',
    read: (s) => s.events.upgradeRefused,
  },
  {
    name: 'sluice_http_requests_in_flight',
    type: 'gauge',
    help: 'Requests in flight.',
    read: (s) => s.requestsInFlight,
  },
  {
    name: 'sluice_http_request_memory_used_bytes',
    type: 'gauge',
    help: 'Memory of request bodies in flight.',
    read: (s) => s.requestMemoryUsedBytes,
  },
  {
    name: 'sluice_http_request_memory_limit_bytes',
    type: 'gauge',
    help: 'Limit of the memory of request bodies, SLUICE_REQUEST_MEMORY_BYTES.',
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
    help: 'Bytes sent to clients and not yet received by them; the limit is SLUICE_OUTBOUND_MEMORY_BYTES.',
    read: (s) => s.outbound.heldBytes,
  },
  {
    name: 'sluice_outbound_waiting',
    type: 'gauge',
    help: 'Connections that wait until other clients have received their bytes.',
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
    help: 'Connections cut because SLUICE_OUTBOUND_MEMORY_BYTES was used up and their clients received nothing for SLUICE_OUTBOUND_STALLED_MS.',
    read: (s) => s.outbound.droppedTotal,
  },
  {
    name: 'sluice_fetch_large_pages',
    type: 'gauge',
    help: 'Pages of more than 1 MiB that are rendered; their bound is SLUICE_LARGE_PAGES_BYTES.',
    read: (s) => s.largePages.running,
  },
  {
    name: 'sluice_fetch_large_pages_waiting',
    type: 'gauge',
    help: 'Pages of more than 1 MiB that wait until others are rendered.',
    read: (s) => s.largePages.waiting,
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
    help: 'Record batches of fetch answers whose JSON was cached.',
    read: (s) => s.renderCacheHits,
  },
  {
    name: 'sluice_http_render_cache_misses_total',
    type: 'counter',
    help: 'Record batches of fetch answers that had to be rendered as JSON.',
    read: (s) => s.renderCacheMisses,
  },
];
