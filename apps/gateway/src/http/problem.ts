/**
 * Answers HTTP clients with problem documents. Any error that is not a `ProtocolError` is a bug or
 * a storage fault: it is logged with its cause and stack, and the client learns only that it
 * happened.
 */

import type { ServerResponse } from 'node:http';
import {
  isWriteMethod,
  PROBLEM_MEDIA_TYPE,
  type Problem,
  type ProblemOptions,
  problemDocument,
  retryAfterSeconds,
  statusOf,
} from '#api';
import { ProtocolError } from '#protocol';
import type { Logger } from '#runtime';
import { kindOfError, sparseLogOf } from '#runtime';
import { boundRefusals } from '../shared/bound-refusals.js';

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
  return headers;
}

/**
 * Returns the error as the client may see it: itself if the contract has it, else
 * UNKNOWN_SERVER_ERROR. The log gets the original error, at most one line in ten seconds per error
 * and stack.
 */
export function toProtocolError(error: unknown, logger: Logger): ProtocolError {
  if (error instanceof ProtocolError) {
    boundRefusals.count(error);
    if (statusOf(error.code) >= 500 && error.cause !== undefined) {
      const fields = { err: error };
      sparseLogOf(logger).warn(kindOfError(error), fields, 'a request ended in a server error');
    }
    return error;
  }
  const fields = { err: error };
  sparseLogOf(logger).error(kindOfError(error), fields, 'a request met an unexpected error');
  return new ProtocolError(
    'UNKNOWN_SERVER_ERROR',
    'An unexpected error occurred; the log of the broker has the details.',
    { cause: error },
  );
}
