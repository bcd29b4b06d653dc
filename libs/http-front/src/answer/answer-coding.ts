import { pipeline, type Transform } from 'node:stream';
import type { Exchange } from '../exchange.js';
import {
  type AnswerCoding,
  acceptedCoding,
  COMPRESSED_BYTES_MIN,
  compressed,
  createCompressor,
} from './answer-compression.js';

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
  const body = await compressed(Buffer.concat(parts), coding);
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
  exchange.countUnreceived(body.length);
}

/** Returns a stream that compresses into the response. */
export function compressInto(exchange: Exchange, coding: AnswerCoding): Transform {
  const compressor = createCompressor(coding);
  pipeline(compressor, exchange.response, () => {
    // A client that went away is noticed by the exchange.
  });
  return compressor;
}
