/**
 * A growing buffer for the decoded parts of a request's records (base64, escaped strings, headers),
 * which cannot be spans of its body.
 */
import { writeVarint } from '#log';
import { decodeBase64 } from './base64.js';
import { decodeJsonString, type StringSpan } from './json-string.js';

const BYTES_MIN = 256;
const VARINT_BYTES_MAX = 5;
const EMPTY = Buffer.alloc(0);

/**
 * Writer of decoded bytes. Every `append*` returns false without a change when the text cannot be
 * decoded.
 */
export class ByteWriter {
  bytes: Buffer = EMPTY;
  length = 0;

  /** Returns the written bytes; later writes may not be visible in it. */
  view(): Buffer {
    return this.length === 0 ? EMPTY : this.bytes.subarray(0, this.length);
  }

  /**
   * Appends a string's characters as UTF-8; false when it has a lone surrogate, which UTF-8 cannot
   * represent.
   */
  appendString(text: StringSpan): boolean {
    this.#reserve(text.end - text.start);
    return this.#endAt(this.#decodeString(text, this.length));
  }

  /**
   * Appends the bytes that a string encodes in base64; false when it is not base64 (BASE64_RULE).
   */
  appendBase64(text: StringSpan): boolean {
    this.#reserve(text.end - text.start);
    return this.#endAt(this.#decodeBase64(text, this.length));
  }

  /** Appends a string like `appendString`, after its length as in Kafka's records. */
  appendSizedString(text: StringSpan): boolean {
    this.#reserve(VARINT_BYTES_MAX + text.end - text.start);
    const position = this.length + VARINT_BYTES_MAX;
    return this.#closeSized(this.#decodeString(text, position));
  }

  /** Appends a string like `appendBase64`, after its length as in Kafka's records. */
  appendSizedBase64(text: StringSpan): boolean {
    this.#reserve(VARINT_BYTES_MAX + text.end - text.start);
    const position = this.length + VARINT_BYTES_MAX;
    return this.#closeSized(this.#decodeBase64(text, position));
  }

  /** Appends an ASCII text after its length. */
  appendSizedText(text: string): void {
    this.#reserve(VARINT_BYTES_MAX + text.length);
    const at = writeVarint(this.bytes, this.length, text.length);
    this.length = at + this.bytes.write(text, at, 'latin1');
  }

  /** Appends bytes that were written before. */
  appendCopy(start: number, end: number): void {
    this.#reserve(end - start);
    this.bytes.copyWithin(this.length, start, end);
    this.length += end - start;
  }

  /** Appends the length that represents null. */
  appendNull(): void {
    this.#reserve(VARINT_BYTES_MAX);
    this.length = writeVarint(this.bytes, this.length, -1);
  }

  #decodeString(text: StringSpan, position: number): number {
    const { bytes, start, end } = text;
    if (text.hasEscapes) return decodeJsonString(bytes, start, end, this.bytes, position);
    const target = this.bytes;
    let to = position;
    // These are short (keys, header names): a loop is faster than a view and a native copy.
    for (let from = start; from < end; from += 1) {
      target[to] = bytes[from] as number;
      to += 1;
    }
    return to;
  }

  #decodeBase64(text: StringSpan, position: number): number {
    if (!text.hasEscapes) {
      return decodeBase64(text.bytes, text.start, text.end, this.bytes, position);
    }
    // Some encoders escape every slash.
    const end = decodeJsonString(text.bytes, text.start, text.end, this.bytes, position);
    return end < 0 ? -1 : decodeBase64(this.bytes, position, end, this.bytes, position);
  }

  #endAt(end: number): boolean {
    if (end < 0) return false;
    this.length = end;
    return true;
  }

  /** Puts the length before the bytes written up to `end`, and closes the remaining gap. */
  #closeSized(end: number): boolean {
    if (end < 0) return false;
    const start = this.length + VARINT_BYTES_MAX;
    const position = writeVarint(this.bytes, this.length, end - start);
    this.bytes.copyWithin(position, start, end);
    this.length = position + end - start;
    return true;
  }

  #reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2, BYTES_MIN));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
