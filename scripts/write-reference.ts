/** Writes the pages of docs/reference/ from the tables that they describe, as they are built. */
import { mkdirSync, writeFileSync } from 'node:fs';

const built = new URL('../dist/esm/apps/gateway/src/', import.meta.url);

const { SETTINGS_SECTIONS } = (await import(
  new URL('config/settings.js', built).href
)) as typeof import('../apps/gateway/src/config/settings.js');
const { settingsReference } = (await import(
  new URL('config/settings-reference.js', built).href
)) as typeof import('../apps/gateway/src/config/settings-reference.js');
const { EXIT_CODES } = (await import(
  new URL('shared/exit-codes.js', built).href
)) as typeof import('../apps/gateway/src/shared/exit-codes.js');
const { GatewayCounts } = (await import(
  new URL('observability/gateway-counts.js', built).href
)) as typeof import('../apps/gateway/src/observability/gateway-counts.js');
const { GatewayMetrics } = (await import(
  new URL('observability/metrics.js', built).href
)) as typeof import('../apps/gateway/src/observability/metrics.js');
const { metricsReference } = (await import(
  new URL('observability/metrics-reference.js', built).href
)) as typeof import('../apps/gateway/src/observability/metrics-reference.js');

const folder = new URL('../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('settings.md', folder), settingsReference(SETTINGS_SECTIONS, EXIT_CODES));
// Describing the metrics reads no state.
const noState = {} as ConstructorParameters<typeof GatewayMetrics>[1];
const metrics = new GatewayMetrics(new GatewayCounts(), noState);
writeFileSync(new URL('metrics.md', folder), metricsReference(metrics.describe()));
