import { optionError } from '../sluice-error.js';

/** Longest time of a timer, ms: one that is longer ends at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What is accepted in place of a value; undefined for a value that is accepted. */
export type Check = (value: unknown) => string | undefined;

/** Returns the check of values for which a condition holds. */
export function check(isAccepted: (value: unknown) => boolean, accepted: string): Check {
  return (value) => (isAccepted(value) ? undefined : `must be ${accepted}`);
}

export function isWhole(value: unknown, least = 0): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least;
}

/** True for a place in a topic: { topic, partition }, and an offset if that is asked for. */
export function isPlace(value: unknown, hasOffset: boolean): boolean {
  const { topic, partition, offset } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof topic === 'string' && isWhole(partition) && (!hasOffset || isWhole(offset));
}

export const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isFunction = (value: unknown): boolean => typeof value === 'function';

export const A_TEXT = check(isText, 'a text');
export const A_FUNCTION = check(isFunction, 'a function');
export const A_FLAG = check((value) => typeof value === 'boolean', 'true or false');
export const A_COUNT = check((value) => isWhole(value, 1), 'a whole number of at least 1');
/** A time that timers have. */
export const A_TIME = check(
  (value) => typeof value === 'number' && value > 0 && value <= TIMER_MS_MAX,
  `a number above 0, and at most ${TIMER_MS_MAX}`,
);
export const A_SIGNAL = check(
  (value) => isFunction((value as Partial<AbortSignal> | null)?.throwIfAborted),
  'an AbortSignal',
);
export const A_DESERIALIZER = check(
  (value) => isFunction((value as { readonly deserialize?: unknown } | null)?.deserialize),
  'an object with the function deserialize',
);
export const PLACES = check(
  (value) => Array.isArray(value) && value.every((one) => isPlace(one, false)),
  'a list of { topic, partition }',
);
export const POSITIONS = check(
  (value) => Array.isArray(value) && value.every((one) => isPlace(one, true)),
  'a list of { topic, partition, offset }',
);

/** Returns the check of a value that must be one of some texts. */
export function oneOf(...accepted: readonly string[]): Check {
  return check(
    (value) => accepted.includes(value as string),
    `one of ${accepted.map((one) => `"${one}"`).join(', ')}`,
  );
}

/** @throws SluiceError INVALID_CONFIG that names the argument, unless it is accepted */
export function assertArgument(name: string, value: unknown, accepts: Check): void {
  const accepted = accepts(value);
  if (accepted !== undefined) throw optionError(name, accepted);
}

/**
 * Checks an object of options. An option that is undefined is absent.
 * @param what the class or the method that takes them
 * @param needed names of those that may not be absent
 * @throws SluiceError INVALID_CONFIG that names the wrong option
 */
export function assertOptions(
  what: string,
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  needed: readonly string[] = [],
): void {
  assertObject(what, options);
  const names = Object.keys(checks);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw optionError(unknown, `is no option of ${what}; it has ${names.join(', ')}`);
  }
  for (const [name, accepts] of Object.entries(checks)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined || needed.includes(name)) assertArgument(name, value, accepts);
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is an object */
export function assertObject(what: string, options: unknown): asserts options is object {
  if (typeof options !== 'object' || options === null) {
    throw optionError(what, 'needs an object of options');
  }
}
