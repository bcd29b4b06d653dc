/**
 * The table of all operations of the HTTP API. Routing, the answers 404 and 405, the checks of
 * requests, the OpenAPI document, the entry points at `/` and the tests read it: a new operation is
 * one row here and one handler in the gateway.
 */
import type { DtoClass } from '../schema/members.js';
import { CLUSTER_OPERATIONS } from './cluster-operations.js';
import { GROUP_OPERATIONS } from './group-operations.js';
import { MEMBER_OPERATIONS } from './member-operations.js';
import type { HttpMethod, OperationSpec, OperationSpecs } from './operation.js';
import { PAGE_OPERATIONS } from './page-operations.js';
import { PARTITION_OPERATIONS } from './partition-operations.js';
import { QUEUE_OPERATIONS } from './queue-operations.js';
import { RECORD_OPERATIONS } from './record-operations.js';
import { SECURITY_OPERATIONS } from './security-operations.js';
import { TOPIC_OPERATIONS } from './topic-operations.js';

export const OPERATIONS = {
  ...TOPIC_OPERATIONS,
  ...PARTITION_OPERATIONS,
  ...RECORD_OPERATIONS,
  ...GROUP_OPERATIONS,
  ...MEMBER_OPERATIONS,
  ...QUEUE_OPERATIONS,
  ...CLUSTER_OPERATIONS,
  ...SECURITY_OPERATIONS,
  ...PAGE_OPERATIONS,
} as const satisfies OperationSpecs;

type Operations = typeof OPERATIONS;

/** The id of an operation. */
export type OperationId = keyof Operations;

/** The ids of the operations that a controller serves. */
export type ControllerOperationId = {
  [Id in OperationId]: Operations[Id]['plane'] extends 'data' ? never : Id;
}[OperationId];

/** An operation with its id. */
export interface Operation extends OperationSpec {
  readonly id: OperationId;
}

/** All operations, in the order of the OpenAPI document. */
export const ALL_OPERATIONS: readonly Operation[] = Object.entries<OperationSpec>(OPERATIONS).map(
  ([id, operation]) => ({ ...operation, id: id as OperationId }),
);

/** Returns the methods of an operation: HEAD is answered like a GET without an effect. */
export function methodsOf({
  method,
  hasEffect = false,
}: OperationSpec): readonly (HttpMethod | 'HEAD')[] {
  return method === 'GET' && !hasEffect ? ['GET', 'HEAD'] : [method];
}

/** Returns the names of the query parameters of some operations. */
export function queryParametersOf(...ids: readonly OperationId[]): readonly string[] {
  const names = ids.flatMap((id) => {
    const { query = {} }: OperationSpec = OPERATIONS[id];
    return typeof query === 'function' ? [] : Object.keys(query);
  });
  return [...new Set(names)];
}

/** The checked request of an operation: parameters of the path, `query` and `body`. */
export type Input<Id extends OperationId> = {
  readonly [Name in ParameterOf<Operations[Id]['path']>]: Name extends 'partition' | 'offset'
    ? number
    : string;
} & {
  readonly query: Operations[Id] extends { readonly query: infer Type }
    ? ObjectOf<Type>
    : undefined;
  readonly body: Operations[Id] extends { readonly body: infer Type } ? ObjectOf<Type> : undefined;
};

/** The value that the handler of an operation returns; unknown unless a class describes it. */
export type Output<Id extends OperationId> = Operations[Id]['answers'] extends
  | { readonly 200: infer Answer }
  | { readonly 201: infer Answer }
  ? Answer extends { readonly body: infer Type }
    ? Type extends DtoClass
      ? InstanceType<Type>
      : unknown
    : unknown
  : unknown;

type ParameterOf<Path> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never;

type ObjectOf<Type> = Type extends DtoClass ? InstanceType<Type> : undefined;
