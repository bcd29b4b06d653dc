import { PassThrough, type Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { contentCoding, createUnpacker, unpackingError } from './front/content-coding.js';

/**
 * Unpacks a body that has a Content-Encoding: a Fastify `preParsing` hook. Fastify bounds what is
 * read of the stream, unpacked, and compares `receivedEncodedLength` with the Content-Length.
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE
 */
export async function unpackBody(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: Readable,
): Promise<Readable> {
  const coding = contentCoding(request.headers['content-encoding'], reply.raw);
  if (coding === undefined) return payload;
  const unpacker = createUnpacker(coding);
  const plain = Object.assign(new PassThrough(), { receivedEncodedLength: 0 });
  payload.on('data', (chunk: Buffer) => {
    plain.receivedEncodedLength += chunk.length;
  });
  payload.on('error', (error) => plain.destroy(error));
  unpacker.on('error', (error) => plain.destroy(unpackingError(coding, error)));
  // Who reads it hears of the error; a route that needs no body does not listen.
  plain.on('error', () => undefined);
  plain.on('close', () => unpacker.destroy());
  payload.pipe(unpacker).pipe(plain);
  return plain;
}
