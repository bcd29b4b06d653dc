import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_MEDIA_TYPE, type Problem } from '#api';
import type { Scheduler } from '#runtime';
import { COMMON_HEADERS } from './front-response.js';
import { problemBody } from './problem-answer.js';

/** The part of the front that such an answer needs. */
interface RawAnswerContext {
  readonly scheduler: Scheduler;
  readonly options: { readonly bodyIdleTimeoutMs: number };
}

/**
 * Writes a problem as the last answer on a connection without a response of node:http, and ends the
 * connection. After the idle time of bodies the connection is cut, whether or not the client has
 * received the answer.
 * @param headers additional headers, names and values in turn
 */
export function endWithProblem(
  socket: Socket,
  problem: Problem,
  { scheduler, options }: RawAnswerContext,
  headers: readonly string[] = [],
): void {
  const body = problemBody(problem);
  const lines = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  const further = [...COMMON_HEADERS, ...headers];
  for (let at = 0; at + 1 < further.length; at += 2) {
    lines.push(`${further[at]}: ${further[at + 1]}`);
  }
  const timer = scheduler.after(options.bodyIdleTimeoutMs, () => {
    socket.destroy();
  });
  socket.once('close', () => {
    timer.cancel();
  });
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]), () => {
    socket.destroy();
  });
}
