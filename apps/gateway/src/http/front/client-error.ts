import { maxHeaderSize } from 'node:http';
import type { Socket } from 'node:net';
import { ProtocolError } from '#protocol';
import { type Problem, problemDocument } from '../problem.js';
import type { Connection } from './connection-table.js';
import type { FrontContext } from './front-context.js';
import { endWithProblem } from './raw-problem.js';

/**
 * Ends a connection on which something came that is not HTTP, or came too late, with a problem:
 * behind the answers to the requests before it, which are complete, and never in the middle of an
 * answer. The time of a head begins again while requests before it are unanswered: it may be read
 * late for that.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  context: FrontContext,
): void {
  const connection = context.connections.of(socket);
  const isTooLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  // Nothing of a request came: there is nothing to answer.
  const isSilent = isTooLate && socket.bytesRead === 0;
  const { headTimeoutMs } = context.options;
  if (isTooLate && connection !== undefined && wasReadingHeld(socket, connection, headTimeoutMs)) {
    connection.headTimer = setTimeout(answerClientError, headTimeoutMs, error, socket, context);
    connection.headTimer.unref();
    return;
  }
  if (isTooLate && !isSilent) context.events.count('headLate');
  const last = connection?.inFlight.at(-1);
  // The fault is in the body of the last request, whose answer has begun.
  const isAnswering = last !== undefined && !last.request.complete && last.response.headersSent;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering || isSilent) {
    socket.destroy();
    return;
  }
  const end = (): void => {
    endWithProblem(socket, clientProblem(error, context), context.options.bodyIdleTimeoutMs);
  };
  if (connection !== undefined && last?.request.complete === true)
    connection.endAfterAnswers ??= end;
  else if (connection !== undefined && connection.inFlight.length > 1) socket.destroy();
  else end();
}

/**
 * The gateway itself may be the reason why a head has not come to its end: it did not read, or read
 * only a moment ago, after the last request before it was answered.
 */
function wasReadingHeld(socket: Socket, connection: Connection, headTimeoutMs: number): boolean {
  const { heldBack, inFlight, withoutRequestSinceMs } = connection;
  if (socket.isPaused() || heldBack.length > 0 || inFlight.length > 0) return true;
  return performance.now() - withoutRequestSinceMs < headTimeoutMs;
}

function clientProblem(error: NodeJS.ErrnoException, { pathPrefix }: FrontContext): Problem {
  const { status, detail, isTimeout = false } = EXPLANATIONS[error.code ?? ''] ?? NOT_HTTP;
  const code = isTimeout ? 'REQUEST_TIMED_OUT' : 'INVALID_REQUEST';
  const shown = new ProtocolError(code, detail, { outcome: 'failed' });
  return problemDocument(shown, `${pathPrefix}/`, { status, isWrite: true });
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
