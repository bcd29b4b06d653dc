/** Varints of at most two bytes, as nearly all in a record are: read without a reader's state. */

/** Odd, as what is negative: neither is plain. */
const NO_SHORT_VARINT = -1;

/** The zigzag of a varint of one or two bytes, written as short as can be; NO_SHORT_VARINT else. */
export function shortVarint(bytes: Uint8Array, position: number): number {
  const first = bytes[position] as number;
  if (first < 0x80) return first;
  const second = bytes[position + 1] as number;
  return second === 0 || second >= 0x80 ? NO_SHORT_VARINT : (second << 7) | (first & 0x7f);
}

/** Bytes that a zigzag of `shortVarint` takes. */
export function shortVarintBytes(zigzag: number): number {
  return zigzag < 0x80 ? 1 : 2;
}
