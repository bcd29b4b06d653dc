import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Compression does not pay for smaller answers. */
const COMPRESSED_BYTES_MIN = 1024;

/** A fast quality, because an answer is built for one client and not kept. */
const BROTLI_QUALITY = 4;

const gzipped = promisify(gzip);
const brotlied = promisify(brotliCompress);

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
  const compressed = await compress(bytes, coding);
  reply.header('Content-Encoding', coding).header('Content-Length', compressed.length);
  return compressed;
}

/** Returns the preferred coding among those that the header accepts (RFC 9110, section 12.5.3). */
export function acceptedCoding(header: string | undefined): 'br' | 'gzip' | undefined {
  if (header === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    weights.set(coding, weight === undefined ? 1 : Number(weight));
  }
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0;
  const [br, gz] = [weightOf('br'), weightOf('gzip')];
  if (br > 0 && br >= gz) return 'br';
  return gz > 0 ? 'gzip' : undefined;
}

/** Keeps values that the front has already set, such as Origin. */
function withAcceptEncoding(vary: number | string | string[] | undefined): string {
  return vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`;
}

function compress(bytes: Buffer, coding: 'br' | 'gzip'): Promise<Buffer> {
  if (coding === 'gzip') return gzipped(bytes);
  return brotlied(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } });
}
