import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, getSchemaPath, SwaggerModule } from '@nestjs/swagger';
import { CLIENT_MESSAGES, SERVER_MESSAGES } from '../../ws/messages/socket-messages.js';
import type { OpenApiDocument, Schema } from '../openapi/openapi-types.js';
import { PROBLEM_SCHEMAS } from '../openapi/problem-responses.js';
import { RECORD_SCHEMAS } from '../openapi/record-schemas.js';

/** Prefix of references between schemas. */
const SCHEMAS_AT = '#/components/schemas/';

/** A module that no application has, because only the messages' classes are described. */
const NO_MODULE = (): void => undefined;

/**
 * Returns the JSON Schemas of the messages' data and of everything they refer to, by name. They are
 * generated from the classes that check the messages of clients, like the OpenAPI document. Members
 * that these do not name are refused.
 *
 * AsyncAPI's schemas are JSON Schema draft-07, which ignores everything beside a `$ref`.
 */
export function messageSchemas(app: INestApplication): Record<string, Schema> {
  const tables = [...Object.values(CLIENT_MESSAGES), ...Object.values(SERVER_MESSAGES)];
  const config = new DocumentBuilder().setOpenAPIVersion('3.1.0').build();
  const described = SwaggerModule.createDocument(app, config, {
    include: [NO_MODULE],
    extraModels: tables.map(({ data }) => data),
  }) as unknown as OpenApiDocument;
  const all: Readonly<Record<string, Schema>> = {
    ...described.components.schemas,
    ...RECORD_SCHEMAS,
    ...PROBLEM_SCHEMAS,
  };
  const reached: Record<string, Schema> = {};
  for (const { data } of tables) reach(nameIn(getSchemaPath(data)), all, reached);
  for (const { data } of Object.values(CLIENT_MESSAGES)) {
    const name = nameIn(getSchemaPath(data));
    reached[name] = { ...reached[name], additionalProperties: false };
  }
  return reached;
}

/** Adds a schema, and the schemas that it refers to, to the result. */
function reach(
  name: string,
  all: Readonly<Record<string, Schema>>,
  reached: Record<string, Schema>,
): void {
  if (Object.hasOwn(reached, name)) return;
  const schema = all[name];
  if (schema === undefined) throw new Error(`there is no schema ${name}`);
  const converted = asDraft07(schema) as Schema;
  reached[name] = converted;
  for (const referred of referencesIn(converted)) reach(referred, all, reached);
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

/** Yields the names of the schemas that a schema refers to. */
function* referencesIn(schema: unknown): Generator<string> {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [name, value] of Object.entries(schema)) {
    if (name === '$ref' && typeof value === 'string') {
      yield nameIn(value);
    } else {
      yield* referencesIn(value);
    }
  }
}

/** Returns the name of the schema that a reference points to, or into. */
function nameIn(reference: string): string {
  const [name] = reference.slice(SCHEMAS_AT.length).split('/', 1);
  if (name === undefined || !reference.startsWith(SCHEMAS_AT)) {
    throw new Error(`${reference} refers to no schema of the document`);
  }
  return name;
}
