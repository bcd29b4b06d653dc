import { type ProblemOptions, problemDocument } from '#api';
import { ProtocolError } from '#protocol';

/** The subject of an error, beside the problem itself. */
export interface ProblemContext {
  readonly subscription?: string | undefined;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
}

/**
 * Builds the data of an `error`: the problem document of HTTP, and its subject.
 * @param instance path of the WebSocket, as clients see it
 */
export function socketProblem(
  error: ProtocolError,
  instance: string,
  context: ProblemContext,
  options: ProblemOptions = {},
): object {
  return { ...context, ...problemDocument(error, instance, options) };
}

/** Builds the text of a message. @param id JSON text */
export function messageText(event: string, id: string | undefined, data: string): string {
  const middle = id === undefined ? '' : `"id":${id},`;
  return `{"event":"${event}",${middle}"data":${data}}`;
}

/**
 * Returns an error of the broker, whose pointers are into a body of HTTP, with pointers into a
 * message; any other error unchanged.
 */
export function withMessagePointers(error: unknown): unknown {
  if (!(error instanceof ProtocolError) || error.faults.length === 0) return error;
  return error.withFaults(
    error.faults.map(({ pointer, detail }) => ({ pointer: `/data${pointer}`, detail })),
  );
}

/** Error of a message that is not text. */
export function binaryError(): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', 'A message must be text; this one is binary.');
}

/** Error of a message that is too large before the caller has authenticated. */
export function tooLargeUnknown(): ProtocolError {
  return new ProtocolError(
    'SASL_AUTHENTICATION_FAILED',
    'A message before "authenticate" may have at most 16 KiB.',
  );
}

/** Returns the name of the subscription in the data of a message, if it has one. */
export function subscriptionOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('subscription' in data)) return undefined;
  const { subscription } = data;
  return typeof subscription === 'string' ? subscription : undefined;
}
