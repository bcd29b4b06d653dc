/** Writes the pages of docs/reference/ from the tables that they describe. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { SETTINGS_SECTIONS } from '../dist/esm/apps/gateway/src/config/settings.js';
import { settingsReference } from '../dist/esm/apps/gateway/src/config/settings-reference.js';
import { GatewayCounts } from '../dist/esm/apps/gateway/src/observability/gateway-counts.js';
import { GatewayMetrics } from '../dist/esm/apps/gateway/src/observability/metrics.js';
import { metricsReference } from '../dist/esm/apps/gateway/src/observability/metrics-reference.js';
import { EXIT_CODES } from '../dist/esm/apps/gateway/src/shared/exit-codes.js';

const folder = new URL('../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('settings.md', folder), settingsReference(SETTINGS_SECTIONS, EXIT_CODES));
// Describing the metrics reads no state.
const metrics = new GatewayMetrics(new GatewayCounts(), {});
writeFileSync(new URL('metrics.md', folder), metricsReference(metrics.describe()));
