import type { ErrorCode } from '#protocol';
import { assert } from '#runtime';
import { isPublic, type Permission } from '../permission.js';
import type { OperationSpec, ParameterSpec } from '../rest/operation.js';
import { ALL_OPERATIONS, type Operation } from '../rest/operations.js';
import { PATH_PARAMETERS, parametersOfPath } from '../rest/path-parameters.js';
import { refTo } from '../schema/dto-schemas.js';
import { memberDescriptions } from '../schema/members.js';
import { addExamples } from './api-example.js';
import { componentSchemas } from './component-schemas.js';
import { API_EXAMPLES } from './examples.js';
import {
  type HttpMethodName,
  type MediaType,
  type OpenApiDocument,
  type OpenApiOperation,
  type Parameter,
  type PathItem,
  type ResponseObject,
} from './openapi-types.js';
import { problemResponses } from './problem-responses.js';
import { describedNeeds, SECURITY_REQUIREMENTS, SECURITY_SCHEMES } from './security-schemes.js';

/** Version of the HTTP contract, not of the program. */
const API_VERSION = '1';

const DESCRIPTION =
  "Kafka's topics, partitions and committed offsets over HTTP. Every error is a problem " +
  'document (RFC 9457) with a `code`. The WebSocket is described in ' +
  '[asyncapi.json](asyncapi.json); [try](try) shows a topic live.';

/** Names in the paths of the examples of errors. */
const PATH_VALUES: Readonly<Record<string, string>> = {
  topic: 'orders',
  partition: '0',
  group: 'billing',
};

/**
 * Returns the OpenAPI 3.1 document of all operations.
 * @param server URL that the paths are relative to
 */
export function openApiDocument(server: string): OpenApiDocument {
  // A copy, because the examples are added to it.
  const paths = structuredClone(pathItems());
  const document: OpenApiDocument = {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      description: DESCRIPTION,
      version: API_VERSION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    tags: [
      { name: 'topics', description: 'Topics and their configs' },
      { name: 'records', description: 'Producing and fetching' },
      { name: 'groups', description: 'Consumer groups, queues, and their offsets' },
      { name: 'cluster', description: 'Brokers and their health' },
      { name: 'security', description: 'Callers, API keys, access control lists and quotas' },
    ],
    servers: [{ url: server }],
    security: SECURITY_REQUIREMENTS,
    paths,
    components: { schemas: componentSchemas(paths), securitySchemes: SECURITY_SCHEMES },
  };
  addExamples(document, API_EXAMPLES);
  return document;
}

function pathItems(): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  for (const operation of ALL_OPERATIONS) {
    if (operation.isUndocumented === true) continue;
    const { method, path } = operation;
    const item = (paths[path] ??= {});
    item[method.toLowerCase() as HttpMethodName] = describedOperation(operation);
  }
  return paths;
}

function describedOperation(operation: Operation): OpenApiOperation {
  const { id, summary, description, tag, needs, body, isBodyOptional } = operation;
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...describedNeeds(needs),
    parameters: parametersOf(operation),
    ...(body === undefined
      ? {}
      : { requestBody: { required: isBodyOptional !== true, content: contentOf(body) } }),
    responses: responsesOf(operation),
  };
}

/** Returns the parameters of the path in its order, then those of the query, then headers. */
function parametersOf({ path, query = {}, headers = {} }: OperationSpec): Parameter[] {
  const inPath = parametersOfPath(path).map((name) => {
    const parameter = PATH_PARAMETERS[name];
    assert(parameter !== undefined, `the parameter {${name}} is not described`);
    return { name, in: 'path' as const, required: true, ...parameter };
  });
  const inQuery = typeof query === 'function' ? queryOfClass(query) : listed('query', query);
  return [...inPath, ...inQuery, ...listed('header', headers)];
}

function listed(
  place: Parameter['in'],
  parameters: Readonly<Record<string, ParameterSpec>>,
): Parameter[] {
  return Object.entries(parameters).map(([name, spec]) => ({ name, in: place, ...spec }));
}

function queryOfClass(type: Parameters<typeof memberDescriptions>[0]): Parameter[] {
  return [...memberDescriptions(type)].map(([name, { schema: described, isRequired }]) => {
    const { description, ...schema } = described;
    return {
      name,
      in: 'query',
      required: isRequired,
      ...(typeof description === 'string' ? { description } : {}),
      schema,
    };
  });
}

function contentOf(body: NonNullable<OperationSpec['body']>): Record<string, MediaType> {
  if (typeof body === 'function') return { 'application/json': { schema: refTo(body) } };
  return Object.fromEntries(Object.entries(body).map(([type, schema]) => [type, { schema }]));
}

/** Returns the answers by status; an error with the status of another answer joins it. */
function responsesOf({
  method,
  path,
  answers,
  errors,
  needs,
}: Operation): Record<string, ResponseObject> {
  const instance = path.replace(/\{(\w+)\}/g, (_, name: string) => PATH_VALUES[name] ?? name);
  const responses = problemResponses([...errors, ...refusalsOf(needs)], instance, method !== 'GET');
  for (const [status, { body, ...answer }] of Object.entries(answers)) {
    const content = body === undefined ? {} : contentOf(body);
    const shared = responses[status];
    const all = { ...shared?.content, ...content };
    responses[status] = {
      ...shared,
      ...answer,
      ...(Object.keys(all).length === 0 ? {} : { content: all }),
    };
  }
  return responses;
}

/** Returns the errors of a caller without the credential or the permissions. */
function refusalsOf(needs: readonly Permission[]): readonly ErrorCode[] {
  if (isPublic(needs)) return [];
  const resources = new Set(needs.map(({ resource }) => resource));
  return [
    'SASL_AUTHENTICATION_FAILED',
    ...(resources.has('topic') ? (['TOPIC_AUTHORIZATION_FAILED'] as const) : []),
    ...(resources.has('group') ? (['GROUP_AUTHORIZATION_FAILED'] as const) : []),
  ];
}
