/**
 * Reads varints of at most two bytes without a reader's state; nearly all in a record are so short.
 */

/** Odd, like the zigzag of a negative value: neither is a plain length. */
const NO_SHORT_VARINT = -1;

/**
 * Returns the zigzag of a varint of one or two bytes in its shortest form; NO_SHORT_VARINT
 * otherwise.
 */
export function shortVarint(bytes: Uint8Array, position: number): number {
  const first = bytes[position] as number;
  if (first < 0x80) return first;
  const second = bytes[position + 1] as number;
  return second === 0 || second >= 0x80 ? NO_SHORT_VARINT : (second << 7) | (first & 0x7f);
}

/** Returns the number of bytes of a zigzag that `shortVarint` returned. */
export function shortVarintBytes(zigzag: number): number {
  return zigzag < 0x80 ? 1 : 2;
}
