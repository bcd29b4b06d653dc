import { maxHeaderSize } from 'node:http';
import type { Socket } from 'node:net';
import { ProtocolError } from '#protocol';
import { problemDocument } from '../problem.js';
import type { Connection } from './connection-table.js';
import { endWithProblem } from './raw-problem.js';

/**
 * Ends a connection on which something came that is not HTTP, with a problem where one can be sent:
 * not into the middle of an answer.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  connection: Connection | undefined,
): void {
  const isAnswering = connection?.inFlight.some((each) => each.response.headersSent) ?? false;
  // Nothing of a request came: there is nothing to answer.
  const isSilent = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering || isSilent) {
    socket.destroy();
    return;
  }
  const { status, detail, isTimeout = false } = EXPLANATIONS[error.code ?? ''] ?? NOT_HTTP;
  const problem = problemDocument(
    new ProtocolError(isTimeout ? 'REQUEST_TIMED_OUT' : 'INVALID_REQUEST', detail, {
      outcome: 'failed',
    }),
    '/',
    { status, isWrite: true },
  );
  endWithProblem(socket, problem);
}

interface Explanation {
  readonly status: number;
  readonly detail: string;
  readonly isTimeout?: boolean;
}

/** Node's codes of what can be wrong with the form of a request. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    detail: `The head of the request, its URL among it, is larger than ${maxHeaderSize} bytes.`,
  },
  HPE_INVALID_METHOD: { status: 400, detail: 'The request has a method that HTTP does not know.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The chunk extensions are too large.' },
  HPE_INVALID_EOF_STATE: { status: 400, detail: 'The connection was closed within the request.' },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    detail: 'The head of the request did not come in time (SLUICE_HEAD_TIMEOUT_MS).',
    isTimeout: true,
  },
};
const NOT_HTTP: Explanation = { status: 400, detail: 'This is not an HTTP/1.1 request.' };
