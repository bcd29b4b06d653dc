import { maxHeaderSize } from 'node:http';
import type { Socket } from 'node:net';
import { type Problem, problemDocument } from '#api';
import { ProtocolError } from '#protocol';
import { endWithProblem } from '../answer/raw-problem.js';
import type { FrontContext } from '../front-context.js';
import type { Connection } from './connection-table.js';

/**
 * Ends a connection with a problem after data that is not HTTP or came too late. The problem
 * follows the answers to earlier requests, which are complete, and never interrupts an answer.
 * While earlier requests are unanswered the time for a head begins again, because the head may be
 * read late.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  context: FrontContext,
): void {
  const connection = context.connections.of(socket);
  const isTooLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (isTooLate && connection !== undefined && wasReadingHeld(connection, context)) {
    connection.headTimer = context.scheduler.after(context.options.headTimeoutMs, () => {
      answerClientError(error, socket, context);
    });
    return;
  }
  // No byte of a request came, so there is nothing to answer.
  const isSilent = isTooLate && socket.bytesRead === 0;
  if (isTooLate && !isSilent) context.events.count('headLate');
  if (isSilent || error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  endWhenAnswered(connection, socket, () => {
    const { pathPrefix = '' } = connection?.listener ?? {};
    endWithProblem(socket, clientProblem(error, pathPrefix), context);
  });
}

/**
 * Calls `end` once all complete requests are answered. If the fault is in the body of a request
 * that cannot be answered with it, the connection is cut instead: its answer has begun, or earlier
 * requests are unanswered.
 */
function endWhenAnswered(
  connection: Connection | undefined,
  socket: Socket,
  end: () => void,
): void {
  const last = connection?.inFlight.at(-1);
  if (connection === undefined || last === undefined) end();
  else if (last.request.complete) connection.endAfterAnswers ??= end;
  else if (last.response.headersSent || connection.inFlight.length > 1) socket.destroy();
  else end();
}

/**
 * True when the gateway itself may have delayed the head: it did not read, or read only a moment
 * ago, after the last earlier request was answered.
 */
function wasReadingHeld(connection: Connection, { clock, options }: FrontContext): boolean {
  const { socket, heldBack, inFlight, withoutRequestSinceMs } = connection;
  if (socket.isPaused() || heldBack.length > 0 || inFlight.length > 0) return true;
  return clock.monotonicMs() - withoutRequestSinceMs < options.headTimeoutMs;
}

function clientProblem(error: NodeJS.ErrnoException, pathPrefix: string): Problem {
  const { status, detail, isTimeout = false } = EXPLANATIONS[error.code ?? ''] ?? notHttp(error);
  const code = isTimeout ? 'REQUEST_TIMED_OUT' : 'INVALID_REQUEST';
  const shown = new ProtocolError(code, detail, { outcome: 'failed' });
  return problemDocument(shown, `${pathPrefix}/`, { status, isWrite: true });
}

/** An error of Node's HTTP parser, or of the socket. */
interface ParseError extends NodeJS.ErrnoException {
  readonly reason?: string;
}

interface Explanation {
  readonly status: number;
  readonly detail: string;
  readonly isTimeout?: boolean;
}

/** Explanations of Node's codes for malformed requests. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    detail: `The head of the request, including its URL, is larger than ${maxHeaderSize} bytes.`,
  },
  HPE_INVALID_METHOD: {
    status: 400,
    detail: 'The request has a method that HTTP does not define.',
  },
  HPE_INVALID_URL: {
    status: 400,
    detail: 'The URL has a character that must be percent-encoded, or does not begin with "/".',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The chunk extensions are too large.' },
  HPE_INVALID_EOF_STATE: {
    status: 400,
    detail: 'The connection was closed in the middle of the request.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    detail: 'The head of the request did not arrive in time (SLUICE_HEAD_TIMEOUT_MS).',
    isTimeout: true,
  },
};

/** Explains what is not HTTP, with the parser's reason: it is a constant and shows no data. */
function notHttp({ reason }: ParseError): Explanation {
  const explanation = reason === undefined || reason === '' ? '' : `: ${reason}`;
  return { status: 400, detail: `This is not an HTTP/1.1 request${explanation}.` };
}
