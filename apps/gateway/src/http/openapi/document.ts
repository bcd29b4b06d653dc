import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { ErrorCode } from '#protocol';
import { addExamples } from './api-example.js';
import { DATA_PATHS, DATA_SCHEMAS } from './data-operations.js';
import { API_EXAMPLES } from './examples.js';
import { type OpenApiDocument, operationsOf } from './openapi-types.js';
import { PROBLEM_SCHEMA, problemResponses } from './problem-responses.js';

/** Version of the HTTP contract, not of the program. */
const API_VERSION = '1';

/** Names that stand in paths of examples. */
const PATH_VALUES: Readonly<Record<string, string>> = {
  topic: 'orders',
  partition: '0',
  group: 'billing',
};

/**
 * The OpenAPI 3.1 document of all routes: the controllers', and the hot ones by hand.
 * @param server URL that the paths are relative to
 */
export function openApiDocument(app: INestApplication, server: string): OpenApiDocument {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Sluice')
    .setDescription(
      "Kafka's topics, partitions and committed offsets over HTTP. Every error is a problem " +
        'document (RFC 9457) with a `code`. The WebSocket is described in ' +
        '[asyncapi.json](asyncapi.json); [try](try) shows a topic live.',
    )
    .setVersion(API_VERSION)
    .addServer(server)
    .addTag('topics', 'Topics and their configs')
    .addTag('records', 'Producing and fetching')
    .addTag('groups', 'Committed offsets')
    .addTag('cluster', 'Brokers and their health')
    .build();
  const described = SwaggerModule.createDocument(app, config) as unknown as OpenApiDocument;
  // A copy: the hand-built parts are constants, and examples are written into what is here.
  const document = structuredClone({ ...described, paths: mergedPaths(described) });
  Object.assign(document.components.schemas, DATA_SCHEMAS, { Problem: PROBLEM_SCHEMA });
  for (const { path, method, operation } of operationsOf(document)) {
    const codes = (operation['x-error-codes'] ?? []) as ErrorCode[];
    const instance = path.replace(/\{(\w+)\}/g, (_, name: string) => PATH_VALUES[name] ?? name);
    Object.assign(operation.responses, problemResponses(codes, instance, method !== 'get'));
    delete operation['x-error-codes'];
  }
  addExamples(document, API_EXAMPLES);
  return document;
}

function mergedPaths({ paths }: OpenApiDocument): OpenApiDocument['paths'] {
  const merged = { ...paths };
  for (const [path, item] of Object.entries(DATA_PATHS))
    merged[path] = { ...merged[path], ...item };
  return merged;
}
