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

/** A string that takes several slices to read: from its opening quote to after its closing one. */
interface LongString {
  readonly start: number;
  readonly end: number;
  readonly hasEscapes: boolean;
}

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
  /** Strings of several slices in what `scanAhead` has read: they are not read again. */
  readonly #longStrings: LongString[] = [];

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
    this.#longStrings.length = 0;
    this.#lastWord = this.#view === NO_VIEW ? -1 : end - 4;
  }

  /** Returns the byte at a position; 0, which JSON has nowhere, at the end of the text. */
  byteAt(position: number): number {
    return position < this.end ? (this.bytes[position] as number) : 0;
  }

  /** Returns the first position from `position` on that is not white space. */
  skipWhitespace(position: number): number {
    const { bytes, end } = this;
    let index = position;
    while (index < end && IS_WHITESPACE[bytes[index] as number] === 1) index += 1;
    return index;
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
    let index = position;
    for (;;) {
      if (closer === CLOSE_BRACE) index = this.#skipMemberName(index);
      const first = index < end ? (bytes[index] as number) : 0;
      const kind = KIND[first] as number;
      if (kind === STRING) {
        index = this.skipString(index);
      } else if (kind === NUMBER) {
        index = this.#skipNumber(index);
      } else if (kind === CONTAINER) {
        index += 1;
        if (index < end && (bytes[index] as number) <= 0x20) index = this.skipWhitespace(index);
        if (index < end && bytes[index] === first + 2) {
          index += 1;
        } else {
          if (depth === JSON_DEPTH_MAX) this.#failDepth(index);
          closers[depth] = closer;
          depth += 1;
          closer = first + 2;
          continue;
        }
      } else {
        index = this.#skipLiteral(index, first);
      }
      // After a value, any number of enclosing arrays and objects may end.
      for (;;) {
        if (closer === 0) return index;
        let byte = index < end ? (bytes[index] as number) : 0;
        if (byte <= 0x20) {
          index = this.skipWhitespace(index);
          byte = index < end ? (bytes[index] as number) : 0;
        }
        index += 1;
        if (byte === COMMA) {
          if (index < end && (bytes[index] as number) <= 0x20) index = this.skipWhitespace(index);
          break;
        }
        if (byte !== closer) this.#failSeparator(index - 1, closer);
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
    let index = position + 1;
    // Four bytes at a time, up to the first that is below 0x20, a quote or a backslash.
    while (index <= lastWord) {
      const stops = plainRunStops(view.getInt32(index, true));
      if (stops !== 0) {
        index += (31 - Math.clz32(stops & -stops)) >> 3;
        if (bytes[index] === QUOTE) return index + 1;
        break;
      }
      index += 4;
    }
    return this.#skipRestOfString(index);
  }

  /**
   * Reads the value at `position` in slices: `skipValue` and `skipString` then know its end.
   * @throws JsonSyntaxError
   */
  *scanAhead(position: number): SlicedWork<void> {
    this.#aheadStart = -1;
    this.#longStrings.length = 0;
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
    let index = position;
    let sliceEnd = position + SLICE_BYTES;
    for (;;) {
      if (index > sliceEnd) {
        yield;
        sliceEnd = index + SLICE_BYTES;
      }
      if (closer === CLOSE_BRACE) {
        if (this.byteAt(index) !== QUOTE) this.fail(index, 'a member name');
        index = this.skipColon(yield* this.#skipStringInSlices(index));
      }
      const first = this.byteAt(index);
      if (KIND[first] === CONTAINER) {
        index = this.skipWhitespace(index + 1);
        if (this.byteAt(index) !== first + 2) {
          if (open.length === JSON_DEPTH_MAX) this.#failDepth(index);
          open.push(closer);
          closer = first + 2;
          continue;
        }
        index += 1;
      } else {
        index = first === QUOTE ? yield* this.#skipStringInSlices(index) : this.skipValue(index);
      }
      // After a value, any number of enclosing arrays and objects may end.
      for (;;) {
        if (closer === 0) return index;
        index = this.skipWhitespace(index);
        const byte = this.byteAt(index);
        index += 1;
        if (byte === COMMA) {
          index = this.skipWhitespace(index);
          break;
        }
        if (byte !== closer) this.#failSeparator(index - 1, closer);
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
    let index = position + 1;
    for (;;) {
      const sliceEnd = index + SLICE_BYTES;
      while (index < sliceEnd) {
        while (
          index <= lastWord &&
          index < sliceEnd &&
          plainRunStops(view.getInt32(index, true)) === 0
        )
          index += 4;
        while (index < end && index < sliceEnd && ENDS_RUN[bytes[index] as number] === 0)
          index += 1;
        if (index >= sliceEnd) break;
        if (index >= end) this.fail(index, 'the end of a string');
        const byte = bytes[index] as number;
        if (byte === QUOTE) {
          this.stringHasEscapes = hasEscapes;
          const isLong = index - position > SLICE_BYTES;
          if (isLong) this.#longStrings.push({ start: position, end: index + 1, hasEscapes });
          return index + 1;
        }
        if (byte !== BACKSLASH) this.fail(index, 'no control character in a string');
        hasEscapes = true;
        index = this.#skipEscape(index);
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
    let index = position;
    if (index < end && (bytes[index] as number) <= 0x20) index = this.skipWhitespace(index);
    if (index >= end || bytes[index] !== COLON) this.fail(index, '":"');
    index += 1;
    return index < end && (bytes[index] as number) <= 0x20 ? this.skipWhitespace(index) : index;
  }

  /** @throws JsonSyntaxError when anything but white space follows `position` */
  assertEnd(position: number): void {
    const index = this.skipWhitespace(position);
    if (index < this.end) this.fail(index, 'the end of the text');
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
    const colonPosition = this.skipString(position);
    const isColonNext = colonPosition < end && bytes[colonPosition] === COLON;
    const valueAt = isColonNext ? colonPosition + 1 : this.skipColon(colonPosition);
    return valueAt < end && (bytes[valueAt] as number) <= 0x20
      ? this.skipWhitespace(valueAt)
      : valueAt;
  }

  /**
   * Skips the rest of a string: its end, escapes, and characters that it must not have.
   * @param position of the first byte that is not plain
   */
  #skipRestOfString(position: number): number {
    if (this.#longStrings.length > 0) {
      const known = this.#longStrings.find(({ start, end }) => start < position && position < end);
      if (known !== undefined) {
        this.stringHasEscapes = known.hasEscapes;
        return known.end;
      }
    }
    const { bytes, end } = this;
    const view = this.#view;
    const lastWord = this.#lastWord;
    let index = position;
    for (;;) {
      while (index <= lastWord && plainRunStops(view.getInt32(index, true)) === 0) index += 4;
      while (index < end && ENDS_RUN[bytes[index] as number] === 0) index += 1;
      if (index >= end) this.fail(index, 'the end of a string');
      const byte = bytes[index] as number;
      if (byte === QUOTE) return index + 1;
      if (byte !== BACKSLASH) this.fail(index, 'no control character in a string');
      this.stringHasEscapes = true;
      index = this.#skipEscape(index);
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
      const letterPosition = position + index;
      if (letterPosition >= end || bytes[letterPosition] !== literal.charCodeAt(index)) {
        this.fail(letterPosition, literal);
      }
    }
    return position + literal.length;
  }

  #skipNumber(position: number): number {
    const { bytes, end } = this;
    const start = bytes[position] === MINUS ? position + 1 : position;
    let index = start;
    while (index < end && IS_DIGIT[bytes[index] as number] === 1) index += 1;
    if (index === start) this.fail(index, 'a digit');
    if (bytes[start] === ZERO && index > start + 1) {
      this.fail(start + 1, 'no digit after a leading 0');
    }
    let byte = index < end ? (bytes[index] as number) : 0;
    if (byte === POINT) {
      index = this.#skipDigits(index + 1);
      byte = index < end ? (bytes[index] as number) : 0;
    }
    // `| 0x20` makes an upper-case E lower-case.
    return (byte | 0x20) === LOWER_E ? this.#skipExponent(index) : index;
  }

  #skipExponent(position: number): number {
    const sign = this.byteAt(position + 1);
    return this.#skipDigits(sign === MINUS || sign === PLUS ? position + 2 : position + 1);
  }

  /** Skips one digit or more. */
  #skipDigits(position: number): number {
    const { bytes, end } = this;
    let index = position;
    while (index < end && IS_DIGIT[bytes[index] as number] === 1) index += 1;
    if (index === position) this.fail(index, 'a digit');
    return index;
  }

  /** Skips the escape whose backslash is at `position`. */
  #skipEscape(position: number): number {
    const letter = this.byteAt(position + 1);
    if (IS_ESCAPE[letter] === 1) return position + 2;
    if (letter !== LOWER_U) this.fail(position + 1, 'one of "\\/bfnrtu after a backslash');
    for (let index = position + 2; index < position + 6; index += 1) {
      if (!isHexDigit(this.byteAt(index))) this.fail(index, 'four hexadecimal digits after \\u');
    }
    return position + 6;
  }
}

/**
 * Marks where a run of plain characters ends in four bytes of a string: the high bit of a byte is
 * set when it is below 0x20, a quote or a backslash. A borrow may set it in a later byte too, never
 * in one before the first.
 */
export function plainRunStops(word: number): number {
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
