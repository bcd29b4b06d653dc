import type { ServerResponse } from 'node:http';
import { ProtocolError } from '#protocol';
import { writeProblem } from '../problem.js';

/** Why a body that has not come to its end is waited for no longer. */
export type LateBody = 'idle' | 'stopping';

/** The client stopped sending within a body: nothing of it was written. */
export function bodyIdleError(bodyIdleTimeoutMs: number): ProtocolError {
  return new ProtocolError(
    'REQUEST_TIMED_OUT',
    `Nothing of the body came for ${bodyIdleTimeoutMs} ms (SLUICE_BODY_IDLE_TIMEOUT_MS).`,
    { outcome: 'failed' },
  );
}

/** What is not begun any more while the gateway stops. */
export function stoppingError(): ProtocolError {
  return new ProtocolError('BROKER_NOT_AVAILABLE', 'This broker is stopping.', {
    outcome: 'failed',
    retryAfterMs: 1000,
  });
}

/**
 * Answers a request whose body did not come; the connection ends with it, for the rest may come.
 */
export function answerLateBody(
  why: LateBody,
  response: ServerResponse,
  instance: string,
  { bodyIdleTimeoutMs }: { readonly bodyIdleTimeoutMs: number },
): void {
  response.shouldKeepAlive = false;
  if (why === 'stopping') writeProblem(response, stoppingError(), instance);
  else writeProblem(response, bodyIdleError(bodyIdleTimeoutMs), instance, { status: 408 });
}
