import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isWriteMethod, problemDocument } from '#api';
import { type ClientErrors, type FrontListener, problemBody, problemHeaders } from '#http-front';
import { ProtocolError } from '#protocol';
import { listenerOf } from './receiving-listener.js';

/** Codes of Fastify's own errors; all others with a status of 4xx are INVALID_REQUEST. */
const FASTIFY_ERRORS: Readonly<Record<string, () => ProtocolError>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ProtocolError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be sent with "Content-Type: application/json".',
    ),
  FST_ERR_BAD_URL: () =>
    new ProtocolError('INVALID_REQUEST', 'The path has a broken percent-encoding.'),
};

/** Turns every error of a controller, a pipe or Fastify into a problem document. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #errors: ClientErrors;

  constructor(errors: ClientErrors) {
    this.#errors = errors;
  }

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(exception, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /**
   * Also answers errors that Fastify finds before there is a route (a path that cannot be decoded).
   */
  answer(exception: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const path = pathOf(request);
    // A client that disconnects within its request is not a fault of the gateway.
    const isAborted = exception !== null && exception === request.raw.errored;
    const answered: AnsweredError = isAborted
      ? { error: new ProtocolError('INVALID_REQUEST', 'The connection closed during the request.') }
      : this.#errorOf(exception, request, path);
    const { error, status, allow } = answered;
    const problem = problemDocument(error, listenerOf(request).pathPrefix + path, {
      isWrite: isWriteMethod(request.method),
      ...(status === undefined ? {} : { status }),
    });
    const body = problemBody(problem);
    const headers = problemHeaders(error, problem.status, body.length);
    for (let at = 0; at + 1 < headers.length; at += 2) {
      reply.header(headers[at] as string, headers[at + 1]);
    }
    if (allow !== undefined) reply.header('Allow', allow);
    void reply.status(problem.status).send(body);
  }

  #errorOf(exception: unknown, request: FastifyRequest, path: string): AnsweredError {
    if (!(exception instanceof HttpException) && !isFastifyError(exception)) {
      return { error: this.#errors.toProtocolError(exception) };
    }
    const fastifyError = exception instanceof HttpException ? exception.cause : exception;
    const code = isFastifyError(fastifyError) ? fastifyError.code : '';
    const status =
      exception instanceof HttpException ? exception.getStatus() : (exception.statusCode ?? 500);
    if (status >= 500) return { error: this.#errors.toProtocolError(exception) };
    if (status === 404 && code === '')
      return noSuchRoute(listenerOf(request), request.method, path);
    const known = FASTIFY_ERRORS[code]?.();
    if (known !== undefined) return { error: this.#errors.toProtocolError(known) };
    return { error: new ProtocolError('INVALID_REQUEST', exception.message), status };
  }
}

/** Returns the error for a path or a method that the listener does not serve. */
function noSuchRoute({ operations }: FrontListener, method: string, path: string): AnsweredError {
  const methods = operations.methodsOf(path);
  // A route itself may report that a resource does not exist.
  if (methods.length === 0 || methods.includes(method)) {
    const hint = operations.find('GET', '/docs') === undefined ? '' : '; /docs lists all paths';
    const detail = `There is nothing at ${path}${hint}.`;
    return { error: new ProtocolError('INVALID_REQUEST', detail), status: 404 };
  }
  const allow = methods.join(', ');
  const detail = `${path} does not answer ${method}, only ${allow}.`;
  return { error: new ProtocolError('INVALID_REQUEST', detail), status: 405, allow };
}

interface AnsweredError {
  readonly error: ProtocolError;
  /** Replaces the status of the code. */
  readonly status?: number;
  readonly allow?: string;
}

interface FastifyErrorLike extends Error {
  readonly code: string;
  readonly statusCode?: number;
}

function isFastifyError(error: unknown): error is FastifyErrorLike {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FST_ERR_');
}

function pathOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '/';
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}
