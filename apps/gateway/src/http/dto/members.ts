import { Allow, ValidateBy, ValidateIf } from 'class-validator';

/** The member may be left out; null is a value like any other and must pass the checks. */
export function OptionalMember(): PropertyDecorator {
  return ValidateIf((_body: object, value: unknown) => value !== undefined);
}

/** null passes without the checks: it says the same as leaving the member out. */
export function NullableMember(): PropertyDecorator {
  return ValidateIf((_body: object, value: unknown) => value !== null);
}

/** A member that an answer has: a body may repeat it, and it is ignored there. */
export function IsAnsweredOnly(): PropertyDecorator {
  return Allow();
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
  return ValidateBy({
    name: 'isWholeNumber',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
      defaultMessage: () => message,
    },
  });
}

/** A list of at least one object. */
export function IsListOfObjects(message: string): PropertyDecorator {
  const isObject = (member: unknown): boolean => typeof member === 'object' && member !== null;
  return ValidateBy({
    name: 'isListOfObjects',
    validator: {
      validate: (value: unknown) =>
        Array.isArray(value) && value.length > 0 && value.every(isObject),
      defaultMessage: () => message,
    },
  });
}

/** A list of broker ids. */
export function IsBrokerIds(): PropertyDecorator {
  return ValidateBy({
    name: 'isBrokerIds',
    validator: {
      validate: (value: unknown) => Array.isArray(value) && value.every(isBrokerId),
      defaultMessage: () => 'must be a list of broker ids',
    },
  });
}

function isBrokerId(id: unknown): boolean {
  return Number.isSafeInteger(id) && (id as number) >= 0;
}

/** A list that has a list of broker ids for each partition. */
export function IsReplicaAssignment(): PropertyDecorator {
  return ValidateBy({
    name: 'isReplicaAssignment',
    validator: {
      validate: (value: unknown) =>
        Array.isArray(value) && value.every((ids) => Array.isArray(ids) && ids.every(isBrokerId)),
      defaultMessage: () => 'must have a list of broker ids for each partition',
    },
  });
}

/** A DTO without the members that were left out. */
export function present<T extends object>(dto: T): T {
  return Object.fromEntries(Object.entries(dto).filter(([, value]) => value !== undefined)) as T;
}
