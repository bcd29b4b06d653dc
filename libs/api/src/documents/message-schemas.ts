import { refTo } from '../schema/dto-schemas.js';
import { referencesIn, type Schema } from '../schema/json-schema.js';
import { CLIENT_MESSAGES, SERVER_MESSAGES } from '../socket/socket-messages.js';
import { componentSchemas } from './component-schemas.js';

/**
 * Returns the JSON Schemas of the messages' data and of everything they refer to, by name. Members
 * that the data of a client's message does not name are refused.
 *
 * AsyncAPI's schemas are JSON Schema draft-07, which ignores everything beside a `$ref`.
 */
export function messageSchemas(): Record<string, Schema> {
  const received = Object.values(CLIENT_MESSAGES).map(({ data }) => refTo(data));
  const sent = Object.values(SERVER_MESSAGES).map(({ data }) => refTo(data));
  const schemas = componentSchemas([...received, ...sent]);
  const converted = Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, asDraft07(schema) as Schema]),
  );
  for (const name of referencesIn(received)) {
    converted[name] = { ...converted[name], additionalProperties: false };
  }
  return converted;
}

/** Converts a `$ref` with siblings to `allOf` of the reference and the siblings. */
function asDraft07(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asDraft07);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.entries(schema).map(([name, value]) => [name, asDraft07(value)] as const);
  const reference = members.find(([name, value]) => name === '$ref' && typeof value === 'string');
  if (reference === undefined || members.length === 1) return Object.fromEntries(members);
  const others = members.filter((member) => member !== reference);
  return { ...Object.fromEntries(others), allOf: [{ $ref: reference[1] }] };
}
