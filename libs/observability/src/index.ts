export { GatewayCounts } from './gateway-counts.js';
export { GatewayMetrics } from './gateway-metrics.js';
export { Health } from './health.js';
export { metricsReference } from './metrics-reference.js';
export { type HttpStatus } from './series/http-series.js';
export type { TlsStatus } from './series/tls-series.js';
export { type SocketStatus } from './socket-status.js';
