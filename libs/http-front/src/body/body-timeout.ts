import type { ServerResponse } from 'node:http';
import { ProtocolError } from '#protocol';
import { writeProblem } from '../answer/problem-answer.js';

/** Reason for no longer waiting for an unfinished body. */
export type BodyTimeout = 'idle' | 'stopping';

/** Error of a client that stopped sending within a body: nothing of it was written. */
export function bodyIdleError(bodyIdleTimeoutMs: number): ProtocolError {
  return new ProtocolError(
    'REQUEST_TIMED_OUT',
    `No data of the body arrived for ${bodyIdleTimeoutMs} ms (SLUICE_BODY_IDLE_TIMEOUT_MS).`,
    { outcome: 'failed' },
  );
}

/** Error of requests that are not begun while the gateway stops. */
export function stoppingError(): ProtocolError {
  return new ProtocolError('BROKER_NOT_AVAILABLE', 'This broker is stopping.', {
    outcome: 'failed',
  });
}

/**
 * Answers a request with an unfinished body; the connection ends, because the rest may still come.
 */
export function answerBodyTimeout(
  why: BodyTimeout,
  response: ServerResponse,
  instance: string,
  { bodyIdleTimeoutMs }: { readonly bodyIdleTimeoutMs: number },
): void {
  response.shouldKeepAlive = false;
  if (why === 'stopping') writeProblem(response, stoppingError(), instance);
  else writeProblem(response, bodyIdleError(bodyIdleTimeoutMs), instance, { status: 408 });
}
