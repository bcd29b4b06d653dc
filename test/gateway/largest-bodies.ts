/**
 * The largest bodies that a JSON Schema allows and forbids, as texts: repeated, unknown, deeply
 * nested and wrong members, at every object and list of the schema.
 */

/** The parts of a JSON Schema that this file uses. */
export interface BodySchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, BodySchema>>;
  readonly additionalProperties?: boolean | BodySchema;
  readonly items?: BodySchema;
  readonly oneOf?: readonly BodySchema[];
  readonly anyOf?: readonly BodySchema[];
  readonly allOf?: readonly BodySchema[];
}

/** Finds the schema of a `$ref`. */
export type SchemaLookup = (reference: string) => BodySchema | undefined;

export interface Body {
  readonly name: string;
  readonly text: string;
}

/** Sizes of the bodies. */
export interface BodySizes {
  readonly bytesMax: number;
  /** Numbers of items and members besides the largest that fit: the bounds of the gateway. */
  readonly counts: readonly number[];
}

/** A place in a body: the text before and after the value there. */
interface Place {
  readonly pointer: string;
  readonly before: string;
  readonly after: string;
  readonly schema: BodySchema;
}

const DEPTH_MAX = 5;

/** Yields all bodies for a schema: each is large. */
export function* largestBodies(
  schema: BodySchema,
  lookup: SchemaLookup,
  sizes: BodySizes,
): Generator<Body> {
  for (const place of placesOf({ pointer: '', before: '', after: '', schema }, lookup, 0)) {
    const room = sizes.bytesMax - place.before.length - place.after.length - 2;
    for (const { name, text } of valuesFor(place.schema, room, sizes.counts)) {
      yield { name: `${place.pointer} ${name}`, text: place.before + text + place.after };
    }
  }
}

function* placesOf(place: Place, lookup: SchemaLookup, depth: number): Generator<Place> {
  const { pointer, before, after } = place;
  for (const schema of alternativesOf(place.schema, lookup)) {
    yield { ...place, schema };
    if (depth === DEPTH_MAX) continue;
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const inside = { pointer: `${pointer}/${name}`, before: `${before}{"${name}":` };
      yield* placesOf({ ...inside, after: `}${after}`, schema: member }, lookup, depth + 1);
    }
    if (schema.items !== undefined) {
      const inside = { pointer: `${pointer}/0`, before: `${before}[` };
      yield* placesOf({ ...inside, after: `]${after}`, schema: schema.items }, lookup, depth + 1);
    }
  }
}

/** Returns a schema without `$ref`, once for each alternative. */
function alternativesOf(schema: BodySchema, lookup: SchemaLookup): BodySchema[] {
  if (schema.$ref !== undefined) {
    const named = lookup(schema.$ref);
    return named === undefined ? [] : alternativesOf(named, lookup);
  }
  const alternatives = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  if (alternatives.length === 0) return [schema];
  const containers = alternatives
    .flatMap((each) => alternativesOf(each, lookup))
    .filter(({ properties, items, additionalProperties }) => {
      return (properties ?? items ?? additionalProperties) !== undefined;
    });
  return containers.length > 0 ? containers : [{}];
}

function* valuesFor(schema: BodySchema, room: number, counts: readonly number[]): Generator<Body> {
  const isMap = schema.properties !== undefined || schema.additionalProperties !== undefined;
  const isList = schema.items !== undefined;
  const known = Object.keys(schema.properties ?? {})[0] ?? 'known';
  const numberOf = (sizeBytes: number): number[] => {
    const fitting = Math.floor(room / (sizeBytes + 1));
    return [...new Set([...counts.filter((count) => count < fitting), fitting])];
  };
  if (isMap) {
    for (const count of numberOf(known.length + 5)) {
      const text = `{${filled(`"${known}":{}`, count)}}`;
      yield { name: `${count} times the member ${known}`, text };
    }
    for (const count of numberOf(12)) {
      const members = Array.from({ length: count }, (_, index) => `"u${index}":0`);
      yield { name: `${count} unknown members`, text: `{${members.join(',')}}` };
    }
  }
  if (isList) {
    for (const item of ['{"x":0}', '{}', '0', '[]', 'null', '""']) {
      for (const count of numberOf(item.length)) {
        yield { name: `${count} items ${item}`, text: `[${filled(item, count)}]` };
      }
    }
  }
  if (isMap || isList) {
    yield { name: 'nested lists', text: '['.repeat(room / 2) + ']'.repeat(room / 2) };
    yield { name: 'nested objects', text: `${'{"a":'.repeat(room / 6)}0${'}'.repeat(room / 6)}` };
    yield { name: 'a long list', text: `[${filled('1', Math.floor(room / 2))}]` };
    yield { name: 'a long string of escapes', text: `"${'\\n'.repeat(room / 2)}"` };
  }
}

/** Repeats `text`, separated by commas. */
function filled(text: string, count: number): string {
  return `${text},`.repeat(count).slice(0, -1);
}
