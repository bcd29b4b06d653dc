/** The small parts of JSON text: digits, and characters that are escaped. */
import { BACKSLASH, LOWER_U, QUOTE, ZERO } from './json-bytes.js';

const INT32_LIMIT = 2 ** 31;

/**
 * Letter of a byte's escape after a backslash; `u` means \u00XX; 0 for bytes that are not escaped.
 */
export const ESCAPES = new Uint8Array(256).fill(0x75, 0, 0x20);
ESCAPES[0x08] = 0x62;
ESCAPES[0x09] = 0x74;
ESCAPES[0x0a] = 0x6e;
ESCAPES[0x0c] = 0x66;
ESCAPES[0x0d] = 0x72;
ESCAPES[QUOTE] = QUOTE;
ESCAPES[BACKSLASH] = BACKSLASH;
const HEX = Buffer.from('0123456789abcdef');

/** Fills `[start, end)` with the digits of a whole number >= 0 that has exactly this many. */
export function writeDigits(bytes: Uint8Array, start: number, end: number, value: number): void {
  let rest = value;
  let position = end;
  if (rest >= INT32_LIMIT) {
    // Nine digits at a time: division of 32-bit integers is several times as fast.
    const high = Math.floor(rest / 1e9);
    writeDigits(bytes, end - 9, end, rest - high * 1e9);
    rest = high;
    position = end - 9;
  }
  while (position > start) {
    const quotient = (rest / 10) | 0;
    position -= 1;
    bytes[position] = ZERO + rest - quotient * 10;
    rest = quotient;
  }
}

/** @returns the position after the escape of `byte` */
export function writeEscape(
  bytes: Uint8Array,
  position: number,
  byte: number,
  letter: number,
): number {
  bytes[position] = BACKSLASH;
  bytes[position + 1] = letter;
  if (letter !== LOWER_U) return position + 2;
  bytes[position + 2] = ZERO;
  bytes[position + 3] = ZERO;
  bytes[position + 4] = HEX[byte >> 4] as number;
  bytes[position + 5] = HEX[byte & 0x0f] as number;
  return position + 6;
}
