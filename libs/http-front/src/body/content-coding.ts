import type { ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ProtocolError } from '#protocol';

/** Codings of request bodies that can be read; RFC 9110, section 8.4.1. */
export type ContentCoding = 'gzip' | 'deflate' | 'br';

const ACCEPTED = 'gzip, deflate, br';
const CHUNK_BYTES = 64 * 1024;

/**
 * Returns the coding in a `Content-Encoding` header.
 * @param response gets `Accept-Encoding`, which tells the client the accepted codings
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE
 */
export function contentCoding(
  header: string | undefined,
  response: ServerResponse,
): ContentCoding | undefined {
  if (header === undefined) return undefined;
  switch (header.trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    case 'br':
      return 'br';
    default:
      response.setHeader('Accept-Encoding', ACCEPTED);
      throw new ProtocolError(
        'UNSUPPORTED_MEDIA_TYPE',
        `The Content-Encoding is ${JSON.stringify(header)}; accepted: ${ACCEPTED} and identity, ` +
          'one at a time.',
      );
  }
}

/** Returns a stream that decodes a body; it fails if the body does not have this coding. */
export function createUnpacker(coding: ContentCoding): Transform {
  switch (coding) {
    case 'gzip':
      return createGunzip({ chunkSize: CHUNK_BYTES });
    case 'deflate':
      return createInflate({ chunkSize: CHUNK_BYTES });
    case 'br':
      return createBrotliDecompress({ chunkSize: CHUNK_BYTES });
    default:
      return coding satisfies never;
  }
}

/** Returns the error for a body that does not match its Content-Encoding. */
export function unpackingError(coding: ContentCoding, cause: unknown): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `The body is not valid ${coding}, as its Content-Encoding claims.`,
    { cause },
  );
}
