import { assertObject, assertOptions, SIGNAL_OPTION } from '../connection/checks.js';
import type { Endpoints } from '../connection/endpoints.js';
import {
  type HttpCall,
  httpTransport,
  type Query,
  type QueryValue,
  segment,
} from '../connection/http-caller.js';
import { optionError } from '../sluice-error.js';
import type { operations } from './generated/openapi.js';
import { ADMIN_OPERATIONS } from './generated/operations.js';

/** Options of every call. */
export interface CallOptions {
  /** Ends the call; it rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Name of an operation: its `operationId`. */
export type AdminOperationId = keyof typeof ADMIN_OPERATIONS & keyof operations;

/**
 * Calls an operation. Its row has the method, the path, the names of headers and parameters of the
 * query, and the form of body and answer. All other members are the JSON of the body; without such
 * a body they are parameters of the query.
 */
export async function callOperation(
  endpoints: Endpoints,
  id: AdminOperationId,
  values: Readonly<Record<string, unknown>>,
  options: CallOptions,
): Promise<unknown> {
  assertObject(id, values);
  assertOptions(id, options, SIGNAL_OPTION);
  const { signal } = options;
  const { caller } = httpTransport(endpoints);
  const [method = '', template = '', parameters = '', form = ''] = ADMIN_OPERATIONS[id].split(' ');
  const body: Record<string, unknown> = { ...values };
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = body[name];
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw optionError(name, `is needed by ${id}`);
    }
    delete body[name];
    return segment(value);
  });
  const query: Record<string, QueryValue> = {};
  const headers: Record<string, string> = {};
  for (const parameter of parameters.split(',')) {
    const isHeader = /^[A-Z]/.test(parameter);
    const name = isHeader ? memberName(parameter) : parameter;
    const value = body[name] as QueryValue | undefined;
    delete body[name];
    if (value === undefined) continue;
    if (isHeader) headers[parameter] = String(value);
    else query[parameter] = value;
  }
  const request = { method, path, query, headers, signal, ...contentOf(form, body, query) };
  if (form.includes('r')) return caller.response({ ...request, timeoutMs: 0 });
  return caller.json(request);
}

/** Turns the name of a header into that of a member: `Producer-Id` is `producerId`. */
function memberName(header: string): string {
  const [first = '', ...rest] = header.split('-');
  return [first.toLowerCase(), ...rest].join('');
}

function contentOf(
  form: string,
  { body, ...others }: Record<string, unknown>,
  query: Query,
): Partial<HttpCall> {
  if (form.includes('j')) {
    return { json: typeof body === 'string' ? body : JSON.stringify({ body, ...others }) };
  }
  return { query: { ...query, ...(others as Query) }, body };
}
