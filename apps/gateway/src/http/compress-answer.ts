import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AnswerCoding, acceptedCoding, COMPRESSED_BYTES_MIN, compressed } from '#http-front';

/**
 * Compresses a large answer for a client that asks: a Fastify `onSend` hook.
 * @param done called at once with an answer that stays as it is
 * @returns a promise of the compressed answer, and then `done` is not called
 */
export function compressAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): Promise<Buffer> | undefined {
  const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
  const isLarge = isText && Buffer.byteLength(payload) >= COMPRESSED_BYTES_MIN;
  if (isLarge && !reply.hasHeader('Content-Encoding')) {
    reply.header('Vary', withAcceptEncoding(reply.raw.getHeader('Vary')));
    const coding = acceptedCoding(request.headers['accept-encoding']);
    if (coding !== undefined) return compressedAs(coding, reply, Buffer.from(payload));
  }
  done(null, payload);
  return undefined;
}

async function compressedAs(
  coding: AnswerCoding,
  reply: FastifyReply,
  bytes: Buffer,
): Promise<Buffer> {
  const body = await compressed(bytes, coding);
  reply.header('Content-Encoding', coding).header('Content-Length', body.length);
  return body;
}

/** Keeps values that the front has already set, such as Origin. */
function withAcceptEncoding(vary: number | string | string[] | undefined): string {
  return vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`;
}
