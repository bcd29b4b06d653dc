/**
 * The mask of a frame (RFC 6455, section 5.3): byte k of the payload is combined with byte k mod 4.
 */
export const MASK_BYTES = 4;

const WORD_BYTES = 4;

/**
 * Removes the mask from a part of a frame's payload, in place, whole words at a time: one byte at a
 * time needs about fifteen milliseconds for 16 MiB.
 * @param position position of the first of these bytes in the payload
 */
export function unmask(bytes: Buffer, mask: Uint8Array, position: number): void {
  const misaligned = bytes.byteOffset % WORD_BYTES;
  const wordsAt = misaligned === 0 ? 0 : Math.min(bytes.length, WORD_BYTES - misaligned);
  unmaskBytes(bytes, mask, position, 0, wordsAt);
  const wordCount = (bytes.length - wordsAt) >> 2;
  if (wordCount > 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + wordsAt, wordCount);
    const word = maskWord(mask, position + wordsAt);
    for (let index = 0; index < wordCount; index += 1) {
      words[index] = (words[index] as number) ^ word;
    }
  }
  unmaskBytes(bytes, mask, position, wordsAt + wordCount * WORD_BYTES, bytes.length);
}

function unmaskBytes(
  bytes: Buffer,
  mask: Uint8Array,
  position: number,
  from: number,
  to: number,
): void {
  for (let at = from; at < to; at += 1) {
    bytes[at] = (bytes[at] as number) ^ (mask[(position + at) % MASK_BYTES] as number);
  }
}

/**
 * Returns the mask from a position of the payload on, as one word in the byte order of this
 * machine.
 */
function maskWord(mask: Uint8Array, position: number): number {
  const rotated = new Uint8Array(WORD_BYTES);
  for (let at = 0; at < WORD_BYTES; at += 1) {
    rotated[at] = mask[(position + at) % MASK_BYTES] as number;
  }
  return new Int32Array(rotated.buffer)[0] as number;
}
