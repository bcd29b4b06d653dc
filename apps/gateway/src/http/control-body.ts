import { Readable } from 'node:stream';
import { NotFoundException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FrameworkRequest, readBody } from '#http-front';

/**
 * Reads the body of a request that the framework answers: a Fastify `preParsing` hook. The
 * framework would collect it uncounted, in as many pieces as it arrives; so this hook passes it on
 * as a whole, decompressed.
 *
 * A client that waits for `100 Continue` gets it here, if nothing in the head is refused.
 * @throws ProtocolError REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BUFFER_EXHAUSTED; the error of a
 *   credential or a permission that was lost while the body arrived
 */
export async function receiveBody(
  request: FastifyRequest,
  _reply: FastifyReply,
  payload: Readable,
): Promise<Readable> {
  const passed = FrameworkRequest.of(request.raw);
  if (passed === undefined || !hasBody(request)) return payload;
  if (request.is404) throw new NotFoundException();
  // The framework refuses this body for its type, unread.
  if (!request.server.hasContentTypeParser(request.headers['content-type'] ?? '')) return payload;
  const bodyBytesMax = request.routeOptions.bodyLimit ?? Number.POSITIVE_INFINITY;
  return new Promise((resolve, reject) => {
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
      fail: reject,
    };
    readBody(receiver, (body) => {
      const sentBytes = Number(request.headers['content-length'] ?? body.length);
      resolve(Object.assign(Readable.from([body]), { receivedEncodedLength: sentBytes }));
    });
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
