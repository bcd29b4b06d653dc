/** A bug in this program: something that must hold did not. Never the fault of a request. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** @throws AssertionError when `condition` is false */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionError(what);
}

/** For the default branch of a switch over a closed union. */
export function assertNever(value: never, what: string): never {
  throw new AssertionError(`${what}: unexpected ${JSON.stringify(value)}`);
}
