/** Valid and invalid values, generated from the shape of a message. */
import type { PEER_CALLS, PeerMethod } from '#replication';

type Shape = (typeof PEER_CALLS)[PeerMethod]['body'];

export interface WrongValue {
  readonly what: string;
  /** JSON pointer to the wrong value. */
  readonly pointer: string;
  readonly value: unknown;
}

const ANY_VALUES = [null, true, 1, 1.5, -(10 ** 17), 10 ** 17, '', 'no such text', [], {}];

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
  const candidates: unknown[] = [
    ...ANY_VALUES,
    ...(shape.kind === 'whole' ? [shape.min - 1, shape.max + 1] : []),
    ...(shape.kind === 'text' && shape.lengthMax < 1000 ? ['x'.repeat(shape.lengthMax + 1)] : []),
    ...(shape.kind === 'list' ? [Array(shape.countMax + 1).fill(0)] : []),
  ];
  return candidates
    .filter((value) => !isRight(value, shape))
    .map((value) => ({
      what: JSON.stringify(value).slice(0, 40),
      pointer: '',
      value,
    }));
}

/** True when the value itself fits; the cases below check the members of an object. */
function isRight(value: unknown, shape: Shape): boolean {
  switch (shape.kind) {
    case 'text':
      return (
        typeof value === 'string' &&
        value.length >= shape.lengthMin &&
        value.length <= shape.lengthMax
      );
    case 'whole':
      return Number.isInteger(value) && Number(value) >= shape.min && Number(value) <= shape.max;
    case 'flag':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    case 'choice':
      return shape.choices.includes(value as string);
    case 'list':
      return Array.isArray(value) && value.length === 0;
    case 'object':
      // An empty object lacks a member, which is a separate case.
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'either':
      return shape.shapes.some(
        (alternative) => isRight(value, alternative) && alternative.kind !== 'object',
      );
    default:
      return shape satisfies never;
  }
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
