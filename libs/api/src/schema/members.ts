/**
 * Decorators for the members of a body, a query, an answer or a message's data: their description
 * in the documents, and the checks of class-validator, in the form that dto-check.ts applies.
 *
 * class-validator's own `validate` takes about 50 microseconds for each faulty object and describes
 * all of them: a client that sends a body of faults would block the event loop for a second. These
 * rules are read once from its metadata and applied without creating an object for each member.
 */
import {
  Allow,
  getMetadataStorage,
  ValidateBy,
  ValidateIf,
  type ValidationArguments,
  ValidationTypes,
} from 'class-validator';
import type { Schema } from './json-schema.js';

/** A class whose members have rules. */
export type DtoClass = new () => object;

/** The rule of one member. */
export interface MemberRule {
  /** The value is checked if all of these are true. */
  readonly conditions: readonly ((object: object, value: unknown) => boolean)[];
  readonly checks: readonly MemberCheck[];
  /** Converts a query's text into a value; other texts stay unchanged. */
  readonly fromText: ((text: unknown) => unknown) | undefined;
  /** Class of a list's items. */
  readonly itemsOf: (() => DtoClass) | undefined;
}

/** One constraint of a member. */
interface MemberCheck {
  accepts(value: unknown): boolean;
  /** Sentence about the accepted values: completes "/name: ...". */
  readonly message: string;
}

/** Rules that class-validator cannot express. */
interface MemberConversion {
  fromText?: (text: unknown) => unknown;
  itemsOf?: () => DtoClass;
}

/** A member in the documents. */
export interface MemberDescription {
  readonly schema: Schema;
  readonly isRequired: boolean;
}

const DESCRIPTIONS = new Map<unknown, Map<string, MemberDescription>>();
const CONVERSIONS = new Map<unknown, Map<string, MemberConversion>>();
const RULES = new Map<DtoClass, ReadonlyMap<string, MemberRule>>();

/**
 * Returns the rules of a class by member, in the order of the class; none for a class without
 * decorated members.
 */
export function memberRules(type: DtoClass): ReadonlyMap<string, MemberRule> {
  let rules = RULES.get(type);
  if (rules === undefined) {
    rules = readRules(type);
    RULES.set(type, rules);
  }
  return rules;
}

function readRules(type: DtoClass): ReadonlyMap<string, MemberRule> {
  const storage = getMetadataStorage();
  const metadata = storage.getTargetValidationMetadatas(type, '', true, false);
  const rules = new Map<string, MemberRule>();
  for (const [name, own] of Object.entries(storage.groupByPropertyName(metadata))) {
    const conditions = own
      .filter(({ type: kind }) => kind === ValidationTypes.CONDITIONAL_VALIDATION)
      .map(({ constraints }) => constraints[0] as MemberRule['conditions'][number]);
    const checks = own
      .filter(({ type: kind }) => kind === ValidationTypes.CUSTOM_VALIDATION)
      .flatMap(({ constraintCls }) => storage.getTargetValidatorConstraints(constraintCls))
      .map(({ instance }) => ({
        accepts: (value: unknown) => instance.validate(value, NO_ARGUMENTS) === true,
        message: instance.defaultMessage?.(NO_ARGUMENTS) ?? '',
      }));
    const { fromText, itemsOf } = CONVERSIONS.get(type.prototype)?.get(name) ?? {};
    rules.set(name, { conditions, checks, fromText, itemsOf });
  }
  return rules;
}

/** Arguments for our checks, which use only the value. */
const NO_ARGUMENTS: ValidationArguments = {
  value: undefined,
  constraints: [],
  targetName: '',
  object: {},
  property: '',
};

function converts(change: MemberConversion): PropertyDecorator {
  return (prototype, name) => {
    const members = CONVERSIONS.get(prototype) ?? new Map<string, MemberConversion>();
    CONVERSIONS.set(prototype, members);
    members.set(String(name), { ...members.get(String(name)), ...change });
  };
}

/** A member that passes a check. */
export function Accepts(message: string, accepts: (value: unknown) => boolean): PropertyDecorator {
  return ValidateBy({
    name: 'accepts',
    validator: { validate: accepts, defaultMessage: () => message },
  });
}

/**
 * Describes a member that an object always has. The checks of a client's object are decorators of
 * their own, after this one.
 */
export function Member(schema: Schema): PropertyDecorator {
  return describes({ schema, isRequired: true });
}

/**
 * Describes a member that may be omitted: its checks apply only if it is present. null is a value
 * like any other and must pass the checks.
 */
export function OptionalMember(schema: Schema): PropertyDecorator {
  return (prototype, name) => {
    describes({ schema, isRequired: false })(prototype, name);
    CheckedIfPresent()(prototype, name);
  };
}

/** The checks apply only if the member is present. */
function CheckedIfPresent(): PropertyDecorator {
  return ValidateIf((_object: object, value: unknown) => value !== undefined);
}

function describes(description: MemberDescription): PropertyDecorator {
  return (prototype, name) => {
    const members = DESCRIPTIONS.get(prototype) ?? new Map<string, MemberDescription>();
    DESCRIPTIONS.set(prototype, members);
    members.set(String(name), description);
  };
}

/** Returns the descriptions of the members of a class: inherited ones first, in order. */
export function memberDescriptions(type: DtoClass): ReadonlyMap<string, MemberDescription> {
  const members = new Map<string, MemberDescription>();
  const add = (prototype: object | null): void => {
    if (prototype === null) return;
    add(Object.getPrototypeOf(prototype) as object | null);
    for (const [name, member] of DESCRIPTIONS.get(prototype) ?? []) members.set(name, member);
  };
  add(type.prototype as object);
  return members;
}

/** A query parameter of another type than text. */
export function FromText(fromText: (text: unknown) => unknown): PropertyDecorator {
  return converts({ fromText });
}

export function IsText(message = 'must be a string'): PropertyDecorator {
  return Accepts(message, (value) => typeof value === 'string');
}

export function MatchesText(pattern: RegExp, message: string): PropertyDecorator {
  return Accepts(message, (value) => typeof value === 'string' && pattern.test(value));
}

export function IsOneOf(words: readonly unknown[], message: string): PropertyDecorator {
  return Accepts(message, (value) => words.includes(value));
}

export function IsTrueOrFalse(): PropertyDecorator {
  return Accepts('must be true or false', (value) => typeof value === 'boolean');
}

/** An object, not a list. */
export function IsMap(message: string): PropertyDecorator {
  return Accepts(message, isObject);
}

/** null passes without the checks, because it means the same as omitting the member. */
export function NullableMember(): PropertyDecorator {
  return ValidateIf((_object: object, value: unknown) => value !== null);
}

/** A member of answers: a body may repeat it, and it is ignored there. */
export function IsAnsweredOnly(): PropertyDecorator {
  return Allow();
}

/**
 * A whole number from `min` to `max`.
 * @param message used if the broker has narrower bounds than these
 */
export function IsWholeNumber(
  min: number,
  max: number,
  message = `must be a whole number from ${min} to ${max}`,
): PropertyDecorator {
  return Accepts(
    message,
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
  );
}

/** A list of objects of a class, by default of at least one. */
export function IsListOf(
  itemsOf: () => DtoClass,
  message: string,
  itemsMin = 1,
): PropertyDecorator {
  const isList = Accepts(
    message,
    (value) => Array.isArray(value) && value.length >= itemsMin && value.every(isObject),
  );
  return (prototype, name) => {
    isList(prototype, name);
    converts({ itemsOf })(prototype, name);
  };
}

/** A list of broker ids. */
export function IsBrokerIds(): PropertyDecorator {
  return Accepts(
    'must be a list of broker ids',
    (value) => Array.isArray(value) && value.every(isBrokerId),
  );
}

/** A list with one list of broker ids per partition. */
export function IsReplicaAssignment(): PropertyDecorator {
  return Accepts(
    'must have a list of broker ids for each partition',
    (value) =>
      Array.isArray(value) && value.every((ids) => Array.isArray(ids) && ids.every(isBrokerId)),
  );
}

function isBrokerId(id: unknown): boolean {
  return Number.isSafeInteger(id) && (id as number) >= 0;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns a DTO without omitted members. */
export function present<T extends object>(dto: T): T {
  return Object.fromEntries(Object.entries(dto).filter(([, value]) => value !== undefined)) as T;
}
