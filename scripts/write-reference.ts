/**
 * Writes the pages of docs/reference/ from the tables that they describe, as they are built, and
 * the operations of the client library from the OpenAPI document.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  type OperationsDocument,
  operationIds,
  operationsTable,
  operationsTypes,
} from './client-operations.js';

const built = new URL('../dist/esm/apps/gateway/src/', import.meta.url);

const { SETTINGS_SECTIONS } = (await import(
  new URL('config/settings.js', built).href
)) as typeof import('../apps/gateway/src/config/settings.js');
const { settingsReference } = (await import(
  new URL('../../../libs/settings/src/index.js', built).href
)) as typeof import('#settings');
const { EXIT_CODES } = (await import(
  new URL('shared/exit-codes.js', built).href
)) as typeof import('../apps/gateway/src/shared/exit-codes.js');
const { OPENAPI_FILE } = (await import(
  new URL('http/api-document.js', built).href
)) as typeof import('../apps/gateway/src/http/api-document.js');
const { GatewayCounts, GatewayMetrics, metricsReference } = (await import(
  new URL('../../../libs/observability/src/index.js', built).href
)) as typeof import('#observability');

const folder = new URL('../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('settings.md', folder), settingsReference(SETTINGS_SECTIONS, EXIT_CODES));
// Describing the metrics reads no state.
const noState = {} as ConstructorParameters<typeof GatewayMetrics>[1];
const metrics = new GatewayMetrics(new GatewayCounts(), noState);
writeFileSync(new URL('metrics.md', folder), metricsReference(metrics.describe()));

const operations = new URL('../libs/client/src/admin/generated/', import.meta.url);
const document = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as OperationsDocument;
mkdirSync(operations, { recursive: true });
writeFileSync(new URL('operations.ts', operations), operationsTable(document));
writeFileSync(new URL('operation-ids.ts', operations), operationIds(document));
writeFileSync(new URL('openapi.ts', operations), await operationsTypes(document));
