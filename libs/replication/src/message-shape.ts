/**
 * Shapes of JSON values that other brokers send, as data: one function checks a value against a
 * shape, and a test can make all wrong values from it.
 *
 * A shape says what must be there. Members that it does not name are accepted: a broker of the next
 * version may send them (replication-safety 4.9).
 */

/** Entries of any list. The bytes of a message bound it further. */
const LIST_COUNT_MAX = 1_000_000;

export type MessageShape =
  | { readonly kind: 'text'; readonly lengthMin: number; readonly lengthMax: number }
  | { readonly kind: 'whole'; readonly min: number; readonly max: number }
  | { readonly kind: 'flag' }
  | { readonly kind: 'null' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'list'; readonly item: MessageShape; readonly countMax: number }
  | { readonly kind: 'object'; readonly members: readonly ShapeMember[] }
  | { readonly kind: 'either'; readonly shapes: readonly MessageShape[] };

/** A member of an object. */
interface ShapeMember {
  readonly name: string;
  readonly shape: MessageShape;
  /** True where it may be left out. */
  readonly isOptional: boolean;
}

/** The place of a wrong value, and what is accepted there. */
export interface ShapeFault {
  /** JSON pointer (RFC 6901); the empty text is the whole body. */
  readonly pointer: string;
  readonly accepted: string;
}

type Members = Readonly<Record<string, MessageShape>>;

export function text(lengthMin: number, lengthMax: number): MessageShape {
  return { kind: 'text', lengthMin, lengthMax };
}

export function wholeNumber(min: number, max: number): MessageShape {
  return { kind: 'whole', min, max };
}

export const flag: MessageShape = { kind: 'flag' };

export function choice(...choices: readonly string[]): MessageShape {
  return { kind: 'choice', choices };
}

export function list(item: MessageShape): MessageShape {
  return { kind: 'list', item, countMax: LIST_COUNT_MAX };
}

export function anyOf(...shapes: readonly MessageShape[]): MessageShape {
  return { kind: 'either', shapes };
}

export function nullable(shape: MessageShape): MessageShape {
  return anyOf({ kind: 'null' }, shape);
}

/** @param optional members that may be left out, but are not null then */
export function object(required: Members, optional: Members = {}): MessageShape {
  return { kind: 'object', members: [...members(required, false), ...members(optional, true)] };
}

function members(shapes: Members, isOptional: boolean): ShapeMember[] {
  return Object.entries(shapes).map(([name, shape]) => ({ name, shape, isOptional }));
}

/**
 * @returns the first fault, or undefined for a value of the shape; a right value costs no memory
 */
export function shapeFault(value: unknown, shape: MessageShape): ShapeFault | undefined {
  switch (shape.kind) {
    case 'list':
      return listFault(value, shape);
    case 'object':
      return objectFault(value, shape);
    case 'either':
      return shape.shapes.some((alternative) => shapeFault(value, alternative) === undefined)
        ? undefined
        : faultHere(shape);
    case 'text':
    case 'whole':
    case 'flag':
    case 'null':
    case 'choice':
      return isScalar(value, shape) ? undefined : faultHere(shape);
    default:
      return shape satisfies never;
  }
}

type ShapeOf<Kind> = Extract<MessageShape, { readonly kind: Kind }>;
type ScalarShape = Exclude<MessageShape, ShapeOf<'list' | 'object' | 'either'>>;

function isScalar(value: unknown, shape: ScalarShape): boolean {
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
      return typeof value === 'string' && shape.choices.includes(value);
    default:
      return shape satisfies never;
  }
}

function listFault(value: unknown, shape: ShapeOf<'list'>): ShapeFault | undefined {
  if (!Array.isArray(value) || value.length > shape.countMax) return faultHere(shape);
  for (let index = 0; index < value.length; index += 1) {
    const fault = shapeFault(value[index], shape.item);
    if (fault !== undefined) return faultBelow(String(index), fault);
  }
  return undefined;
}

function objectFault(value: unknown, shape: ShapeOf<'object'>): ShapeFault | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return faultHere(shape);
  for (const { name, shape: memberShape, isOptional } of shape.members) {
    const member: unknown = Object.hasOwn(value, name)
      ? (value as Readonly<Record<string, unknown>>)[name]
      : undefined;
    if (member === undefined && isOptional) continue;
    const fault = shapeFault(member, memberShape);
    if (fault !== undefined) return faultBelow(name, fault);
  }
  return undefined;
}

function faultHere(shape: MessageShape): ShapeFault {
  return { pointer: '', accepted: acceptedBy(shape) };
}

/** Pointers are built when a fault is reported, so that valid messages build none. */
function faultBelow(name: string, { pointer, accepted }: ShapeFault): ShapeFault {
  return { pointer: `/${name}${pointer}`, accepted };
}

/** The sentence's part after "is not". */
function acceptedBy(shape: MessageShape): string {
  switch (shape.kind) {
    case 'text':
      return `a text of ${shape.lengthMin} to ${shape.lengthMax} characters`;
    case 'whole':
      return `a whole number from ${shape.min} to ${shape.max}`;
    case 'flag':
      return 'true or false';
    case 'null':
      return 'null';
    case 'choice':
      return shape.choices.map((choice) => `"${choice}"`).join(' or ');
    case 'list':
      return `a list of at most ${shape.countMax} entries`;
    case 'object': {
      const required = shape.members.filter(({ isOptional }) => !isOptional);
      return `an object with ${required.map(({ name }) => `"${name}"`).join(', ')}`;
    }
    case 'either':
      return shape.shapes.map(acceptedBy).join(' or ');
    default:
      return shape satisfies never;
  }
}
