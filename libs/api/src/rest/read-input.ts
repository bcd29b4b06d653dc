import { ProtocolError } from '#protocol';
import type { DtoClass } from '../schema/members.js';
import { BODY, QUERY, readDto, refuseAll } from '../schema/read-dto.js';
import type { OperationSpec } from './operation.js';
import type { Input, OperationId } from './operations.js';
import { offsetNumber, partitionNumber } from './path-numbers.js';

/** A request as the framework has parsed it. */
export interface ReceivedRequest {
  /** Decoded parameters of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
}

/**
 * Checks the request of an operation that a controller serves.
 * @throws ProtocolError INVALID_REQUEST
 */
export function readInput<Id extends OperationId>(
  operation: OperationSpec,
  { params, query, body }: ReceivedRequest,
): Input<Id> {
  if (operation.plane === 'control' && !isClass(operation.query))
    refuseAll(Object.keys(query), QUERY);
  const input: Record<string, unknown> = { ...params };
  const { partition, offset } = params;
  if (partition !== undefined) input['partition'] = partitionNumber(partition);
  if (offset !== undefined) input['offset'] = offsetNumber(offset);
  if (isClass(operation.query)) input['query'] = readDto(operation.query, query, QUERY);
  if (isClass(operation.body)) {
    if (body === undefined && operation.isBodyOptional !== true) throw bodyMissing();
    input['body'] = readDto(operation.body, body, BODY);
  } else if (operation.body === undefined && operation.plane === 'control') {
    refuseAll(Object.keys(body ?? {}), BODY);
  }
  return input as Input<Id>;
}

function isClass(described: OperationSpec['query'] | OperationSpec['body']): described is DtoClass {
  return typeof described === 'function';
}

function bodyMissing(): ProtocolError {
  const detail = 'The body is missing; a JSON object is expected.';
  return new ProtocolError('INVALID_REQUEST', detail, { faults: [{ pointer: '', detail }] });
}
