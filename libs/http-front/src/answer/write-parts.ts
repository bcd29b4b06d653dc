import type { Exchange } from '../exchange.js';

/** A smaller answer is sent in one piece; a larger one in its parts, which are not copied. */
const ONE_PIECE_BYTES_MAX = 32 * 1024;

/**
 * Answers with a body of JSON in several parts, without a copy of a large one, in one writev: node
 * corks the socket until `end`.
 */
export function writeParts(exchange: Exchange, parts: readonly Buffer[], bodyBytes: number): void {
  const { response } = exchange;
  response.writeHead(200, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(bodyBytes),
    'Cache-Control',
    'no-store',
  ]);
  if (bodyBytes <= ONE_PIECE_BYTES_MAX) {
    response.end(Buffer.concat(parts, bodyBytes));
  } else {
    for (const part of parts.slice(0, -1)) response.write(part);
    response.end(parts.at(-1));
  }
  exchange.countUnreceived(bodyBytes);
}
