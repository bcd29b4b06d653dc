import { NotFoundException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest, RequestPayload } from 'fastify';
import { assertUtf8Charset, FrameworkRequest, readBody } from '#http-front';
import type { DocumentLimits } from '#record-json';
import { parseJsonBody } from './json-body.js';

/** Media type of bodies, with any parameters. */
export const BODY_TYPE = 'application/json';

/**
 * Reads the body of a request that the framework answers: a Fastify `preParsing` hook. The
 * framework would collect it uncounted, in as many pieces as it arrives; so this hook reads it as a
 * whole, decompressed, and `parseReceivedBody` takes it from the request.
 *
 * A client that waits for `100 Continue` gets it here, if nothing in the head is refused.
 * @param done called with REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BUFFER_EXHAUSTED, or the error
 *   of a credential or a permission that was lost while the body arrived
 * @throws ProtocolError REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE or BUFFER_EXHAUSTED by the head
 */
export function receiveBody(
  request: FastifyRequest,
  _reply: FastifyReply,
  payload: RequestPayload,
  done: (error: Error | null, payload: RequestPayload) => void,
): void {
  const passed = FrameworkRequest.of(request.raw);
  if (passed === undefined || !hasBody(request)) {
    done(null, payload);
    return;
  }
  if (request.is404) throw new NotFoundException();
  // The framework refuses this body for its type, unread.
  if (request.mediaType !== BODY_TYPE) {
    done(null, payload);
    return;
  }
  const bodyBytesMax = request.routeOptions.bodyLimit ?? Number.POSITIVE_INFINITY;
  const receiver = {
    request: request.raw,
    response: passed.response,
    memory: passed.memory,
    bodyBytesMax,
    bodyBound:
      bodyBytesMax < passed.requestBytesMax
        ? ('SLUICE_CONTROL_BYTES_MAX' as const)
        : ('SLUICE_REQUEST_BYTES_MAX' as const),
    get isGone() {
      return passed.isGone;
    },
    askForBody: () => {
      passed.askForBody();
    },
    assertStillPermitted: () => {
      passed.assertStillPermitted();
    },
    fail: (error: unknown) => {
      done(error as Error, payload);
    },
  };
  readBody(receiver, (body) => {
    passed.body = body;
    done(null, payload);
  });
}

/**
 * Returns the parser of bodies of JSON, for Fastify: it parses what `receiveBody` has read. An
 * empty body is none.
 */
export function parseReceivedBody(limits: DocumentLimits) {
  return (
    request: FastifyRequest,
    _payload: RequestPayload,
    done: (error: Error | null, body?: object) => void,
  ): void => {
    try {
      assertUtf8Charset(request.headers['content-type'] ?? '');
      const bytes = FrameworkRequest.of(request.raw)?.body;
      done(
        null,
        bytes === undefined || bytes.length === 0 ? undefined : parseJsonBody(bytes, limits),
      );
    } catch (error) {
      done(error as Error);
    }
  };
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
