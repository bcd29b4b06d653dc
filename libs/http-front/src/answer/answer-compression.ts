/** The compression of answers, whole or as a stream. */
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { brotliCompress, constants, createBrotliCompress, createGzip, gzip } from 'node:zlib';
import { parseWeights } from './weighted-list.js';

/** Compression does not pay for smaller answers. */
export const COMPRESSED_BYTES_MIN = 1024;

/** A fast level, because an answer is built for one client. */
const GZIP_LEVEL = 1;
const BROTLI_PARAMS = { [constants.BROTLI_PARAM_QUALITY]: 2 };

/** Content codings of an answer. */
export type AnswerCoding = 'br' | 'gzip';

const gzipped = promisify(gzip);
const brotlied = promisify(brotliCompress);

/**
 * Returns the preferred coding among those that the header accepts (RFC 9110, section 12.5.3);
 * undefined if the client accepts none, or prefers an answer that is not compressed.
 */
export function acceptedCoding(header: string | undefined): AnswerCoding | undefined {
  if (header === undefined) return undefined;
  const weights = parseWeights(header);
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0;
  const [br, gz] = [weightOf('br'), weightOf('gzip')];
  const coding = br > 0 && br >= gz ? 'br' : 'gzip';
  const weight = coding === 'br' ? br : gz;
  return weight > 0 && weight >= (weights.get('identity') ?? 0) ? coding : undefined;
}

/** Compresses a whole answer. */
export function compressed(bytes: Buffer, coding: AnswerCoding): Promise<Buffer> {
  return coding === 'gzip'
    ? gzipped(bytes, { level: GZIP_LEVEL })
    : brotlied(bytes, { params: BROTLI_PARAMS });
}

/** Returns a stream that compresses; each write is flushed, so that no record waits in it. */
export function createCompressor(coding: AnswerCoding): Transform {
  return coding === 'gzip'
    ? createGzip({ level: GZIP_LEVEL, flush: constants.Z_SYNC_FLUSH })
    : createBrotliCompress({ params: BROTLI_PARAMS, flush: constants.BROTLI_OPERATION_FLUSH });
}
