import type { ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ProtocolError } from '#protocol';

/** Codings of request bodies that can be read; RFC 9110, section 8.4.1. */
export type ContentCoding = 'gzip' | 'deflate' | 'br';

const ACCEPTED = 'gzip, deflate, br';
const CHUNK_BYTES = 64 * 1024;

/**
 * The coding that a `Content-Encoding` header names.
 * @param response gets `Accept-Encoding`, which tells the client what it may send
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
        `The Content-Encoding is ${JSON.stringify(header)}; accepted are ${ACCEPTED} and identity, ` +
          'one at a time.',
      );
  }
}

/** A stream that takes a coded body and gives it plain; it fails where the body is not so coded. */
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

/** The error of a body that is not what its Content-Encoding says. */
export function unpackingError(coding: ContentCoding, cause: unknown): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `The body is not valid ${coding}, which its Content-Encoding says it is.`,
    { cause },
  );
}
