import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { ErrorCode } from '#protocol';
import { addExamples } from './api-example.js';
import { CONFIG_SCHEMAS } from './config-schemas.js';
import { DATA_PATHS } from './data-operations.js';
import { API_EXAMPLES } from './examples.js';
import {
  type OpenApiDocument,
  type Operation,
  operationsOf,
  type Parameter,
} from './openapi-types.js';
import { PROBLEM_SCHEMAS, problemResponses } from './problem-responses.js';
import { RECORD_SCHEMAS } from './record-schemas.js';

/** Version of the HTTP contract, not of the program. */
const API_VERSION = '1';

/** Names in the paths of examples. */
const PATH_VALUES: Readonly<Record<string, string>> = {
  topic: 'orders',
  partition: '0',
  group: 'billing',
};

/**
 * Creates the OpenAPI 3.1 document of all routes: the controllers', and the hot ones of
 * data-operations.ts.
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
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer(server)
    .addTag('topics', 'Topics and their configs')
    .addTag('records', 'Producing and fetching')
    .addTag('groups', 'Committed offsets')
    .addTag('cluster', 'Brokers and their health')
    .build();
  const described = SwaggerModule.createDocument(app, config) as unknown as OpenApiDocument;
  // This copies the hand-written constants, because examples are added to the result.
  const document = structuredClone({
    ...described,
    security: [],
    paths: mergedPaths(described),
  });
  const { schemas } = document.components;
  Object.assign(schemas, RECORD_SCHEMAS, CONFIG_SCHEMAS, PROBLEM_SCHEMAS);
  for (const { path, method, operation } of operationsOf(document)) {
    const codes = (operation['x-error-codes'] ?? []) as ErrorCode[];
    const instance = path.replace(/\{(\w+)\}/g, (_, name: string) => PATH_VALUES[name] ?? name);
    const problems = problemResponses([...codes, ...COMMON_ERRORS], instance, method !== 'get');
    operation.responses = mergedResponses(operation.responses, problems);
    delete operation['x-error-codes'];
    operation.parameters = inOrderOfPath(operation.parameters ?? [], path);
  }
  addExamples(document, API_EXAMPLES);
  dropTypesBesideReferences(schemas);
  return document;
}

/**
 * Errors of every operation: a foreign Origin or Host, exhausted connections, or a broker that
 * stops.
 */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'CLUSTER_AUTHORIZATION_FAILED',
  'BROKER_NOT_AVAILABLE',
];

/**
 * Removes the type that the schema generator writes beside each `$ref`, because it is redundant.
 */
function dropTypesBesideReferences(schema: object): void {
  if ('$ref' in schema && 'type' in schema) delete schema.type;
  for (const member of Object.values(schema)) {
    if (typeof member === 'object' && member !== null) dropTypesBesideReferences(member);
  }
}

/** Adds the examples and contents of `added` to the responses of the same status. */
function mergedResponses(
  responses: Operation['responses'],
  added: Operation['responses'],
): Operation['responses'] {
  const merged = { ...responses };
  for (const [status, response] of Object.entries(added)) {
    const present = merged[status];
    merged[status] =
      present === undefined
        ? response
        : {
            ...response,
            ...present,
            content: { ...response.content, ...present.content },
          };
  }
  return merged;
}

/** Sorts parameters: those of the path in its order, then those of the query, then headers. */
function inOrderOfPath(parameters: readonly Parameter[], path: string): Parameter[] {
  const places = ['path', 'query', 'header'];
  const rank = ({ name, in: place }: Parameter): number =>
    place === 'path' ? path.indexOf(`{${name}}`) - path.length : places.indexOf(place);
  return parameters.toSorted((a, b) => rank(a) - rank(b));
}

function mergedPaths({ paths }: OpenApiDocument): OpenApiDocument['paths'] {
  const merged = { ...paths };
  for (const [path, item] of Object.entries(DATA_PATHS))
    merged[path] = { ...merged[path], ...item };
  return merged;
}
