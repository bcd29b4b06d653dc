import { QUOTE } from './json-bytes.js';

const NEWLINE = 0x0a;

/** The position at which a text is not JSON, and what was expected there. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';

  /**
   * @param position byte offset from the start of the text
   * @param line from 1
   * @param column in characters, from 1
   */
  constructor(
    readonly position: number,
    readonly line: number,
    readonly column: number,
    readonly expected: string,
    readonly found: string,
  ) {
    super(
      `expected ${expected}, found ${found} at line ${line}, column ${column} (byte ${position})`,
    );
  }
}

/** A text in bytes. */
interface TextSpan {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Creates the error of a text without `expected` at a position. */
export function syntaxErrorAt(
  { bytes, start, end }: TextSpan,
  position: number,
  expected: string,
): JsonSyntaxError {
  const lineStart = Math.max(start, bytes.subarray(0, position).lastIndexOf(NEWLINE) + 1);
  let line = 1;
  // A search from each newline to the next takes 20 times as long where every byte is one.
  for (let index = start; index < lineStart; index += 1) if (bytes[index] === NEWLINE) line += 1;
  let column = 1;
  for (let index = lineStart; index < position; index += 1) {
    if (((bytes[index] as number) & 0xc0) !== 0x80) column += 1;
  }
  const found = position < end ? describeByte(bytes, position) : 'the end of the text';
  return new JsonSyntaxError(position - start, line, column, expected, found);
}

/** Describes a byte for people: the character when it is printable, else its number. */
function describeByte(bytes: Uint8Array, position: number): string {
  const byte = bytes[position] as number;
  if (byte === QUOTE) return `'"'`;
  if (byte > 0x20 && byte < 0x7f) return `"${String.fromCharCode(byte)}"`;
  const length = utf8SequenceLength(bytes, position, bytes.length);
  if (length > 1 && !isByteOrderMark(bytes, position)) {
    return `"${Buffer.from(bytes.subarray(position, position + length)).toString()}"`;
  }
  if (length > 1) return 'a byte order mark';
  return `byte 0x${byte.toString(16).padStart(2, '0')}`;
}

function isByteOrderMark(bytes: Uint8Array, position: number): boolean {
  return bytes[position] === 0xef && bytes[position + 1] === 0xbb && bytes[position + 2] === 0xbf;
}

/** Returns the position of the first byte that begins no UTF-8 sequence. */
export function invalidUtf8At(bytes: Uint8Array, start: number, end: number): number {
  let position = start;
  while (position < end) {
    const length = utf8SequenceLength(bytes, position, end);
    if (length === 0) break;
    position += length;
  }
  return position;
}

/**
 * Returns the length of the UTF-8 sequence at `position` (RFC 3629, table 3-7 of Unicode); 0 when
 * there is none.
 */
function utf8SequenceLength(bytes: Uint8Array, position: number, end: number): number {
  const lead = bytes[position] as number;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || position + length > end) return 0;
  const secondMin = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const secondMax = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[position + 1] as number;
  if (second < secondMin || second > secondMax) return 0;
  for (let index = 2; index < length; index += 1) {
    if (((bytes[position + index] as number) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
