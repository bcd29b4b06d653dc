/**
 * Reads the window of a brotli stream: the bytes of decompressed data that the decoder keeps. It is
 * stored in the first bits of the stream (RFC 7932, section 9.1), lowest bit first:
 *
 *     0                16
 *     1 nnn            17 + nnn      nnn from 1 to 7
 *     1 000 mmm        8 + mmm       mmm from 2 to 7
 *     1 000 000        17
 *     1 000 100        not a window
 */
export function brotliWindowBytes(firstByte: number): number {
  if ((firstByte & 1) === 0) return 2 ** 16;
  const n = (firstByte >> 1) & 0b111;
  if (n !== 0) return 2 ** (17 + n);
  const m = (firstByte >> 4) & 0b111;
  return 2 ** (m === 0 ? 17 : 8 + m);
}
