/**
 * Splits a stream of NDJSON or text into lines as its chunks arrive, with memory bounded by one
 * chunk and one line. A line ends at a newline or at the end of the stream; a carriage return
 * before the newline belongs to the ending. Empty lines are counted and skipped; blank ones, too,
 * unless they are kept.
 *
 * A line that is too long is reported at its position and the rest of it is skipped.
 */

import type { ByteAccount } from '#runtime';
import { ByteSegments } from './byte-segments.js';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
/** The reader of the lines accounts for their memory itself. */
const UNCOUNTED: ByteAccount = { hold: () => undefined, release: () => undefined };

/**
 * Consecutive lines with the buffer that contains them: line k is `bytes` from starts[k] to
 * ends[k].
 */
export interface LineBlock {
  readonly bytes: Buffer;
  /** Numbers of the lines in the stream, from 1. */
  readonly lines: readonly number[];
  /** Starts of the lines; -1: the line exceeds the limit and is absent. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface LineOptions {
  /** True when a line of white space is kept; only empty lines are skipped then. */
  readonly keepsBlankLines: boolean;
}

export class NdjsonLines {
  /** Lines begun so far, blank ones included. */
  lineCount = 0;
  /** Lines skipped because they are empty or, if these are not kept, blank. */
  blankCount = 0;

  /** Beginning of an unfinished line. */
  readonly #carry = new ByteSegments(UNCOUNTED);
  /** True when the current line was reported as too long and its end is awaited. */
  #isSkipping = false;

  // Numbers of the lines of the current block; the next ones are their positions.
  #lines: number[] = [];
  #starts: number[] = [];
  #ends: number[] = [];
  readonly #lineBytesMax: number;
  readonly #options: LineOptions;

  /** @param lineBytesMax bytes of a line without its ending */
  constructor(lineBytesMax: number, options: LineOptions = { keepsBlankLines: false }) {
    this.#lineBytesMax = lineBytesMax;
    this.#options = options;
  }

  /** Bytes of memory of the unfinished line. */
  get heldBytes(): number {
    return this.#carry.heldBytes;
  }

  /** Frees the unfinished line. */
  drop(): void {
    this.#carry.drop();
  }

  /**
   * Takes the next chunk and returns the lines that end in it (`bytes` may be the chunk itself).
   */
  push(chunk: Buffer): LineBlock {
    const firstEnd = chunk.indexOf(NEWLINE);
    if (firstEnd < 0) {
      this.#keep(chunk, 0);
      return this.#takeBlock(chunk);
    }
    const carried = this.#carry.sizeBytes;
    const bytes = carried === 0 ? chunk : this.#carry.joined(chunk);
    if (carried > 0) this.#carry.drop();
    let start = 0;
    for (let end = carried + firstEnd; end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#addLine(bytes, start, lineEndAt(bytes, start, end));
      start = end + 1;
    }
    if (start < bytes.length) this.#keep(bytes, start);
    return this.#takeBlock(bytes);
  }

  /** Ends the stream: returns the last line if it has no newline. */
  end(): LineBlock {
    const bytes = this.#carry.joined();
    this.#carry.drop();
    // Without a newline after it a carriage return is not a line ending; in JSON it is white space.
    const { keepsBlankLines } = this.#options;
    const { length } = bytes;
    if (length > 0) this.#addLine(bytes, 0, keepsBlankLines ? length : lineEndAt(bytes, 0, length));
    return this.#takeBlock(bytes);
  }

  /** @param lineEnd end of the line without its ending */
  #addLine(bytes: Buffer, start: number, lineEnd: number): void {
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return;
    }
    if (lineEnd - start > this.#lineBytesMax) {
      this.#report(-1, -1);
    } else if (this.#options.keepsBlankLines ? lineEnd === start : isBlank(bytes, start, lineEnd)) {
      this.lineCount += 1;
      this.blankCount += 1;
    } else {
      this.#report(start, lineEnd);
    }
  }

  /** Keeps the beginning of a line, from `start` on, until its end arrives. */
  #keep(bytes: Buffer, start: number): void {
    if (this.#isSkipping) return;
    // One byte more than a line may have: the last may be a carriage return.
    if (this.#carry.sizeBytes + bytes.length - start > this.#lineBytesMax + 1) {
      this.#report(-1, -1);
      this.#isSkipping = true;
      this.#carry.drop();
      return;
    }
    this.#carry.add(bytes, start, bytes.length, Number.POSITIVE_INFINITY);
  }

  #report(start: number, end: number): void {
    this.lineCount += 1;
    this.#lines.push(this.lineCount);
    this.#starts.push(start);
    this.#ends.push(end);
  }

  #takeBlock(bytes: Buffer): LineBlock {
    const lines = this.#lines;
    const starts = this.#starts;
    const ends = this.#ends;
    this.#lines = [];
    this.#starts = [];
    this.#ends = [];
    return { bytes, lines, starts, ends };
  }
}

/** Returns the end of a line whose newline, or the end of the stream, is at `end`. */
function lineEndAt(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
}

/** True when a span has only white space. */
function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let position = start; position < end; position += 1) {
    const byte = bytes[position] as number;
    if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}
