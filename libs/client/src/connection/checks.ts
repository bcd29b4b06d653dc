import { optionError } from '../sluice-error.js';

/** Longest time of a timer, ms: one that is longer ends at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** A condition that accepted values meet, and what they are. */
export type Check = readonly [isAccepted: (value: unknown) => boolean, accepted: string];

export function isWhole(value: unknown, least = 0): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least;
}

function isPlace(value: unknown): boolean {
  const { topic, partition } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof topic === 'string' && isWhole(partition);
}

export const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isFunction = (value: unknown): boolean => typeof value === 'function';
const has = (method: string) => (value: unknown) =>
  isFunction((value as Readonly<Record<string, unknown>> | null)?.[method]);

export const A_TEXT: Check = [isText, 'a text'];
export const A_FUNCTION: Check = [isFunction, 'a function'];
export const A_FLAG: Check = [(value) => typeof value === 'boolean', 'true or false'];
export const A_COUNT: Check = [(value) => isWhole(value, 1), 'a whole number of at least 1'];
/** A time that timers have. */
export const A_TIME: Check = [
  (value) => typeof value === 'number' && value > 0 && value <= TIMER_MS_MAX,
  'a number above 0 and below 2^31',
];
export const A_SIGNAL: Check = [has('throwIfAborted'), 'an AbortSignal'];
/** The only option of a call that waits. */
export const SIGNAL_OPTION = { signal: A_SIGNAL };
export const A_DESERIALIZER: Check = [
  has('deserialize'),
  'an object with the function deserialize',
];
/** Partitions, or positions in them: the gateway checks the offsets. */
export const PLACES: Check = [
  (value) => Array.isArray(value) && value.every(isPlace),
  'a list of partitions',
];

/** Returns the check of a value that must be one of some texts. */
export function oneOf(...accepted: readonly string[]): Check {
  return [(value) => accepted.includes(value as string), `one of "${accepted.join('", "')}"`];
}

/** @throws SluiceError INVALID_CONFIG that names the argument, unless it is accepted */
export function assertArgument(name: string, value: unknown, [isAccepted, accepted]: Check): void {
  if (!isAccepted(value)) throw optionError(name, `must be ${accepted}`);
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
    throw optionError(unknown, `is not an option of ${what}; it has ${names.join(', ')}`);
  }
  for (const [name, check] of Object.entries(checks)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined || needed.includes(name)) assertArgument(name, value, check);
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is an object */
export function assertObject(what: string, options: unknown): asserts options is object {
  if (typeof options !== 'object' || options === null) {
    throw optionError(what, 'needs an object of options');
  }
}
