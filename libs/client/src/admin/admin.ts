import type { ClientParts } from '../client-parts.js';
import { observed } from '../waiting.js';
import type { AdminOperationId, CallOptions } from './call-operation.js';
import type { operations } from './generated/openapi.js';
import { ADMIN_OPERATION_IDS } from './generated/operation-ids.js';

/**
 * One method per operation of the OpenAPI document, by its `operationId`. Its first argument has
 * the parameters of the path, the query and the headers, and the members of the body, all together.
 * A body that is not JSON is the member `body`; so is one that is JSON text already. An answer of
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

/** Returns the object with one method per operation of the OpenAPI document. */
export function adminOf(parts: ClientParts): Admin {
  const call = async (
    id: string,
    values: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<unknown> => {
    parts.endpoints.assertOpen();
    const { callOperation } = await parts.load(() => import('./call-operation.js'));
    return callOperation(parts.endpoints, id as AdminOperationId, values, options);
  };
  const methods = ADMIN_OPERATION_IDS.split(' ').map((id) => [
    id,
    (values?: Readonly<Record<string, unknown>>, options?: CallOptions) =>
      observed(call(id, values, options)),
  ]);
  return Object.fromEntries(methods) as Admin;
}
