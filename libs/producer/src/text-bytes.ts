/** The part of Node's `Buffer` that this file uses; browsers have none. */
interface NodeBuffer extends Uint8Array {
  write(text: string, offset: number): number;
}

const { Buffer } = globalThis as {
  readonly Buffer?: { allocUnsafeSlow(bytes: number): NodeBuffer };
};
const encoder = new TextEncoder();

const SLAB_BYTES = 32 * 1024;
/** Longer texts have a buffer of their own. */
const SHARED_BYTES_MAX = 8 * 1024;
/** A character of UTF-16 has at most so many bytes of UTF-8. */
const BYTES_PER_CHARACTER = 3;

let slab: NodeBuffer | undefined;
let usedBytes = SLAB_BYTES;

/**
 * Returns a text as UTF-8. On Node short texts share buffers, which spares the garbage collector:
 * the bytes stay inside of the producer, because whoever transfers one such buffer takes all.
 */
export function bytesOfText(text: string): Uint8Array {
  const bytesMax = text.length * BYTES_PER_CHARACTER;
  if (Buffer === undefined || bytesMax > SHARED_BYTES_MAX) return encoder.encode(text);
  if (slab === undefined || usedBytes + bytesMax > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    usedBytes = 0;
  }
  const size = slab.write(text, usedBytes);
  const bytes = new Uint8Array(slab.buffer, slab.byteOffset + usedBytes, size);
  usedBytes += size;
  return bytes;
}
