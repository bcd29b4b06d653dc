import { ProtocolError } from '#protocol';

/** The ProtocolError that a promise rejects with; anything else fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<ProtocolError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ProtocolError) return error;
  throw new Error(`a ProtocolError was expected, not ${String(error)}`);
}
