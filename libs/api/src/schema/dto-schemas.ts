import { assert } from '#runtime';
import { ref, type Schema } from './json-schema.js';
import { type DtoClass, memberDescriptions } from './members.js';

/** Classes that schemas refer to, by the names of their schemas. */
const NAMED = new Map<string, DtoClass>();

/**
 * Returns a reference to the schema of a class. The schema has the name of the class without `Dto`.
 */
export function refTo(type: DtoClass): Schema {
  const name = type.name.replace(/Dto$/, '');
  const named = NAMED.get(name);
  assert(named === undefined || named === type, `two classes are named ${type.name}`);
  NAMED.set(name, type);
  return ref(name);
}

/** Returns the schema of a list of objects of a class. @param more further keywords */
export function listOf(type: DtoClass, more: Schema = {}): Schema {
  return { type: 'array', items: refTo(type), ...more };
}

/**
 * Returns the schema of the class that has a name because something refers to it; undefined if
 * nothing does.
 */
export function schemaOfClassNamed(name: string): Schema | undefined {
  const type = NAMED.get(name);
  return type && schemaOf(type);
}

function schemaOf(type: DtoClass): Schema {
  const members = [...memberDescriptions(type)];
  const required = members.filter(([, { isRequired }]) => isRequired).map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(members.map(([name, { schema }]) => [name, schema])),
    ...(required.length === 0 ? {} : { required }),
  };
}
