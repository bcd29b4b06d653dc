import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_MEDIA_TYPE, type Problem } from '#api';
import { problemBody } from '../problem.js';
import { ALWAYS_SENT } from './front-response.js';

/**
 * Writes a problem as the last answer on a connection without a response of node:http, and ends the
 * connection.
 * @param takenWithinMs after this time the connection is cut, whether or not the client has
 *   received the answer
 * @param headers additional headers, names and values in turn
 */
export function endWithProblem(
  socket: Socket,
  problem: Problem,
  takenWithinMs: number,
  headers: readonly string[] = [],
): void {
  const body = problemBody(problem);
  const lines = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  const further = [...ALWAYS_SENT, ...headers];
  for (let at = 0; at + 1 < further.length; at += 2) {
    lines.push(`${further[at]}: ${further[at + 1]}`);
  }
  const timer = setTimeout(() => socket.destroy(), takenWithinMs).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]), () => {
    socket.destroy();
  });
}
