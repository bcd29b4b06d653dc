import { crc32c as crc32cOfView } from '@node-rs/crc32';

/** CRC-32C (Castagnoli) of `bytes[start, end of bytes)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0): number {
  return crc32cOfView(start === 0 ? bytes : bytes.subarray(start));
}
