import {
  type HttpCall,
  type HttpCaller,
  type Query,
  type QueryValue,
  segment,
} from '../connection/http-caller.js';
import { optionError } from '../sluice-error.js';
import { observed } from '../waiting.js';
import type { operations } from './generated/openapi.js';
import { ADMIN_OPERATIONS } from './generated/operations.js';

/** Options of every call. */
export interface CallOptions {
  /** Ends the call; it rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

type AdminOperationId = keyof typeof ADMIN_OPERATIONS & keyof operations;

/**
 * One method per operation of the OpenAPI document, by its `operationId`. Its first argument has
 * the parameters of the path, the query and the headers, and the members of the body, all together.
 * A body that is no JSON is the member `body`; so is one that is JSON text already. An answer of
 * JSON is returned parsed, any other one as a `Response`.
 */
export type Admin = {
  readonly [Id in AdminOperationId]: (
    ...parameters: ParametersOf<ArgumentsOf<operations[Id]>>
  ) => Promise<AnswerOf<operations[Id]>>;
};

type ParametersOf<Values> =
  Partial<Values> extends Values
    ? [values?: Values, options?: CallOptions]
    : [values: Values, options?: CallOptions];

type ArgumentsOf<Operation> = PartOf<Operation, 'path'> &
  PartOf<Operation, 'query'> &
  (Operation extends { requestBody?: infer Body } ? BodyOf<NonNullable<Body>> : unknown);

type PartOf<Operation, Part extends string> = Operation extends {
  parameters: { [Name in Part]?: infer Values };
}
  ? // Without `exactOptionalPropertyTypes` an absent part is undefined, else never.
    [NonNullable<Values>] extends [never]
    ? unknown
    : NonNullable<Values>
  : unknown;

type BodyOf<Body> = [Body] extends [never]
  ? unknown
  : Body extends { content: { 'application/json': infer Json } }
    ? Json | { readonly body: string }
    : { readonly body: string | Uint8Array | ReadableStream<Uint8Array> };

type AnswerOf<Operation> = Operation extends { responses: infer Answers }
  ? AnswerBody<Answers extends { 200: infer Answer } | { 201: infer Answer } ? Answer : undefined>
  : never;

type AnswerBody<Answer> = Answer extends { content: infer Content }
  ? Exclude<keyof Content, 'application/json'> extends never
    ? Content[keyof Content]
    : Response
  : undefined;

type Arguments = Readonly<Record<string, unknown>>;

/** Returns the object with one method per operation of the OpenAPI document. */
export function adminOf(caller: HttpCaller): Admin {
  const methods = Object.fromEntries(
    Object.keys(ADMIN_OPERATIONS).map((id) => [
      id,
      (values: Arguments = {}, options: CallOptions = {}) =>
        observed(call(caller, id as AdminOperationId, values, options)),
    ]),
  );
  return methods as unknown as Admin;
}

/**
 * Calls an operation. Its row has the method, the path, the names of headers and parameters of the
 * query, and the form of body and answer. All other members are the JSON of the body; without such
 * a body they are parameters of the query.
 */
async function call(
  caller: HttpCaller,
  id: AdminOperationId,
  values: Arguments,
  { signal }: CallOptions,
): Promise<unknown> {
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
