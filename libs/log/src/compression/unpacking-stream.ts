import type { Transform } from 'node:stream';
import { TooLargeUnpackedError } from './packed-block.js';

/** Least and most bytes that a stream hands over at once. */
const CHUNK_BYTES_MIN = 16 * 1024;
const CHUNK_BYTES_MAX = 256 * 1024;
/** Few records are compressed to less than this part of their size. */
const EXPECTED_RATIO = 8;

/** Returns the size of chunks in which such a blob is unpacked: as many as a page or two. */
export function chunkBytesOf(packed: Buffer): number {
  return Math.min(Math.max(packed.length * EXPECTED_RATIO, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
}

/**
 * Unpacks a blob by a stream of Node's zlib, which works on a thread of the pool. Node's own
 * functions for whole blobs join the pieces in one slice of the event loop.
 * @returns the pieces of the whole in their order
 * @throws TooLargeUnpackedError when there is more than `bytesMax`; the stream's error when it is
 *   malformed
 */
export async function unpackedByStream(
  stream: Transform,
  packed: Buffer,
  bytesMax: number,
): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  stream.end(packed);
  for await (const piece of stream as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > bytesMax) throw new TooLargeUnpackedError('it is too large');
    pieces.push(piece);
  }
  return pieces;
}
