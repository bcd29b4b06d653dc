/** The parts of an OpenAPI 3.1 document that this gateway uses. */
import type { Schema } from '../schema/json-schema.js';

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

export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  /** Absent: as for the whole document. */
  readonly security?: readonly object[];
  /** The permissions that the caller needs, for people. */
  readonly 'x-sluice-needs'?: readonly string[];
  parameters?: Parameter[];
  requestBody?: { readonly required?: boolean; readonly content: Record<string, MediaType> };
  responses: Record<string, ResponseObject>;
}

export type HttpMethodName = 'get' | 'put' | 'post' | 'patch' | 'delete';

export type PathItem = Partial<Record<HttpMethodName, OpenApiOperation>>;

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: {
    readonly title: string;
    readonly description?: string;
    readonly version: string;
    readonly license?: { readonly name: string; readonly url: string };
  };
  readonly security?: readonly object[];
  readonly servers?: readonly { readonly url: string }[];
  readonly tags?: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Record<string, PathItem>;
  readonly components: {
    schemas: Record<string, Schema>;
    readonly securitySchemes?: Readonly<Record<string, object>>;
  };
}

/** Yields every operation of a document with its path and method. */
export function* operationsOf(
  document: Pick<OpenApiDocument, 'paths'>,
): Generator<{ path: string; method: HttpMethodName; operation: OpenApiOperation }> {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item) as [
      HttpMethodName,
      OpenApiOperation,
    ][]) {
      yield { path, method, operation };
    }
  }
}
