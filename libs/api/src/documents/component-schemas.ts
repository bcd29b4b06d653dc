import { assert } from '#runtime';
import { ENTRY_POINT_SCHEMAS } from '../entry-points.js';
import { CONFIG_SCHEMAS } from '../rest/config-schemas.js';
import { RECORD_SCHEMAS } from '../rest/record-schemas.js';
import { schemaOfClassNamed } from '../schema/dto-schemas.js';
import { referencesIn, type Schema } from '../schema/json-schema.js';
import { PROBLEM_SCHEMAS } from './problem-responses.js';

/** Schemas that are not those of classes. */
const CONSTANT_SCHEMAS: Readonly<Record<string, Schema>> = {
  ...RECORD_SCHEMAS,
  ...CONFIG_SCHEMAS,
  ...PROBLEM_SCHEMAS,
  ...ENTRY_POINT_SCHEMAS,
};

/** Returns the schemas that a part of a document refers to, directly or not, by name. */
export function componentSchemas(part: unknown): Record<string, Schema> {
  const schemas: Record<string, Schema> = {};
  const reach = (name: string): void => {
    if (Object.hasOwn(schemas, name)) return;
    const schema = CONSTANT_SCHEMAS[name] ?? schemaOfClassNamed(name);
    assert(schema !== undefined, `there is no schema ${name}`);
    schemas[name] = schema;
    for (const other of referencesIn(schema)) reach(other);
  };
  for (const name of referencesIn(part)) reach(name);
  return schemas;
}
