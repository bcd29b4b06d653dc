import { assert } from '#runtime';
import {
  type MediaType,
  type OpenApiDocument,
  type OpenApiOperation,
  operationsOf,
  type Parameter,
} from './openapi-types.js';

/** One request with its answer. The document shows it, and a test sends exactly this request. */
export interface ApiExample {
  /** Unique within the operation. */
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly request: {
    readonly path?: Readonly<Record<string, string | number>>;
    readonly query?: Readonly<Record<string, string | number | boolean>>;
    readonly headers?: Readonly<Record<string, string | number>>;
    /** A value if the type is JSON, else the text. */
    readonly body?: { readonly contentType: string; readonly value: unknown };
  };
  readonly response: {
    readonly status: number;
    /** Absent if the answer has no body. */
    readonly body?: { readonly contentType: string; readonly value: unknown };
  };
}

/**
 * Writes the examples into the document: bodies, parameters and answers of one example under one
 * name. A refused request shows only its answer, because tools offer the examples of parameters and
 * bodies for sending.
 */
export function addExamples(document: OpenApiDocument, examples: readonly ApiExample[]): void {
  const operations = new Map(
    [...operationsOf(document)].map((each) => [each.operation.operationId, each.operation]),
  );
  for (const { name, operationId, summary, request, response } of examples) {
    const operation = operations.get(operationId);
    assert(operation !== undefined, `example ${name}: no operation ${operationId}`);
    if (response.status < 300) addRequest(operation, { name, summary, request });
    if (response.body !== undefined) {
      const content = operation.responses[response.status]?.content?.[response.body.contentType];
      addTo(required(content, `${name}: response`), name, summary, response.body.value);
    }
  }
}

function addRequest(
  operation: OpenApiOperation,
  { name, summary, request }: Pick<ApiExample, 'name' | 'summary' | 'request'>,
): void {
  for (const parameter of operation.parameters ?? []) {
    const value = valuesOf(parameter.in, request)?.[parameter.name];
    if (value !== undefined) addTo(parameter, name, summary, value);
  }
  if (request.body === undefined) return;
  const content = operation.requestBody?.content[request.body.contentType];
  addTo(required(content, `${name}: request body`), name, summary, request.body.value);
}

function valuesOf(
  place: Parameter['in'],
  request: ApiExample['request'],
): Readonly<Record<string, unknown>> | undefined {
  if (place === 'path') return request.path;
  return place === 'query' ? request.query : request.headers;
}

function addTo(target: MediaType | Parameter, name: string, summary: string, value: unknown): void {
  target.examples ??= {};
  target.examples[name] = { summary, value };
}

function required<T>(value: T | undefined, what: string): T {
  assert(value !== undefined, `the document has no place for the example ${what}`);
  return value;
}
