/** Copies of JSON values that differ in one place: near misses for tests of accepted values. */

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** Values of every kind, and common bounds. */
const REPLACEMENTS: readonly Json[] = [
  'x',
  '',
  '0',
  'x'.repeat(255),
  'x'.repeat(256),
  true,
  null,
  {},
  [],
  -1,
  0,
  1,
  1.5,
  2 ** 31 - 1,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER + 1,
];

/**
 * Yields the value itself, and its copies in which one member or item is replaced, omitted,
 * repeated in a list, or joined by an unknown one.
 * @returns the difference, and the copy
 */
export function* mutationsOf(value: Json): Generator<readonly [what: string, copy: Json]> {
  yield ['as it is', value];
  yield* changesOf(value, '');
}

function* changesOf(value: Json, where: string): Generator<readonly [string, Json]> {
  if (Array.isArray(value)) yield* listChanges(value as readonly Json[], where);
  else if (typeof value === 'object' && value !== null) {
    yield* objectChanges(value as Readonly<Record<string, Json>>, where);
  }
}

function* listChanges(list: readonly Json[], where: string): Generator<readonly [string, Json]> {
  const [first] = list;
  if (first === undefined) return;
  yield [`${where} repeats an item`, [...list, first]];
  for (const [what, item] of memberChanges(first, `${where}/0`)) {
    yield [what, [item, ...list.slice(1)]];
  }
}

function* objectChanges(
  object: Readonly<Record<string, Json>>,
  where: string,
): Generator<readonly [string, Json]> {
  yield [`${where}/nonsense is added`, { ...object, nonsense: 1 }];
  for (const [name, member] of Object.entries(object)) {
    const { [name]: _, ...others } = object;
    yield [`${where}/${name} is left out`, others];
    for (const [what, changed] of memberChanges(member, `${where}/${name}`)) {
      yield [what, { ...object, [name]: changed }];
    }
  }
}

function* memberChanges(member: Json, where: string): Generator<readonly [string, Json]> {
  for (const other of REPLACEMENTS) {
    if (JSON.stringify(other) !== JSON.stringify(member)) {
      yield [`${where} is ${JSON.stringify(other).slice(0, 20)}`, other];
    }
  }
  yield* changesOf(member, where);
}
