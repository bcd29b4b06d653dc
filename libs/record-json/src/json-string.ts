/**
 * The characters of JSON strings, as UTF-8 bytes. The scanner has validated the string before.
 */
import { BACKSLASH, LOWER_U } from './json-bytes.js';

/** Error of a string with a lone surrogate, which cannot be stored as UTF-8. */
export const LONE_SURROGATE =
  'a lone surrogate escape is not a character: UTF-8 cannot represent it';

/** A JSON string in `bytes`: between its quotes, and whether it has escapes. */
export interface StringSpan {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly hasEscapes: boolean;
}

/** Characters by the letter of their escape (all but `u`). */
const ESCAPED = new Uint8Array(256);
ESCAPED[0x22] = 0x22;
ESCAPED[0x5c] = 0x5c;
ESCAPED[0x2f] = 0x2f;
ESCAPED[0x62] = 0x08;
ESCAPED[0x66] = 0x0c;
ESCAPED[0x6e] = 0x0a;
ESCAPED[0x72] = 0x0d;
ESCAPED[0x74] = 0x09;

/** Values of hexadecimal digits by their byte. */
const HEX_DIGITS = new Uint8Array(256);
for (let digit = 0; digit < 16; digit += 1) {
  const text = digit.toString(16);
  HEX_DIGITS[text.charCodeAt(0)] = digit;
  HEX_DIGITS[text.toUpperCase().charCodeAt(0)] = digit;
}

/**
 * Writes a string's characters as UTF-8; they never have more bytes than the string's own text.
 *
 * @param start after the opening quote
 * @param end of the closing quote
 * @param target has room for `end - start` bytes from `targetPosition` on
 * @returns the position after the written bytes, or -1 when there is a lone surrogate, which UTF-8
 *   cannot represent
 */
export function decodeJsonString(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  targetPosition: number,
): number {
  let from = start;
  let to = targetPosition;
  while (from < end) {
    const byte = bytes[from] as number;
    from += 1;
    if (byte !== BACKSLASH) {
      target[to] = byte;
      to += 1;
      continue;
    }
    const letter = bytes[from] as number;
    from += 1;
    if (letter !== LOWER_U) {
      target[to] = ESCAPED[letter] as number;
      to += 1;
      continue;
    }
    let codePoint = hexAt(bytes, from);
    from += 4;
    if (codePoint < 0x80) {
      target[to] = codePoint;
      to += 1;
      continue;
    }
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
      const low = lowSurrogateAt(bytes, from, end);
      if (codePoint > 0xdbff || low < 0) return -1;
      codePoint = 0x10000 + ((codePoint - 0xd800) << 10) + (low - 0xdc00);
      from += 6;
    }
    to = writeCodePoint(target, to, codePoint);
  }
  return to;
}

/** Returns the characters of a string, for sentences and look-ups. */
export function jsonStringText(span: StringSpan): string {
  const { bytes, start, end, hasEscapes } = span;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  return hasEscapes ? (JSON.parse(`"${text}"`) as string) : text;
}

/** Returns the low surrogate of the escape at `position`, or -1 when there is none. */
function lowSurrogateAt(bytes: Uint8Array, position: number, end: number): number {
  if (position + 6 > end || bytes[position] !== BACKSLASH || bytes[position + 1] !== LOWER_U) {
    return -1;
  }
  const unit = hexAt(bytes, position + 2);
  return unit >= 0xdc00 && unit <= 0xdfff ? unit : -1;
}

function hexAt(bytes: Uint8Array, position: number): number {
  return (
    ((HEX_DIGITS[bytes[position] as number] as number) << 12) |
    ((HEX_DIGITS[bytes[position + 1] as number] as number) << 8) |
    ((HEX_DIGITS[bytes[position + 2] as number] as number) << 4) |
    (HEX_DIGITS[bytes[position + 3] as number] as number)
  );
}

function writeCodePoint(target: Uint8Array, position: number, codePoint: number): number {
  let to = position;
  if (codePoint < 0x80) {
    target[to] = codePoint;
    to += 1;
    return to;
  }
  if (codePoint < 0x800) {
    target[to] = 0xc0 | (codePoint >> 6);
    to += 1;
  } else {
    if (codePoint < 0x10000) {
      target[to] = 0xe0 | (codePoint >> 12);
      to += 1;
    } else {
      target[to] = 0xf0 | (codePoint >> 18);
      to += 1;
      target[to] = 0x80 | ((codePoint >> 12) & 0x3f);
      to += 1;
    }
    target[to] = 0x80 | ((codePoint >> 6) & 0x3f);
    to += 1;
  }
  target[to] = 0x80 | (codePoint & 0x3f);
  to += 1;
  return to;
}
