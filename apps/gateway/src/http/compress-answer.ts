import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptedCoding, COMPRESSED_BYTES_MIN, compressed } from '#http-front';

/**
 * Compresses a large answer for a client that asks: a Fastify `onSend` hook.
 * @returns the payload to send
 */
export async function compressAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
  if (!isText || reply.hasHeader('Content-Encoding')) return payload;
  const bytes = Buffer.from(payload);
  if (bytes.length < COMPRESSED_BYTES_MIN) return payload;
  reply.header('Vary', withAcceptEncoding(reply.raw.getHeader('Vary')));
  const coding = acceptedCoding(request.headers['accept-encoding']);
  if (coding === undefined) return payload;
  const body = await compressed(bytes, coding);
  reply.header('Content-Encoding', coding).header('Content-Length', body.length);
  return body;
}

/** Keeps values that the front has already set, such as Origin. */
function withAcceptEncoding(vary: number | string | string[] | undefined): string {
  return vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`;
}
