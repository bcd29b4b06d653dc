/**
 * Decorators that say what a member of a body, a query or a message's data has to be; dto-check.ts applies
 * them.
 */

/** A class whose members have rules. */
export type DtoClass = new () => object;

/** What a member has to be. */
export interface MemberRule {
  /** The member may be left out. */
  isOptional: boolean;
  /** null passes without the check. */
  isNullable?: boolean;
  /** Turns a query's text into a value; a text that it does not know it leaves as it is. */
  fromText?: (text: unknown) => unknown;
  accepts?: (value: unknown) => boolean;
  /** What is accepted: completes "/name: ...". */
  message: string;
  /** The class of a list's items. */
  itemsOf?: () => DtoClass;
}

const RULES = new Map<unknown, Map<string, MemberRule>>();

/** The rules of a class by member. A class without a decorated member has none. */
export function memberRules(type: DtoClass): ReadonlyMap<string, MemberRule> {
  return RULES.get(type.prototype) ?? NO_RULES;
}

const NO_RULES: ReadonlyMap<string, MemberRule> = new Map();

function decorate(change: (rule: MemberRule) => void): PropertyDecorator {
  return (prototype, name) => {
    const rules = RULES.get(prototype) ?? new Map<string, MemberRule>();
    RULES.set(prototype, rules);
    const rule = rules.get(String(name)) ?? { isOptional: false, message: 'is not acceptable' };
    rules.set(String(name), rule);
    change(rule);
  };
}

/** A member that passes a check. */
export function Accepts(message: string, accepts: (value: unknown) => boolean): PropertyDecorator {
  return decorate((rule) => Object.assign(rule, { message, accepts }));
}

/** The member may be left out; null is a value like any other and must pass the checks. */
export function OptionalMember(): PropertyDecorator {
  return decorate((rule) => Object.assign(rule, { isOptional: true }));
}

/** A query parameter that is more than a text. */
export function FromText(fromText: (text: unknown) => unknown): PropertyDecorator {
  return decorate((rule) => Object.assign(rule, { fromText }));
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

/** null passes without the checks: it says the same as leaving the member out. */
export function NullableMember(): PropertyDecorator {
  return decorate((rule) => Object.assign(rule, { isNullable: true }));
}

/** A member that an answer has: a body may repeat it, and it is ignored there. */
export function IsAnsweredOnly(): PropertyDecorator {
  return decorate((rule) => Object.assign(rule, { isOptional: true }));
}

/**
 * A whole number from `min` to `max`.
 * @param message where the bounds are not for people: the broker has narrower ones
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

/** A list of at least one object of a class. */
export function IsListOf(itemsOf: () => DtoClass, message: string): PropertyDecorator {
  return decorate((rule) =>
    Object.assign(rule, {
      message,
      itemsOf,
      accepts: (value: unknown) =>
        Array.isArray(value) && value.length > 0 && value.every(isObject),
    }),
  );
}

/** A list of broker ids. */
export function IsBrokerIds(): PropertyDecorator {
  return Accepts(
    'must be a list of broker ids',
    (value) => Array.isArray(value) && value.every(isBrokerId),
  );
}

/** A list that has a list of broker ids for each partition. */
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

/** A DTO without the members that were left out. */
export function present<T extends object>(dto: T): T {
  return Object.fromEntries(Object.entries(dto).filter(([, value]) => value !== undefined)) as T;
}
