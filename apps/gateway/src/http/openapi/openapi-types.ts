/** The parts of an OpenAPI 3.1 document that are written or extended by hand. */

export type Schema = Readonly<Record<string, unknown>>;

export interface ExampleObject {
  readonly summary?: string;
  readonly value: unknown;
}

export interface MediaType {
  readonly schema?: Schema;
  examples?: Record<string, ExampleObject>;
}

export interface ResponseObject {
  description: string;
  headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
  content?: Record<string, MediaType>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
  examples?: Record<string, ExampleObject>;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  parameters?: Parameter[];
  requestBody?: { readonly required?: boolean; readonly content: Record<string, MediaType> };
  responses: Record<string, ResponseObject>;
  /** Error codes; see problem-responses.ts. */
  'x-error-codes'?: readonly string[];
}

export type HttpMethod = 'get' | 'put' | 'post' | 'patch' | 'delete';

export type PathItem = Partial<Record<HttpMethod, Operation>>;

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly security?: readonly object[];
  readonly servers?: readonly { readonly url: string }[];
  readonly tags?: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Record<string, PathItem>;
  readonly components: { schemas: Record<string, Schema> };
}

/** Returns a reference to a schema among the components. */
export function ref(schema: string): Schema {
  return { $ref: `#/components/schemas/${schema}` };
}

/** Yields every operation of a document with its path and method. */
export function* operationsOf(
  document: Pick<OpenApiDocument, 'paths'>,
): Generator<{ path: string; method: HttpMethod; operation: Operation }> {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item) as [HttpMethod, Operation][]) {
      yield { path, method, operation };
    }
  }
}
