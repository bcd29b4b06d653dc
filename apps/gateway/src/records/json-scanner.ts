/**
 * A strict JSON validator over bytes, in one pass and without building values.
 *
 * It accepts exactly the texts that `JSON.parse` accepts, with two differences that are wanted: the
 * bytes must be valid UTF-8, and a value nests at most JSON_DEPTH_MAX deep. What it is for: finding
 * where a value ends, so that the bytes of a record's value can be stored as they were sent.
 *
 * UTF-8 is checked apart (`assertUtf8`), once for a whole body: node does that natively and much
 * faster than a loop here could.
 */
import { isUtf8 } from 'node:buffer';
import {
  BACKSLASH,
  CLOSE_BRACE,
  COLON,
  COMMA,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  LOWER_U,
  MINUS,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  PLUS,
  POINT,
  QUOTE,
  ZERO,
} from './json-bytes.js';

/** How deep arrays and objects may nest in one value. `JSON.parse` has no such limit. */
export const JSON_DEPTH_MAX = 512;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** 1 for the bytes that a string's plain run ends at: quote, backslash, control characters. */
const ENDS_RUN = new Uint8Array(256).fill(1, 0, 0x20);
ENDS_RUN[QUOTE] = 1;
ENDS_RUN[BACKSLASH] = 1;

/** 1 for the letters that may follow a backslash, other than `u`. */
const IS_ESCAPE = new Uint8Array(256);
for (const letter of Buffer.from('"\\/bfnrt')) IS_ESCAPE[letter] = 1;

/** Where a text is not JSON, and what would have been. */
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

/**
 * A text under validation: positions are passed in and answered, so that a caller can take a text
 * apart and let the scanner skip what it does not look into. One object may be reused for many
 * texts (`reset`). Nothing at or after `end` is ever taken as a part of the text.
 */
export class JsonScanner {
  bytes: Uint8Array = TRUE;
  start = 0;
  end = 0;
  /** Whether the string last skipped has escapes, so that its bytes are not its characters'. */
  stringHasEscapes = false;

  /** The same bytes, for reading four at a time. */
  private view: DataView = new DataView(TRUE.buffer, TRUE.byteOffset, TRUE.length);
  /** The closing bytes of the arrays and objects that are open. */
  private readonly closers = new Uint8Array(JSON_DEPTH_MAX);

  /** Turns to the text in `bytes` from `start` up to `end`. It must be valid UTF-8. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.start = start;
    this.end = end;
  }

  /** The byte at a position, 0 (which no text of JSON has outside of a value) at its end. */
  byteAt(position: number): number {
    return position < this.end ? (this.bytes[position] as number) : 0;
  }

  /** The first position from `position` on that is not white space. */
  skipWhitespace(position: number): number {
    const { bytes, end } = this;
    let at = position;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
      at++;
    }
    return at;
  }

  /**
   * Skips the value that begins at `position` (white space before it is the caller's to skip).
   * @returns the position after it
   * @throws JsonSyntaxError
   */
  skipValue(position: number): number {
    const { bytes, end, closers } = this;
    let depth = 0;
    let at = position;
    for (;;) {
      const first = at < end ? (bytes[at] as number) : 0;
      if (first === QUOTE) {
        at = this.skipString(at);
      } else if (first === OPEN_BRACE || first === OPEN_BRACKET) {
        const closer = first + 2;
        at = this.skipWhitespace(at + 1);
        if (at < end && bytes[at] === closer) {
          at++;
        } else {
          if (depth === JSON_DEPTH_MAX) this.failDepth(at);
          closers[depth++] = closer;
          if (closer === CLOSE_BRACE) at = this.skipMemberName(at, 'a member name or "}"');
          continue;
        }
      } else {
        at = this.skipScalar(at, first);
      }
      // A value ended: so may any number of the arrays and objects around it.
      for (;;) {
        if (depth === 0) return at;
        if (at < end && (bytes[at] as number) <= 0x20) at = this.skipWhitespace(at);
        const closer = closers[depth - 1] as number;
        const byte = at < end ? (bytes[at] as number) : 0;
        if (byte === COMMA) {
          at = this.skipWhitespace(at + 1);
          if (closer === CLOSE_BRACE) at = this.skipMemberName(at, 'a member name');
          break;
        }
        if (byte !== closer) this.fail(at, closer === CLOSE_BRACE ? '"," or "}"' : '"," or "]"');
        depth--;
        at++;
      }
    }
  }

  /**
   * Skips the string whose opening quote is at `position`; `stringHasEscapes` then tells of it.
   * @returns the position after its closing quote
   * @throws JsonSyntaxError
   */
  skipString(position: number): number {
    const { bytes, end, view } = this;
    const lastWord = end - 4;
    this.stringHasEscapes = false;
    let at = position + 1;
    for (;;) {
      // Four bytes at a time: a byte's high bit is set in the sum where the byte is below 0x20, a
      // quote or a backslash. A borrow can set it in a later byte too, after a true one only.
      while (at <= lastWord) {
        const word = view.getInt32(at, true);
        const stops =
          (word - 0x20202020) |
          ((word ^ 0x22222222) - 0x01010101) |
          ((word ^ 0x5c5c5c5c) - 0x01010101);
        if ((stops & ~word & 0x80808080) !== 0) break;
        at += 4;
      }
      while (at < end && ENDS_RUN[bytes[at] as number] === 0) at++;
      if (at >= end) this.fail(at, 'the end of a string');
      const byte = bytes[at] as number;
      if (byte === QUOTE) return at + 1;
      if (byte !== BACKSLASH) this.fail(at, 'no control character in a string');
      this.stringHasEscapes = true;
      at = this.skipEscape(at);
    }
  }

  /**
   * Skips the colon after a member's name, with the white space around it.
   * @returns the position of the member's value
   * @throws JsonSyntaxError
   */
  skipColon(position: number): number {
    const at = this.byteAt(position) === COLON ? position : this.skipWhitespace(position);
    if (this.byteAt(at) !== COLON) this.fail(at, '":"');
    return this.byteAt(at + 1) > 0x20 ? at + 1 : this.skipWhitespace(at + 1);
  }

  /** @throws JsonSyntaxError when anything but white space follows `position` */
  assertEnd(position: number): void {
    const at = this.skipWhitespace(position);
    if (at < this.end) this.fail(at, 'the end of the text');
  }

  /** @throws JsonSyntaxError when the text is not valid UTF-8 */
  assertUtf8(): void {
    const { bytes, start, end } = this;
    const isWhole = start === 0 && end === bytes.length;
    if (isUtf8(isWhole ? bytes : bytes.subarray(start, end))) return;
    this.fail(invalidUtf8At(bytes, start, end), 'valid UTF-8');
  }

  /** @throws JsonSyntaxError always */
  fail(position: number, expected: string): never {
    const { bytes, start, end } = this;
    let line = 1;
    let column = 1;
    for (let at = start; at < position; at++) {
      const byte = bytes[at] as number;
      if (byte === 0x0a) {
        line++;
        column = 1;
      } else if ((byte & 0xc0) !== 0x80) {
        column++;
      }
    }
    const found = position < end ? describeByte(bytes, position) : 'the end of the text';
    throw new JsonSyntaxError(position - start, line, column, expected, found);
  }

  private failDepth(position: number): never {
    return this.fail(position, `at most ${JSON_DEPTH_MAX} arrays and objects in each other`);
  }

  private skipMemberName(position: number, expected: string): number {
    if (this.byteAt(position) !== QUOTE) this.fail(position, expected);
    return this.skipColon(this.skipString(position));
  }

  /** Skips a number, true, false or null that begins with `first`. */
  private skipScalar(position: number, first: number): number {
    if (first === MINUS || isDigit(first)) return this.skipNumber(position);
    if (first === LOWER_T) return this.skipLiteral(position, TRUE, 'true');
    if (first === LOWER_F) return this.skipLiteral(position, FALSE, 'false');
    if (first === LOWER_N) return this.skipLiteral(position, NULL, 'null');
    return this.fail(position, 'a value');
  }

  private skipLiteral(position: number, literal: Uint8Array, text: string): number {
    const { bytes, end } = this;
    for (let index = 1; index < literal.length; index++) {
      const at = position + index;
      if (at >= end || bytes[at] !== literal[index]) this.fail(at, text);
    }
    return position + literal.length;
  }

  private skipNumber(position: number): number {
    let at = this.byteAt(position) === MINUS ? position + 1 : position;
    at = this.byteAt(at) === ZERO ? at + 1 : this.skipDigits(at);
    if (this.byteAt(at) === POINT) at = this.skipDigits(at + 1);
    // `| 0x20` makes a capital E a small one.
    if ((this.byteAt(at) | 0x20) === 0x65) {
      at++;
      const sign = this.byteAt(at);
      if (sign === MINUS || sign === PLUS) at++;
      at = this.skipDigits(at);
    }
    return at;
  }

  /** Skips one digit or more. */
  private skipDigits(position: number): number {
    const { bytes, end } = this;
    let at = position;
    while (at < end && isDigit(bytes[at] as number)) at++;
    if (at === position) this.fail(at, 'a digit');
    return at;
  }

  /** Skips the escape whose backslash is at `position`. */
  private skipEscape(position: number): number {
    const letter = this.byteAt(position + 1);
    if (IS_ESCAPE[letter] === 1) return position + 2;
    if (letter !== LOWER_U) this.fail(position + 1, 'one of "\\/bfnrtu after a backslash');
    for (let at = position + 2; at < position + 6; at++) {
      if (!isHexDigit(this.byteAt(at))) this.fail(at, 'four hexadecimal digits after \\u');
    }
    return position + 6;
  }
}

/**
 * Checks that `bytes` are one JSON text, with white space around it or not.
 * @throws JsonSyntaxError
 */
export function assertJson(bytes: Uint8Array): void {
  const scanner = new JsonScanner();
  scanner.reset(bytes);
  scanner.assertUtf8();
  scanner.assertEnd(scanner.skipValue(scanner.skipWhitespace(0)));
}

/** Whether `bytes` are one JSON text. */
export function isJson(bytes: Uint8Array): boolean {
  try {
    assertJson(bytes);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

/** A byte for people: the character when it can be shown, else its number. */
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

function isByteOrderMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}

/** Position of the first byte that begins no UTF-8 sequence. */
function invalidUtf8At(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const length = utf8SequenceLength(bytes, at, end);
    if (length === 0) break;
    at += length;
  }
  return at;
}

/** Bytes of the UTF-8 sequence at `at` (RFC 3629, table 3-7 of Unicode), 0 when there is none. */
function utf8SequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  const secondMin = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const secondMax = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] as number;
  if (second < secondMin || second > secondMax) return 0;
  for (let index = 2; index < length; index++) {
    if (((bytes[at + index] as number) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
