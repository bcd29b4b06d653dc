import { MINUS, NINE, ZERO } from './json-bytes.js';

/** A longer number is not one of the whole numbers that are accepted. */
const NUMBER_BYTES_MAX = 400;
/** Whole numbers with at most this many digits are exact. */
const EXACT_DIGITS_MAX = 15;

/** Parses the value of a span as a whole number in any notation; NaN for anything else. */
export function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= EXACT_DIGITS_MAX) {
    let value = 0;
    let position = start;
    for (; position < end; position += 1) {
      const digit = (bytes[position] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (position === end) return value;
  }
  const first = bytes[start] as number;
  if (end - start > NUMBER_BYTES_MAX) return Number.NaN;
  if (first !== MINUS && (first < ZERO || first > NINE)) return Number.NaN;
  const value = Number(
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'),
  );
  // Adding 0 makes -0 a plain 0.
  return Number.isInteger(value) ? value + 0 : Number.NaN;
}
