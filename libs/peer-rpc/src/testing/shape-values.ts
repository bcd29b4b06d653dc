/** Valid and invalid values, generated from the shape of a message. */
import type { PEER_CALLS, PeerMethod } from '#replication';

type Shape = (typeof PEER_CALLS)[PeerMethod]['body'];

export interface WrongValue {
  readonly what: string;
  /** JSON pointer to the wrong value. */
  readonly pointer: string;
  readonly value: unknown;
}

/** Kinds of JSON values: a shape refuses every value of a kind that it does not name. */
type ValueKind = 'text' | 'number' | 'flag' | 'null' | 'list' | 'object';

const VALUES: Readonly<Record<ValueKind, readonly unknown[]>> = {
  text: ['no such text', ''],
  number: [1, 1.5, -(10 ** 17), 10 ** 17],
  flag: [true],
  null: [null],
  list: [[]],
  object: [{}],
};

/** Returns a value of the shape: lists have one entry, and optional members are present. */
export function rightValue(shape: Shape): unknown {
  switch (shape.kind) {
    case 'text':
      return 'x'.repeat(Math.max(1, shape.lengthMin));
    case 'whole':
      return Math.max(1, shape.min);
    case 'flag':
      return true;
    case 'null':
      return null;
    case 'choice':
      return shape.choices[0];
    case 'list':
      return [rightValue(shape.item)];
    case 'object':
      return Object.fromEntries(
        shape.members.map((member) => [member.name, rightValue(member.shape)]),
      );
    case 'either':
      return rightValue(shape.shapes.at(-1) as Shape);
    default:
      return shape satisfies never;
  }
}

/** Returns all values that differ from the right one in one place, where they violate the shape. */
export function wrongValues(shape: Shape): WrongValue[] {
  return [...wrongHere(shape), ...wrongBelow(shape)];
}

function wrongHere(shape: Shape): WrongValue[] {
  const kinds = kindsOf(shape);
  const ofOtherKinds = Object.entries(VALUES)
    .filter(([kind]) => !kinds.includes(kind as ValueKind))
    .flatMap(([, values]) => values);
  return [...ofOtherKinds, ...justOutside(shape)].map((value) => ({
    what: Array.isArray(value) ? `a list of ${value.length}` : JSON.stringify(value).slice(0, 40),
    pointer: '',
    value,
  }));
}

/** Returns the kinds of the values that a shape accepts. */
function kindsOf(shape: Shape): ValueKind[] {
  switch (shape.kind) {
    case 'choice':
      return ['text'];
    case 'whole':
      return ['number'];
    case 'either':
      return shape.shapes.flatMap(kindsOf);
    case 'text':
    case 'flag':
    case 'null':
    case 'list':
    case 'object':
      return [shape.kind];
    default:
      return shape satisfies never;
  }
}

/** Returns values of an accepted kind that the shape refuses; no two alternatives share a kind. */
function justOutside(shape: Shape): unknown[] {
  switch (shape.kind) {
    case 'text':
      return [
        ...(shape.lengthMin > 0 ? ['x'.repeat(shape.lengthMin - 1)] : []),
        ...(shape.lengthMax < 1000 ? ['x'.repeat(shape.lengthMax + 1)] : []),
      ];
    case 'whole':
      // Beyond 2^53 the next number in a double may be the bound itself.
      return [1.5, shape.min - 1, shape.max + 1].filter((value) => {
        return !Number.isInteger(value) || value < shape.min || value > shape.max;
      });
    case 'choice':
      return VALUES.text.filter((value) => !shape.choices.includes(String(value)));
    case 'list':
      return [longList(shape.countMax + 1)];
    case 'either':
      return shape.shapes.flatMap(justOutside);
    // An object that lacks a member of its own is a case of `wrongBelow`.
    case 'object':
    case 'flag':
    case 'null':
      return [];
    default:
      return shape satisfies never;
  }
}

const longLists = new Map<number, readonly unknown[]>();

/** Returns a list of zeros, the same for all shapes: it may have a million entries. */
function longList(count: number): readonly unknown[] {
  const known = longLists.get(count) ?? Array.from<unknown>({ length: count }).fill(0);
  longLists.set(count, known);
  return known;
}

function wrongBelow(shape: Shape): WrongValue[] {
  if (shape.kind === 'list') {
    return wrongValues(shape.item).map(({ what, pointer, value }) => ({
      what: `in a list: ${what}`,
      pointer: `/0${pointer}`,
      value: [value],
    }));
  }
  if (shape.kind !== 'object') return [];
  const right = rightValue(shape) as Record<string, unknown>;
  return shape.members.flatMap(({ name, shape: member, isOptional }) => {
    const wrong = wrongValues(member).map(({ what, pointer, value }) => ({
      what: `${name}: ${what}`,
      pointer: `/${name}${pointer}`,
      value: { ...right, [name]: value },
    }));
    if (isOptional) return wrong;
    const { [name]: _left, ...without } = right;
    return [{ what: `${name} is missing`, pointer: `/${name}`, value: without }, ...wrong];
  });
}
