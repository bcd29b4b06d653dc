/** Answers HTTP clients with problem documents. */

import type { ServerResponse } from 'node:http';
import {
  isWriteMethod,
  PROBLEM_MEDIA_TYPE,
  type Problem,
  type ProblemOptions,
  problemDocument,
  retryAfterSeconds,
} from '#api';
import type { ProtocolError } from '#protocol';

/** The challenge of 401: Basic is accepted, but browsers must not ask for it by themselves. */
export const CHALLENGE = 'Bearer realm="sluice"';

/**
 * Answers with a problem. The request's method decides about `outcome`, unless it is given. An
 * answer that has begun cannot be withdrawn: the connection is cut instead, so that the client sees
 * that it is incomplete.
 */
export function writeProblem(
  response: ServerResponse,
  error: ProtocolError,
  instance: string,
  options: ProblemOptions = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const isWrite = options.isWrite ?? isWriteMethod(response.req.method);
  const problem = problemDocument(error, instance, { ...options, isWrite });
  const body = problemBody(problem);
  response.writeHead(problem.status, problemHeaders(error, problem.status, body.length));
  response.end(body);
}

/** Returns the body of an answer; it ends in a newline like every JSON answer. */
export function problemBody(problem: Problem): Buffer {
  return Buffer.from(`${JSON.stringify(problem)}\n`);
}

/** Returns headers as `writeHead` accepts them, names and values in turn. */
export function problemHeaders(
  error: ProtocolError,
  status: number,
  contentLength: number,
): string[] {
  const headers = [
    'Content-Type',
    PROBLEM_MEDIA_TYPE,
    'Content-Length',
    String(contentLength),
    'Cache-Control',
    'no-store',
  ];
  const seconds = retryAfterSeconds(error, status);
  if (seconds !== undefined) headers.push('Retry-After', String(seconds));
  if (status === 401) headers.push('WWW-Authenticate', CHALLENGE);
  return headers;
}
