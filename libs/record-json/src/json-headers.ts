/**
 * The `headers` member of a record in JSON: an object of strings, or a list of `{"key", "value" |
 * "valueBase64"}`, which alone can repeat a name or have null.
 *
 * They are written as in Kafka's records: (varint length, name, varint length, value)*, a null
 * value with length -1.
 */
import { BASE64_RULE } from './base64.js';
import type { ByteWriter } from './byte-writer.js';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LOWER_N,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.js';
import type { JsonScanner } from './json-scanner.js';
import { jsonStringText, LONE_SURROGATE, type StringSpan } from './json-string.js';
import { type FaultKind, memberPointer, quotedName, type RecordFaults } from './record-faults.js';

const KEY = 1;
const VALUE = 2;
const VALUE_BASE64 = 4;
const MEMBERS = new Map([
  ['key', KEY],
  ['value', VALUE],
  ['valueBase64', VALUE_BASE64],
]);

const OBJECT_RULE =
  'is a string here; null and base64 are for the list form, [{"key", "value" or "valueBase64"}]';

/** Receives a fault of the current record; `tail` is the pointer from the record on. */
export interface RecordFaultSink {
  readonly faults: RecordFaults;
  recordFault(tail: string, detail: string, kind?: FaultKind): void;
}

/** Reads the headers of one record after the other: one object per parser, none per header. */
export class JsonHeaders {
  /** Headers of the record last parsed. */
  count = 0;
  readonly #memberName = new MutableStringSpan();
  readonly #name = new MutableStringSpan();
  readonly #value = new MutableStringSpan();
  /** Members of the list form's current header, as bits. */
  #seen = 0;
  /** Position of that header. */
  #headerStart = 0;
  #isValueNull = false;
  readonly #names = new Set<string>();
  readonly #scanner: JsonScanner;
  readonly #target: ByteWriter;
  readonly #sink: RecordFaultSink;
  readonly #headersMax: number;

  constructor(scanner: JsonScanner, target: ByteWriter, sink: RecordFaultSink, headersMax: number) {
    this.#scanner = scanner;
    this.#target = target;
    this.#sink = sink;
    this.#headersMax = headersMax;
  }

  /**
   * Appends the headers at `position` to the target.
   * @returns the position after them
   * @throws JsonSyntaxError
   */
  parse(position: number): number {
    this.count = 0;
    const first = this.#scanner.byteAt(position);
    let end: number;
    if (first === OPEN_BRACE) {
      end = this.#parseObject(position);
    } else if (first === OPEN_BRACKET) {
      end = this.#parseList(position);
    } else {
      end = this.#scanner.skipValue(position);
      this.#fault('', 'headers are an object of strings, or a list of {"key", "value"}');
    }
    if (this.count <= this.#headersMax) return end;
    this.#fault('', `a record has at most ${this.#headersMax} headers (${HEADERS_BOUND})`);
    this.#sink.faults.exceeded = HEADERS_BOUND;
    return this.#scanner.skipValue(position);
  }

  #parseObject(position: number): number {
    const scanner = this.#scanner;
    const name = this.#name;
    let byteIndex = scanner.skipWhitespace(position + 1);
    if (scanner.byteAt(byteIndex) === CLOSE_BRACE) return byteIndex + 1;
    this.#names.clear();
    for (;;) {
      if (scanner.byteAt(byteIndex) !== QUOTE) scanner.fail(byteIndex, 'a header name');
      byteIndex = scanner.skipColon(this.#takeString(name, byteIndex));
      byteIndex = scanner.skipWhitespace(this.#parseObjectValue(byteIndex));
      if (this.count > this.#headersMax) return byteIndex;
      const byte = scanner.byteAt(byteIndex);
      if (byte === CLOSE_BRACE) return byteIndex + 1;
      if (byte !== COMMA) scanner.fail(byteIndex, '"," or "}"');
      byteIndex = scanner.skipWhitespace(byteIndex + 1);
    }
  }

  /** The value of the object form's header `name`. */
  #parseObjectValue(position: number): number {
    const scanner = this.#scanner;
    const name = this.#name;
    const value = this.#value;
    const names = this.#names;
    this.count += 1;
    if (scanner.byteAt(position) !== QUOTE) {
      this.#fault(memberPointer('', jsonStringText(name)), `a header's value ${OBJECT_RULE}`);
      return scanner.skipValue(position);
    }
    const end = this.#takeString(value, position);
    const text = jsonStringText(name);
    if (names.has(text)) {
      const detail = `repeated header ${quotedName(text)}: the list form can repeat a name`;
      this.#fault(memberPointer('', text), detail);
    }
    names.add(text);
    if (!this.#target.appendSizedString(name) || !this.#target.appendSizedString(value)) {
      this.#fault(memberPointer('', text), LONE_SURROGATE);
    }
    return end;
  }

  #parseList(position: number): number {
    const scanner = this.#scanner;
    let byteIndex = scanner.skipWhitespace(position + 1);
    if (scanner.byteAt(byteIndex) === CLOSE_BRACKET) return byteIndex + 1;
    for (;;) {
      const index = this.count;
      this.count += 1;
      if (scanner.byteAt(byteIndex) === OPEN_BRACE) {
        byteIndex = this.#parseListed(byteIndex, index);
      } else {
        byteIndex = scanner.skipValue(byteIndex);
        this.#fault(`/${index}`, 'a header in the list form is {"key", "value" or "valueBase64"}');
      }
      if (this.count > this.#headersMax) return byteIndex;
      byteIndex = scanner.skipWhitespace(byteIndex);
      const byte = scanner.byteAt(byteIndex);
      if (byte === CLOSE_BRACKET) return byteIndex + 1;
      if (byte !== COMMA) scanner.fail(byteIndex, '"," or "]"');
      byteIndex = scanner.skipWhitespace(byteIndex + 1);
    }
  }

  /** One header of the list form. */
  #parseListed(position: number, index: number): number {
    const scanner = this.#scanner;
    this.#seen = 0;
    this.#headerStart = position;
    let byteIndex = scanner.skipWhitespace(position + 1);
    if (scanner.byteAt(byteIndex) === CLOSE_BRACE) {
      byteIndex += 1;
    } else {
      for (;;) {
        byteIndex = scanner.skipWhitespace(this.#parseListedMember(byteIndex, index));
        const byte = scanner.byteAt(byteIndex);
        byteIndex += 1;
        if (byte === CLOSE_BRACE) break;
        if (byte !== COMMA) scanner.fail(byteIndex - 1, '"," or "}"');
        byteIndex = scanner.skipWhitespace(byteIndex);
      }
    }
    this.#appendListed(index);
    return byteIndex;
  }

  /** Parses one member of a header of the list form. */
  #parseListedMember(position: number, index: number): number {
    const scanner = this.#scanner;
    const name = this.#name;
    const value = this.#value;
    if (scanner.byteAt(position) !== QUOTE) scanner.fail(position, 'a member name');
    const byteIndex = scanner.skipColon(this.#takeString(this.#memberName, position));
    const text = jsonStringText(this.#memberName);
    const member = MEMBERS.get(text) ?? 0;
    if (member === 0 || (this.#seen & member) !== 0) {
      const fault = member === 0 ? 'unknown member' : 'repeated member';
      this.#fault(memberPointer(`/${index}`, text), `${fault} ${quotedName(text)} of a header`);
      this.#sink.faults.countMember(HEADER_OBJECT - this.#headerStart);
    }
    this.#seen |= member;
    if (member === 0) return scanner.skipValue(byteIndex);
    const first = scanner.byteAt(byteIndex);
    if (member === VALUE) this.#isValueNull = first === LOWER_N;
    if (first === QUOTE) return this.#takeString(member === KEY ? name : value, byteIndex);
    if (member !== VALUE || first !== LOWER_N) {
      const orNull = member === VALUE ? ' or null' : '';
      this.#fault(`/${index}/${text}`, `"${text}" of a header is a string${orNull}`);
      this.#seen |= FAULTY;
    }
    return scanner.skipValue(byteIndex);
  }

  #appendListed(index: number): void {
    const seen = this.#seen;
    const target = this.#target;
    const name = this.#name;
    const value = this.#value;
    if ((seen & KEY) === 0) this.#fault(`/${index}`, 'a header has a "key"');
    if ((seen & (VALUE | VALUE_BASE64)) === 0) {
      this.#fault(`/${index}`, 'a header has a "value" (a string or null) or a "valueBase64"');
    }
    if ((seen & VALUE) !== 0 && (seen & VALUE_BASE64) !== 0) {
      this.#fault(`/${index}`, 'a header has either "value" or "valueBase64", not both');
    }
    const isWhole = seen === (KEY | VALUE) || seen === (KEY | VALUE_BASE64);
    if (!isWhole) return;
    if (!target.appendSizedString(name)) this.#fault(`/${index}/key`, LONE_SURROGATE);
    if (seen === (KEY | VALUE_BASE64)) {
      if (!target.appendSizedBase64(value)) this.#fault(`/${index}/valueBase64`, BASE64_RULE);
    } else if (this.#isValueNull) {
      target.appendNull();
    } else if (!target.appendSizedString(value)) {
      this.#fault(`/${index}/value`, LONE_SURROGATE);
    }
  }

  /** Stores the span of the string at `position` and returns the position after it. */
  #takeString(span: MutableStringSpan, position: number): number {
    const scanner = this.#scanner;
    const end = scanner.skipString(position);
    span.bytes = scanner.bytes;
    span.start = position + 1;
    span.end = end - 1;
    span.hasEscapes = scanner.stringHasEscapes;
    return end;
  }

  #fault(tail: string, detail: string): void {
    this.#sink.recordFault(`/headers${tail}`, detail);
  }
}

const HEADERS_BOUND = 'SLUICE_HEADERS_PER_RECORD_MAX';
/**
 * Base of the numbers of header objects: minus the header's position, it distinguishes them from
 * all other objects.
 */
const HEADER_OBJECT = -10;

/** Bit of a member whose value was faulty. */
const FAULTY = 8;

class MutableStringSpan implements StringSpan {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  hasEscapes = false;
}
