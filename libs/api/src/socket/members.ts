import { Accepts } from '../schema/members.js';
import { INT32_MAX } from '../schema/values.js';

/** Longest name of a subscription, in UTF-16 code units. */
const SUBSCRIPTION_LENGTH_MAX = 255;

/** JSON Schema of a subscription's name. */
export const SUBSCRIPTION = {
  type: 'string',
  minLength: 1,
  maxLength: SUBSCRIPTION_LENGTH_MAX,
  description: 'Name of the subscription, chosen by the client, unique on its connection.',
} as const;

/** The name of a subscription. */
export function IsSubscriptionName(): PropertyDecorator {
  const message = `must be a string of 1 to ${SUBSCRIPTION_LENGTH_MAX} characters`;
  return Accepts(message, (value) => {
    return typeof value === 'string' && value !== '' && value.length <= SUBSCRIPTION_LENGTH_MAX;
  });
}

/** A topic by name, or all topics whose whole names match a pattern. */
export type TopicChoice = string | { readonly pattern: string };

/** A list of at least one topic or pattern. */
export function IsListOfTopics(): PropertyDecorator {
  const message = 'must be a list of at least one topic or {"pattern": ...}, none of them twice';
  return Accepts(message, (value) => isSetOf(value, isTopicChoice));
}

/** A list of at least one partition. */
export function IsListOfPartitions(): PropertyDecorator {
  const message =
    'must be a list of at least one partition (whole numbers from 0), none of them twice';
  return Accepts(message, (value) => {
    return isSetOf(value, (partition) => isWholeNumber(partition, INT32_MAX));
  });
}

/** A list of at least one offset. */
export function IsListOfOffsets(): PropertyDecorator {
  const message =
    'must be a list of at least one offset (whole numbers from 0), none of them twice';
  return Accepts(message, (value) => {
    return isSetOf(value, (offset) => isWholeNumber(offset, Number.MAX_SAFE_INTEGER));
  });
}

/** A string or an object; its content is checked where it is used. */
export function IsStringOrObject(message: string): PropertyDecorator {
  return Accepts(message, (value) => {
    return typeof value === 'string' || (typeof value === 'object' && value !== null);
  });
}

/** True when `value` is a whole number from 0 to `max`. */
export function isWholeNumber(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

function isSetOf(value: unknown, isMember: (member: unknown) => boolean): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(isMember) &&
    new Set(value).size === value.length
  );
}

function isTopicChoice(value: unknown): boolean {
  if (typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null || !('pattern' in value)) return false;
  return typeof value.pattern === 'string' && Object.keys(value).length === 1;
}
