/**
 * Strict base64 (RFC 4648, section 4): the standard alphabet, with padding, the unused bits of the
 * last character zero, nothing between. Node's own decoder accepts almost anything, so that a
 * truncated text or base64url would be stored as different bytes.
 */

const INVALID = 0xff;
const PAD = 0x3d;

const VALUES = new Uint8Array(256).fill(INVALID);
Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').forEach(
  (letter, value) => {
    VALUES[letter] = value;
  },
);

/** The accepted form, for error sentences. */
export const BASE64_RULE = 'base64 with the standard alphabet (A-Z a-z 0-9 + /) and its padding';

/**
 * Decodes `bytes` from `start` up to `end`; may work in place (`target` the same bytes,
 * `targetPosition <= start`).
 * @param target has room for 3 bytes for every 4, from `targetPosition` on
 * @returns the position after the written bytes, or -1 when it is not base64
 */
export function decodeBase64(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  targetPosition: number,
): number {
  const length = end - start;
  if (length === 0) return targetPosition;
  if (length % 4 !== 0) return -1;
  const padding = bytes[end - 1] !== PAD ? 0 : bytes[end - 2] !== PAD ? 1 : 2;
  const wholeEnd = padding === 0 ? end : end - 4;
  let to = targetPosition;
  let allBits = 0;
  for (let from = start; from < wholeEnd; from += 4) {
    const a = VALUES[bytes[from] as number] as number;
    const b = VALUES[bytes[from + 1] as number] as number;
    const c = VALUES[bytes[from + 2] as number] as number;
    const d = VALUES[bytes[from + 3] as number] as number;
    allBits |= a | b | c | d;
    target[to] = (a << 2) | (b >> 4);
    to += 1;
    target[to] = (b << 4) | (c >> 2);
    to += 1;
    target[to] = (c << 6) | d;
    to += 1;
  }
  if (padding > 0) {
    const a = VALUES[bytes[wholeEnd] as number] as number;
    const b = VALUES[bytes[wholeEnd + 1] as number] as number;
    const c = padding === 1 ? (VALUES[bytes[wholeEnd + 2] as number] as number) : 0;
    allBits |= a | b | c;
    // The bits that belong to no byte would be lost: they must be zero.
    if (padding === 2 ? (b & 0x0f) !== 0 : (c & 0x03) !== 0) return -1;
    target[to] = (a << 2) | (b >> 4);
    to += 1;
    if (padding === 1) {
      target[to] = (b << 4) | (c >> 2);
      to += 1;
    }
  }
  // Values are below 64: only INVALID has the high bit.
  return (allBits & 0x80) === 0 ? to : -1;
}
