/** A bug in this program: an invariant did not hold. A request is never the cause. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** @throws AssertionError when `condition` is false */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionError(what);
}

/** Fails the default branch of a switch over a closed union. */
export function assertNever(value: never, what: string): never {
  throw new AssertionError(`${what}: unexpected ${JSON.stringify(value)}`);
}
