import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { ProtocolError } from '#protocol';
import type { ByteAccount } from '#runtime';
import { brotliWindowBytes } from './brotli-window.js';
import { type ContentCoding, createUnpacker, unpackingError } from './content-coding.js';

/** Memory of a decompressor besides its window: its output buffer, its state, and zlib's window. */
const UNPACKER_BYTES = 128 * 1024;

/** A request whose body can be received. */
export interface BodySource {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly memory: ByteAccount;
}

/**
 * Returns the body as a decompressed stream. The memory of the decompressor is counted until it is
 * destroyed.
 * @param onError called if the body does not have the coding of its head, or there is no memory to
 *   decompress it
 * @throws ProtocolError BUFFER_EXHAUSTED
 */
export function unpackedBody(
  { request, response, memory }: BodySource,
  coding: ContentCoding,
  onError: (error: unknown) => void,
): Readable {
  memory.hold(UNPACKER_BYTES);
  const unpacker = createUnpacker(coding);
  const window = coding === 'br' ? new BrotliWindow(unpacker, request, memory) : undefined;
  unpacker.on('error', (error) => {
    request.unpipe(unpacker);
    onError(error instanceof ProtocolError ? error : unpackingError(coding, error));
  });
  unpacker.on('close', () => {
    memory.release(UNPACKER_BYTES + (window?.heldBytes ?? 0));
  });
  response.once('close', () => unpacker.destroy());
  return request.pipe(unpacker);
}

/**
 * Counts the window of a brotli stream, which may have 16 MiB: the bytes decompressed so far, up to
 * the window size in the stream's first byte.
 */
class BrotliWindow {
  heldBytes = 0;
  #windowBytes = 0;

  constructor(unpacker: Transform, request: IncomingMessage, memory: ByteAccount) {
    request.once('data', (first: Buffer) => {
      this.#windowBytes = brotliWindowBytes(first[0] as number);
    });
    unpacker.on('data', (chunk: Buffer) => {
      const newBytes = Math.min(chunk.length, this.#windowBytes - this.heldBytes);
      if (newBytes <= 0) return;
      try {
        memory.hold(newBytes);
        this.heldBytes += newBytes;
      } catch (error) {
        unpacker.destroy(error as Error);
      }
    });
  }
}
