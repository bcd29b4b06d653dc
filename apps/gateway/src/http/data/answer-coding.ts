import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { brotliCompress, constants, createBrotliCompress, createGzip, gzip } from 'node:zlib';
import { acceptedCoding } from '../answer-compression.js';
import type { Exchange } from '../front/exchange.js';

/** Compression does not pay for smaller answers. */
const COMPRESSED_BYTES_MIN = 1024;

/** A fast level, because an answer is built for one client. */
const GZIP_LEVEL = 1;
const BROTLI_QUALITY = 2;

/** Content codings of an answer. */
export type AnswerCoding = 'br' | 'gzip';

const gzipped = promisify(gzip);
const brotlied = promisify(brotliCompress);
const BROTLI_PARAMS = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };

/**
 * Returns the coding that the client wants for an answer of this size; adds `Vary` to the answer.
 */
export function answerCoding(exchange: Exchange, sizeBytes: number): AnswerCoding | undefined {
  exchange.response.appendHeader('Vary', 'Accept-Encoding');
  if (sizeBytes < COMPRESSED_BYTES_MIN) return undefined;
  return acceptedCoding(exchange.request.headers['accept-encoding']);
}

/** Answers with a compressed page of JSON. */
export async function writeCompressed(
  exchange: Exchange,
  coding: AnswerCoding,
  parts: readonly Buffer[],
): Promise<void> {
  const plain = Buffer.concat(parts);
  const body =
    coding === 'gzip'
      ? await gzipped(plain, { level: GZIP_LEVEL })
      : await brotlied(plain, { params: BROTLI_PARAMS });
  if (exchange.isGone) return;
  exchange.response.writeHead(200, [
    'Content-Type',
    'application/json',
    'Content-Encoding',
    coding,
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
  ]);
  exchange.response.end(body);
  exchange.countUntaken(body.length);
}

/**
 * Returns a stream that compresses into the response; each write is flushed, so that no record
 * waits in it.
 */
export function compressInto(exchange: Exchange, coding: AnswerCoding): Transform {
  const compressor =
    coding === 'gzip'
      ? createGzip({ level: GZIP_LEVEL, flush: constants.Z_SYNC_FLUSH })
      : createBrotliCompress({ params: BROTLI_PARAMS, flush: constants.BROTLI_OPERATION_FLUSH });
  pipeline(compressor, exchange.response, () => {
    // A client that went away is noticed by the exchange.
  });
  return compressor;
}
