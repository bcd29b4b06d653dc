import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';

/**
 * Removes the headers that describe a body from a request without a body: a Fastify `onRequest`
 * hook. Many clients send `Content-Type` with every request.
 */
export function ignoreHeadersOfAbsentBody(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  const { headers } = request;
  const isAbsent =
    headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  if (isAbsent) {
    delete headers['content-type'];
    delete headers['content-encoding'];
  }
  done();
}
