/** A JSON Schema of draft 2020-12, as OpenAPI 3.1 uses it. */
import { assert } from '#runtime';
export type Schema = Readonly<Record<string, unknown>>;

/** Place of the named schemas in both documents. */
const SCHEMAS_AT = '#/components/schemas/';

/** Returns a reference to a schema among the components of a document. */
export function ref(name: string): Schema {
  return { $ref: SCHEMAS_AT + name };
}

/** Returns a schema that also accepts null. @param schema has one type */
export function nullable<T extends Schema & { readonly type: string }>(
  schema: T,
): Omit<T, 'type'> & { readonly type: readonly [string, 'null'] } {
  return { ...schema, type: [schema.type, 'null'] };
}

/** Yields the names of the schemas that a schema or another part of a document refers to. */
export function* referencesIn(part: unknown): Generator<string> {
  if (typeof part !== 'object' || part === null) return;
  for (const [name, value] of Object.entries(part)) {
    if (name === '$ref' && typeof value === 'string') yield nameIn(value);
    else yield* referencesIn(value);
  }
}

/** Returns the name of the schema that a reference points to, or into. */
function nameIn(reference: string): string {
  const [name] = reference.slice(SCHEMAS_AT.length).split('/', 1);
  const isSchema = name !== undefined && reference.startsWith(SCHEMAS_AT);
  assert(isSchema, `${reference} refers to no schema of the document`);
  return name;
}
