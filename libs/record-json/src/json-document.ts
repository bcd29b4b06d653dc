/**
 * Reads JSON into objects: bodies of the control plane, and the data of control messages. Bounds on
 * its shape are checked in the bytes before any object is created: the items of a list, the members
 * of an object, the values in all, and the depth.
 *
 * Repeated members are refused by name; `JSON.parse` would silently keep the last one.
 */
import { FaultList, ProtocolError } from '#protocol';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.js';
import type { JsonScanner } from './json-scanner.js';
import { jsonStringText } from './json-string.js';
import { memberPointer, quotedName } from './record-faults.js';

/** Bounds on the shape of a document. */
export interface DocumentLimits {
  /** Items of one list. */
  readonly bodyItemsMax: number;
  /** Members of one object. */
  readonly bodyMembersMax: number;
  /** Values in all: members, items, and the document itself. */
  readonly bodyValuesMax: number;
  /** Depth of nested lists and objects. */
  readonly bodyDepthMax: number;
}

/** Position of a value in its text. */
export interface DocumentSpan {
  readonly scanner: JsonScanner;
  /** Position of the value's first byte. */
  readonly start: number;
  /** RFC 6901 pointer to the value, which begins the pointers of its faults. */
  readonly pointer: string;
}

/**
 * Parses the value of a span of valid UTF-8.
 * @returns the value and the position after it
 * @throws ProtocolError REQUEST_TOO_LARGE or INVALID_REQUEST for a shape out of bounds;
 *   INVALID_REQUEST for repeated members
 * @throws JsonSyntaxError
 */
export function readDocument(
  span: DocumentSpan,
  limits: DocumentLimits,
): { readonly value: unknown; readonly end: number } {
  const scan = new DocumentScan(span, limits);
  const end = scan.scan();
  const { bytes } = span.scanner;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + span.start, end - span.start);
  const value: unknown = JSON.parse(text.toString());
  const repeated = scan.memberCount - countMembers(value);
  if (repeated > 0) throw new DocumentScan(span, limits).repeatedMembers(repeated);
  return { value, end };
}

/** Members of all objects in a value. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countMembers(item);
    return count;
  }
  for (const member of Object.values(value)) count += 1 + countMembers(member);
  return count;
}

/** One pass over a document. Recursion is bounded by `bodyDepthMax`. */
class DocumentScan {
  memberCount = 0;
  readonly #span: DocumentSpan;
  readonly #scanner: JsonScanner;
  readonly #limits: DocumentLimits;
  #valueCount = 0;
  /**
   * The open containers: for an object the position of its current member's name, for a list the
   * index of its current item as -1 - index.
   */
  readonly #path: number[] = [];
  /** Collects repeated members; undefined in the pass that only counts. */
  #repeated: FaultList | undefined;

  constructor(span: DocumentSpan, limits: DocumentLimits) {
    this.#span = span;
    this.#scanner = span.scanner;
    this.#limits = limits;
  }

  /** @returns the position after the value */
  scan(): number {
    return this.#value(this.#span.start);
  }

  /** Error of a document with repeated members. */
  repeatedMembers(count: number): ProtocolError {
    const faults = new FaultList();
    this.#repeated = faults;
    this.scan();
    const [first] = faults.described;
    const more = count > 1 ? `; and ${count - 1} more` : '';
    return new ProtocolError('INVALID_REQUEST', `${first?.pointer}: ${first?.detail}${more}.`, {
      faults: faults.described,
      faultCount: count,
    });
  }

  #value(position: number): number {
    this.#valueCount += 1;
    const { bodyValuesMax, bodyDepthMax } = this.#limits;
    if (this.#valueCount > bodyValuesMax) {
      const detail = `the body has more than ${bodyValuesMax} values`;
      throw outOfBounds('SLUICE_BODY_VALUES_MAX', this.#span.pointer, detail);
    }
    const first = this.#scanner.byteAt(position);
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return this.#scanner.skipValue(position);
    if (this.#path.length === bodyDepthMax) {
      const detail = `lists and objects nest more than ${bodyDepthMax} deep`;
      throw outOfBounds('SLUICE_BODY_DEPTH_MAX', this.#pointer(), detail);
    }
    this.#path.push(-1);
    const end = first === OPEN_BRACE ? this.#object(position) : this.#list(position);
    this.#path.pop();
    return end;
  }

  #object(position: number): number {
    const scanner = this.#scanner;
    const { bodyMembersMax } = this.#limits;
    const names = this.#repeated === undefined ? undefined : new Set<string>();
    let byteIndex = scanner.skipWhitespace(position + 1);
    if (scanner.byteAt(byteIndex) === CLOSE_BRACE) return byteIndex + 1;
    for (let count = 1; ; count += 1) {
      if (count > bodyMembersMax) {
        const detail = `an object has more than ${bodyMembersMax} members`;
        throw outOfBounds('SLUICE_BODY_MEMBERS_MAX', this.#pointerToContainer(), detail);
      }
      if (scanner.byteAt(byteIndex) !== QUOTE) scanner.fail(byteIndex, 'a member name');
      this.#path[this.#path.length - 1] = byteIndex;
      const nameEnd = scanner.skipString(byteIndex);
      if (names !== undefined) this.#findRepeated(names, byteIndex, nameEnd);
      this.memberCount += 1;
      byteIndex = scanner.skipWhitespace(this.#value(scanner.skipColon(nameEnd)));
      const byte = scanner.byteAt(byteIndex);
      if (byte === CLOSE_BRACE) return byteIndex + 1;
      if (byte !== COMMA) scanner.fail(byteIndex, '"," or "}"');
      byteIndex = scanner.skipWhitespace(byteIndex + 1);
    }
  }

  #list(position: number): number {
    const scanner = this.#scanner;
    const { bodyItemsMax } = this.#limits;
    let byteIndex = scanner.skipWhitespace(position + 1);
    if (scanner.byteAt(byteIndex) === CLOSE_BRACKET) return byteIndex + 1;
    for (let count = 1; ; count += 1) {
      if (count > bodyItemsMax) {
        const detail = `a list has more than ${bodyItemsMax} items`;
        throw outOfBounds('SLUICE_BODY_ITEMS_MAX', this.#pointerToContainer(), detail);
      }
      this.#path[this.#path.length - 1] = -count;
      byteIndex = scanner.skipWhitespace(this.#value(byteIndex));
      const byte = scanner.byteAt(byteIndex);
      if (byte === CLOSE_BRACKET) return byteIndex + 1;
      if (byte !== COMMA) scanner.fail(byteIndex, '"," or "]"');
      byteIndex = scanner.skipWhitespace(byteIndex + 1);
    }
  }

  #findRepeated(names: Set<string>, start: number, end: number): void {
    if (this.#repeated?.isFull === true) return;
    const name = this.#text(start, end);
    if (names.has(name)) {
      this.#repeated?.add(this.#pointer(), `repeated member ${quotedName(name)}`);
    }
    names.add(name);
  }

  /** Pointer to the current member or item of the innermost open container. */
  #pointer(): string {
    return this.#pointerOf(this.#path);
  }

  #pointerToContainer(): string {
    return this.#pointerOf(this.#path.slice(0, -1));
  }

  #pointerOf(path: readonly number[]): string {
    let { pointer } = this.#span;
    for (const step of path) {
      if (step < 0) pointer += `/${-1 - step}`;
      else pointer = memberPointer(pointer, this.#text(step, this.#scanner.skipString(step)));
    }
    return pointer;
  }

  /** Returns the characters of the string from its opening quote up to `end`. */
  #text(start: number, end: number): string {
    const { bytes } = this.#scanner;
    // A backslash among the bytes is an escape.
    return jsonStringText({ bytes, start: start + 1, end: end - 1, hasEscapes: true });
  }
}

function outOfBounds(bound: string, pointer: string, detail: string): ProtocolError {
  const code = bound === 'SLUICE_BODY_DEPTH_MAX' ? 'INVALID_REQUEST' : 'REQUEST_TOO_LARGE';
  const subject = pointer === '' ? '' : `${pointer}: `;
  return new ProtocolError(code, `${subject}${detail} (${bound}).`, {
    faults: [{ pointer, detail }],
    bound,
  });
}
