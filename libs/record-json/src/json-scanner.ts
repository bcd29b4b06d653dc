/**
 * A strict JSON validator over bytes, in one pass and without building values.
 *
 * It accepts exactly the texts that `JSON.parse` accepts, with two intended differences: the bytes
 * must be valid UTF-8, and a value nests at most JSON_DEPTH_MAX deep. It finds where a value ends,
 * so that the bytes of a record's value can be stored as they were sent.
 *
 * UTF-8 is checked separately (`assertUtf8`), once for a whole body: Node does that natively and
 * much faster than a loop here could.
 */
import { isUtf8 } from 'node:buffer';
import { type SlicedWork } from '#runtime';
import {
  BACKSLASH,
  CLOSE_BRACE,
  COLON,
  COMMA,
  LOWER_E,
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
import { invalidUtf8At, syntaxErrorAt } from './json-syntax-error.js';
import { SLICE_BYTES } from './slices.js';

/** Greatest depth of nested arrays and objects in one value. `JSON.parse` has no such limit. */
export const JSON_DEPTH_MAX = 512;

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);
const VIEWED_BYTES_MIN = 256;

/**
 * Closing bytes of the open arrays and objects. Scanning is synchronous: one array serves all
 * scanners.
 */
const closers = new Uint8Array(JSON_DEPTH_MAX);

/** Kinds of values by their first byte; 0: true, false, null or no value. */
const STRING = 1;
const NUMBER = 2;
const CONTAINER = 3;
const KIND = new Uint8Array(256).fill(NUMBER, ZERO, NINE + 1);
KIND[MINUS] = NUMBER;
KIND[QUOTE] = STRING;
KIND[OPEN_BRACE] = CONTAINER;
KIND[OPEN_BRACKET] = CONTAINER;

const IS_WHITESPACE = new Uint8Array(256);
for (const byte of Buffer.from(' \n\r\t')) IS_WHITESPACE[byte] = 1;

const IS_DIGIT = new Uint8Array(256).fill(1, ZERO, NINE + 1);

/** Bytes that end a string's plain run: quote, backslash, control characters have 1. */
const ENDS_RUN = new Uint8Array(256).fill(1, 0, 0x20);
ENDS_RUN[QUOTE] = 1;
ENDS_RUN[BACKSLASH] = 1;

/** 1 for the letters that may follow a backslash, other than `u`. */
const IS_ESCAPE = new Uint8Array(256);
for (const letter of Buffer.from('"\\/bfnrt')) IS_ESCAPE[letter] = 1;

/**
 * A text under validation. Positions are arguments and results, so that a caller can parse a text
 * and let the scanner skip the parts that it does not need. One object may be reused for many texts
 * (`reset`). Bytes at or after `end` are never part of the text.
 */
export class JsonScanner {
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  /**
   * True when the last skipped string has escapes, so that its bytes differ from its characters.
   */
  stringHasEscapes = false;

  /** The same bytes, for reading four at a time, at positions up to `lastWord`. */
  #view: DataView = NO_VIEW;
  #lastWord = -1;

  /** Start of the value that `scanAhead` has read; -1: none. */
  #aheadStart = -1;
  #aheadEnd = -1;
  /** True when that value is a string with escapes. */
  #aheadHasEscapes = false;

  /** Sets the text to `bytes` from `start` up to `end`. It must be valid UTF-8. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      // Creating a view takes as long as reading some hundred bytes one by one.
      const isShort = bytes.length < VIEWED_BYTES_MIN;
      this.#view = isShort ? NO_VIEW : new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.start = start;
    this.end = end;
    this.#aheadStart = -1;
    this.#lastWord = this.#view === NO_VIEW ? -1 : end - 4;
  }

  /** Returns the byte at a position; 0, which JSON has nowhere, at the end of the text. */
  byteAt(position: number): number {
    return position < this.end ? (this.bytes[position] as number) : 0;
  }

  /** Returns the first position from `position` on that is not white space. */
  skipWhitespace(position: number): number {
    const { bytes, end } = this;
    let at = position;
    while (at < end && IS_WHITESPACE[bytes[at] as number] === 1) at += 1;
    return at;
  }

  /**
   * Skips the value that begins at `position`; the caller skips white space before it.
   * @returns the position after it
   * @throws JsonSyntaxError
   */
  skipValue(position: number): number {
    if (position === this.#aheadStart) return this.#aheadEnd;
    const { bytes, end } = this;
    let depth = 0;
    /** Closing byte of the innermost open array or object; 0: none is open. */
    let closer = 0;
    let at = position;
    for (;;) {
      if (closer === CLOSE_BRACE) at = this.#skipMemberName(at);
      const first = at < end ? (bytes[at] as number) : 0;
      const kind = KIND[first] as number;
      if (kind === STRING) {
        at = this.skipString(at);
      } else if (kind === NUMBER) {
        at = this.#skipNumber(at);
      } else if (kind === CONTAINER) {
        at += 1;
        if (at < end && (bytes[at] as number) <= 0x20) at = this.skipWhitespace(at);
        if (at < end && bytes[at] === first + 2) {
          at += 1;
        } else {
          if (depth === JSON_DEPTH_MAX) this.#failDepth(at);
          closers[depth] = closer;
          depth += 1;
          closer = first + 2;
          continue;
        }
      } else {
        at = this.#skipLiteral(at, first);
      }
      // After a value, any number of enclosing arrays and objects may end.
      for (;;) {
        if (closer === 0) return at;
        let byte = at < end ? (bytes[at] as number) : 0;
        if (byte <= 0x20) {
          at = this.skipWhitespace(at);
          byte = at < end ? (bytes[at] as number) : 0;
        }
        at += 1;
        if (byte === COMMA) {
          if (at < end && (bytes[at] as number) <= 0x20) at = this.skipWhitespace(at);
          break;
        }
        if (byte !== closer) this.#failSeparator(at - 1, closer);
        depth -= 1;
        closer = closers[depth] as number;
      }
    }
  }

  /**
   * Skips the string whose opening quote is at `position`, and sets `stringHasEscapes`.
   * @returns the position after its closing quote
   * @throws JsonSyntaxError
   */
  skipString(position: number): number {
    const { bytes } = this;
    const view = this.#view;
    const lastWord = this.#lastWord;
    if (position === this.#aheadStart) {
      this.stringHasEscapes = this.#aheadHasEscapes;
      return this.#aheadEnd;
    }
    this.stringHasEscapes = false;
    let at = position + 1;
    // Four bytes at a time, up to the first that is below 0x20, a quote or a backslash.
    while (at <= lastWord) {
      const stops = stopsOf(view.getInt32(at, true));
      if (stops !== 0) {
        at += (31 - Math.clz32(stops & -stops)) >> 3;
        if (bytes[at] === QUOTE) return at + 1;
        break;
      }
      at += 4;
    }
    return this.#skipRestOfString(at);
  }

  /**
   * Reads the value at `position` in slices: `skipValue` and `skipString` then know its end.
   * @throws JsonSyntaxError
   */
  *scanAhead(position: number): SlicedWork<void> {
    this.#aheadStart = -1;
    const isString = this.byteAt(position) === QUOTE;
    const end = isString
      ? yield* this.#skipStringInSlices(position)
      : yield* this.#skipValueInSlices(position);
    this.#aheadHasEscapes = this.stringHasEscapes;
    this.#aheadEnd = end;
    this.#aheadStart = position;
  }

  /** Skips a value as `skipValue` does. */
  *#skipValueInSlices(position: number): SlicedWork<number> {
    const open: number[] = [];
    let closer = 0;
    let at = position;
    let sliceEnd = position + SLICE_BYTES;
    for (;;) {
      if (at > sliceEnd) {
        yield;
        sliceEnd = at + SLICE_BYTES;
      }
      if (closer === CLOSE_BRACE) {
        if (this.byteAt(at) !== QUOTE) this.fail(at, 'a member name');
        at = this.skipColon(yield* this.#skipStringInSlices(at));
      }
      const first = this.byteAt(at);
      if (KIND[first] === CONTAINER) {
        at = this.skipWhitespace(at + 1);
        if (this.byteAt(at) !== first + 2) {
          if (open.length === JSON_DEPTH_MAX) this.#failDepth(at);
          open.push(closer);
          closer = first + 2;
          continue;
        }
        at += 1;
      } else {
        at = first === QUOTE ? yield* this.#skipStringInSlices(at) : this.skipValue(at);
      }
      // After a value, any number of enclosing arrays and objects may end.
      for (;;) {
        if (closer === 0) return at;
        at = this.skipWhitespace(at);
        const byte = this.byteAt(at);
        at += 1;
        if (byte === COMMA) {
          at = this.skipWhitespace(at);
          break;
        }
        if (byte !== closer) this.#failSeparator(at - 1, closer);
        closer = open.pop() ?? 0;
      }
    }
  }

  /** Skips a string as `skipString` does. */
  *#skipStringInSlices(position: number): SlicedWork<number> {
    const { bytes, end } = this;
    const view = this.#view;
    const lastWord = this.#lastWord;
    let hasEscapes = false;
    let at = position + 1;
    for (;;) {
      const sliceEnd = at + SLICE_BYTES;
      while (at < sliceEnd) {
        while (at <= lastWord && at < sliceEnd && stopsOf(view.getInt32(at, true)) === 0) at += 4;
        while (at < end && at < sliceEnd && ENDS_RUN[bytes[at] as number] === 0) at += 1;
        if (at >= sliceEnd) break;
        if (at >= end) this.fail(at, 'the end of a string');
        const byte = bytes[at] as number;
        if (byte === QUOTE) {
          this.stringHasEscapes = hasEscapes;
          return at + 1;
        }
        if (byte !== BACKSLASH) this.fail(at, 'no control character in a string');
        hasEscapes = true;
        at = this.#skipEscape(at);
      }
      yield;
    }
  }

  /**
   * Skips the colon after a member's name, with the white space around it.
   * @returns the position of the member's value
   * @throws JsonSyntaxError
   */
  skipColon(position: number): number {
    const { bytes, end } = this;
    let at = position;
    if (at < end && (bytes[at] as number) <= 0x20) at = this.skipWhitespace(at);
    if (at >= end || bytes[at] !== COLON) this.fail(at, '":"');
    at += 1;
    return at < end && (bytes[at] as number) <= 0x20 ? this.skipWhitespace(at) : at;
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
    this.failUtf8();
  }

  /** @throws JsonSyntaxError always */
  protected failUtf8(): never {
    return this.fail(invalidUtf8At(this.bytes, this.start, this.end), 'valid UTF-8');
  }

  /** @throws JsonSyntaxError always */
  fail(position: number, expected: string): never {
    throw syntaxErrorAt(this, position, expected);
  }

  #failDepth(position: number): never {
    return this.fail(position, `at most ${JSON_DEPTH_MAX} arrays and objects in each other`);
  }

  #failSeparator(position: number, closer: number): never {
    return this.fail(position, closer === CLOSE_BRACE ? '"," or "}"' : '"," or "]"');
  }

  /** Skips a member's name and its colon, up to its value. */
  #skipMemberName(position: number): number {
    const { bytes, end } = this;
    if (position >= end || bytes[position] !== QUOTE) this.fail(position, 'a member name');
    const at = this.skipString(position);
    const isColonNext = at < end && bytes[at] === COLON;
    const valueAt = isColonNext ? at + 1 : this.skipColon(at);
    return valueAt < end && (bytes[valueAt] as number) <= 0x20
      ? this.skipWhitespace(valueAt)
      : valueAt;
  }

  /** Skips the rest of a string: its end, escapes, and characters that it must not have. */
  #skipRestOfString(position: number): number {
    const { bytes, end } = this;
    const view = this.#view;
    const lastWord = this.#lastWord;
    let at = position;
    for (;;) {
      while (at <= lastWord && stopsOf(view.getInt32(at, true)) === 0) at += 4;
      while (at < end && ENDS_RUN[bytes[at] as number] === 0) at += 1;
      if (at >= end) this.fail(at, 'the end of a string');
      const byte = bytes[at] as number;
      if (byte === QUOTE) return at + 1;
      if (byte !== BACKSLASH) this.fail(at, 'no control character in a string');
      this.stringHasEscapes = true;
      at = this.#skipEscape(at);
    }
  }

  #skipLiteral(position: number, first: number): number {
    if (first === LOWER_T) return this.#skipLetters(position, 'true');
    if (first === LOWER_F) return this.#skipLetters(position, 'false');
    if (first === LOWER_N) return this.#skipLetters(position, 'null');
    return this.fail(position, 'a value');
  }

  #skipLetters(position: number, literal: string): number {
    const { bytes, end } = this;
    for (let index = 1; index < literal.length; index += 1) {
      const at = position + index;
      if (at >= end || bytes[at] !== literal.charCodeAt(index)) this.fail(at, literal);
    }
    return position + literal.length;
  }

  #skipNumber(position: number): number {
    const { bytes, end } = this;
    const start = bytes[position] === MINUS ? position + 1 : position;
    let at = start;
    while (at < end && IS_DIGIT[bytes[at] as number] === 1) at += 1;
    if (at === start) this.fail(at, 'a digit');
    if (bytes[start] === ZERO && at > start + 1) this.fail(start + 1, 'no digit after a leading 0');
    let byte = at < end ? (bytes[at] as number) : 0;
    if (byte === POINT) {
      at = this.#skipDigits(at + 1);
      byte = at < end ? (bytes[at] as number) : 0;
    }
    // `| 0x20` makes an upper-case E lower-case.
    return (byte | 0x20) === LOWER_E ? this.#skipExponent(at) : at;
  }

  #skipExponent(position: number): number {
    const sign = this.byteAt(position + 1);
    return this.#skipDigits(sign === MINUS || sign === PLUS ? position + 2 : position + 1);
  }

  /** Skips one digit or more. */
  #skipDigits(position: number): number {
    const { bytes, end } = this;
    let at = position;
    while (at < end && IS_DIGIT[bytes[at] as number] === 1) at += 1;
    if (at === position) this.fail(at, 'a digit');
    return at;
  }

  /** Skips the escape whose backslash is at `position`. */
  #skipEscape(position: number): number {
    const letter = this.byteAt(position + 1);
    if (IS_ESCAPE[letter] === 1) return position + 2;
    if (letter !== LOWER_U) this.fail(position + 1, 'one of "\\/bfnrtu after a backslash');
    for (let at = position + 2; at < position + 6; at += 1) {
      if (!isHexDigit(this.byteAt(at))) this.fail(at, 'four hexadecimal digits after \\u');
    }
    return position + 6;
  }
}

/**
 * Marks where a run of plain characters ends in four bytes of a string: the high bit of a byte is
 * set when it is below 0x20, a quote or a backslash. A borrow may set it in a later byte too, never
 * in one before the first.
 */
export function stopsOf(word: number): number {
  return (
    ((word - 0x20202020) |
      ((word ^ 0x22222222) - 0x01010101) |
      ((word ^ 0x5c5c5c5c) - 0x01010101)) &
    ~word &
    0x80808080
  );
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return IS_DIGIT[byte] === 1 || (lower >= 0x61 && lower <= 0x66);
}
