/** The types of the table of operations. */
import type { ErrorCode } from '#protocol';
import type { Permission } from '../permission.js';
import type { Schema } from '../schema/json-schema.js';
import type { DtoClass } from '../schema/members.js';

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** The section of the OpenAPI document. */
type Tag = 'topics' | 'records' | 'groups' | 'cluster' | 'security';

/**
 * The part of the gateway that serves an operation.
 *
 * - `data`: a plain handler, called by the front before the framework.
 * - `control`: a controller. Unknown query parameters are refused, and a large answer is refused
 *   while there is no memory for it.
 * - `operator`: a controller, for health, metrics, documents and pages. It is always answered and
 *   ignores query parameters, because scrapers and caches add their own.
 */
type Plane = 'data' | 'control' | 'operator';

/** Handler of an operation of the plane `data`. */
export type DataRoute = 'produce' | 'fetch' | 'events' | 'poll';

/**
 * Form of the records in a body or an answer according to the path. `any`: the headers decide. The
 * other two are for clients that are generated from the OpenAPI document: they send one type per
 * path.
 */
export type RecordsForm = 'any' | 'raw' | 'ndjson';

/** A parameter of a query or a header. */
export interface ParameterSpec {
  readonly schema: Schema;
  readonly description?: string;
}

/** The schemas of a body by media type; a class is a body of JSON. */
type BodySpec = DtoClass | Readonly<Record<string, Schema>>;

/** One kind of answer. */
export interface AnswerSpec {
  readonly description: string;
  /** Absent if the answer has no body. */
  readonly body?: BodySpec;
  readonly headers?: Readonly<
    Record<string, { readonly description: string; readonly schema: Schema }>
  >;
}

/** One row of the table of operations. */
export interface OperationSpec {
  readonly method: HttpMethod;
  /** Path with its parameters as `{name}`; path-parameters.ts describes them. */
  readonly path: string;
  readonly plane: Plane;
  /** Handler of an operation of the plane `data`, and the form of the records in its path. */
  readonly route?: { readonly handler: DataRoute; readonly form: RecordsForm };
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** All permissions that the caller needs. */
  readonly needs: readonly [Permission, ...Permission[]];
  /** Parameters of the query; absent if there are none. */
  readonly query?: DtoClass | Readonly<Record<string, ParameterSpec>>;
  readonly headers?: Readonly<Record<string, ParameterSpec>>;
  readonly body?: BodySpec;
  /** True if a request may omit the body, because all of its members have defaults. */
  readonly isBodyOptional?: boolean;
  /** Answers by status. The first one below 300 is the answer of success. */
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Errors, except for those that every operation may answer with. */
  readonly errors: readonly ErrorCode[];
  /** True for a GET that changes something: HEAD, by which nobody sees its answer, is refused. */
  readonly hasEffect?: boolean;
  /** True if the OpenAPI document omits it, because it is for browsers. */
  readonly isUndocumented?: boolean;
  /** Link to it in the list of entry points at `/`. */
  readonly entryPoint?: { readonly name: string; readonly description: string };
}

/** Rows of the table, by operation id. */
export type OperationSpecs = Readonly<Record<string, OperationSpec>>;
