/** Values of lines of a fetch, found and moved in the bytes without parsing the records. */

/** The values of the first lines of some bytes. */
export interface PlainValues {
  /** The values, each followed by the separator. They take the place of their lines. */
  readonly bytes: Buffer;
  /** Position after the last of these lines, bytes. */
  readonly endByte: number;
}

const LINE_FEED = 0x0a;
const BACKSLASH = 0x5c;
/** Within a string quotes are escaped, so that these texts can only stand between members. */
const BEFORE_VALUE = Buffer.from(',"value":"');
const BEHIND_VALUE = Buffer.from('","headers":[');
const WITHOUT_HEADERS = Buffer.from('","headers":[]}');
const RECORD_START = /^\{"topic":"[^"]*","partition":\d+,"offset":(\d+),/;
/** A topic's name has at most 249 characters. */
const RECORD_START_BYTES_MAX = 350;

/**
 * Reads lines until one of them is not a record whose value is text. Returns undefined if the first
 * line is not. The values are moved to the beginning of the given bytes, over the lines that they
 * come from; the other lines stay as they are. Lines end with a line feed.
 * @param separator follows each value, at most 10 bytes
 */
export function plainValuesOf(lines: Buffer, separator: string): PlainValues | undefined {
  const separatorBytes = Buffer.from(separator);
  const backslashes = new NextByte(lines, BACKSLASH);
  let endByte = 0;
  let length = 0;
  let headBytes = 0;
  while (endByte < lines.length) {
    const feed = lines.indexOf(LINE_FEED, endByte);
    // The values of records one after the other mostly begin at the same place of their lines.
    if (!isAt(lines, BEFORE_VALUE, endByte + headBytes - BEFORE_VALUE.length)) {
      const before = lines.indexOf(BEFORE_VALUE, endByte);
      if (before < 0 || before > feed) break;
      headBytes = before + BEFORE_VALUE.length - endByte;
    }
    const start = endByte + headBytes;
    const end = endOfValue(lines, start, feed);
    if (end === undefined) break;
    if (backslashes.from(start) < end) {
      length += unescaped(lines, start, end).copy(lines, length);
    } else {
      lines.copyWithin(length, start, end);
      length += end - start;
    }
    for (const byte of separatorBytes) {
      lines[length] = byte;
      length += 1;
    }
    endByte = feed + 1;
  }
  return endByte === 0 ? undefined : { bytes: lines.subarray(0, length), endByte };
}

/** Returns the offset of the last record of some lines; undefined if there is none. */
export function lastOffsetOf(lines: Buffer): number | undefined {
  for (let end = lines.length; end > 0; ) {
    const start = end < 2 ? 0 : lines.lastIndexOf(LINE_FEED, end - 2) + 1;
    const head = lines.toString('latin1', start, Math.min(end, start + RECORD_START_BYTES_MAX));
    const found = RECORD_START.exec(head);
    if (found !== null) return Number(found[1]);
    end = start;
  }
  return undefined;
}

function endOfValue(lines: Buffer, start: number, feed: number): number | undefined {
  const end = feed - WITHOUT_HEADERS.length;
  if (end >= start && isAt(lines, WITHOUT_HEADERS, end)) return end;
  const behind = lines.indexOf(BEHIND_VALUE, start);
  return behind < 0 || behind > feed ? undefined : behind;
}

/** True if a text stands at a position, which may be outside of the lines. */
function isAt(lines: Buffer, text: Buffer, at: number): boolean {
  // V8 reads all bytes more slowly once one outside of them was asked for.
  if (at < 0 || at + text.length > lines.length) return false;
  for (let index = 0; index < text.length; index += 1) {
    if (lines[at + index] !== text[index]) return false;
  }
  return true;
}

/** Decodes the escapes of a string of JSON. The text is never longer than its escapes. */
function unescaped(lines: Buffer, start: number, end: number): Buffer {
  return Buffer.from(JSON.parse(`"${lines.toString('utf8', start, end)}"`) as string);
}

/** Positions of one byte, asked for in their order: most bytes are passed once. */
class NextByte {
  readonly #bytes: Buffer;
  readonly #byte: number;
  #next = -1;

  constructor(bytes: Buffer, byte: number) {
    this.#bytes = bytes;
    this.#byte = byte;
  }

  /** Returns the first position from another one on; infinity if there is none. */
  from(start: number): number {
    if (this.#next < start) {
      const found = this.#bytes.indexOf(this.#byte, start);
      this.#next = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#next;
  }
}
