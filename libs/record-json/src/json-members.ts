import type { SlicedWork } from '#runtime';
import { BACKSLASH, CLOSE_BRACE, COMMA, QUOTE } from './json-bytes.js';
import type { JsonScanner } from './json-scanner.js';
import { jsonStringText } from './json-string.js';

/** Bytes of a name in a sentence; sentences show fewer characters. */
const SHOWN_BYTES_MAX = 1000;
/** Index of a name that is not in the list. */
const UNKNOWN_MEMBER = -1;

/**
 * Names of an object's members, matched against the bytes of a text. The most common come first.
 */
export class MemberNames {
  /** Position after the last matched name. */
  end = 0;
  readonly #names: readonly string[];
  readonly #quoted: readonly Buffer[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#quoted = names.map((name) => Buffer.from(`${name}"`));
  }

  /**
   * Reads the member name at `position`; `end` is then the position after it.
   * @returns its index in the list, or UNKNOWN_MEMBER
   * @throws JsonSyntaxError
   */
  at(scanner: JsonScanner, position: number): number {
    if (scanner.byteAt(position) !== QUOTE) scanner.fail(position, 'a member name');
    const quoted = this.#quoted;
    for (let index = 0; index < quoted.length; index += 1) {
      const name = quoted[index] as Buffer;
      if (!startsWith(scanner.bytes, position + 1, name)) continue;
      this.end = position + 1 + name.length;
      return index;
    }
    this.end = scanner.skipString(position);
    // A name with escapes may still be one of the list.
    return scanner.stringHasEscapes
      ? this.#names.indexOf(stringAt(scanner, position))
      : UNKNOWN_MEMBER;
  }
}

/** Receives the members of an object. */
interface MemberSink {
  /**
   * Receives the member whose name is at `nameAt` and whose value is at `valueAt`.
   * @param member index of its name
   * @returns the position after the value
   */
  takeMember(member: number, nameAt: number, valueAt: number): number;
}

/** A sink that receives some members in slices. */
export interface LargeMemberSink extends MemberSink {
  /** Receives a member in slices; undefined if `takeMember` should receive it. */
  takeLargeMember(member: number, valueAt: number): SlicedWork<number> | undefined;
}

/**
 * Reads the object at `position`, whose opening brace was already checked.
 * @returns the position after it
 * @throws JsonSyntaxError
 */
export function readObject(
  scanner: JsonScanner,
  position: number,
  names: MemberNames,
  sink: MemberSink,
): number {
  let at = scanner.skipWhitespace(position + 1);
  if (scanner.byteAt(at) === CLOSE_BRACE) return at + 1;
  for (;;) {
    const member = names.at(scanner, at);
    at = sink.takeMember(member, at, scanner.skipColon(names.end));
    at = scanner.skipWhitespace(at);
    const byte = scanner.byteAt(at);
    if (byte === CLOSE_BRACE) return at + 1;
    if (byte !== COMMA) scanner.fail(at, '"," or "}"');
    at = scanner.skipWhitespace(at + 1);
  }
}

/** Does the same as `readObject`; long values are read in slices before they are passed on. */
export function* readObjectInSlices(
  scanner: JsonScanner,
  position: number,
  names: MemberNames,
  sink: LargeMemberSink,
): SlicedWork<number> {
  let at = scanner.skipWhitespace(position + 1);
  if (scanner.byteAt(at) === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (scanner.byteAt(at) === QUOTE) yield* scanner.scanAhead(at);
    const member = names.at(scanner, at);
    const valueAt = scanner.skipColon(names.end);
    const taken = sink.takeLargeMember(member, valueAt);
    if (taken === undefined) {
      yield* scanner.scanAhead(valueAt);
      at = sink.takeMember(member, at, valueAt);
    } else {
      at = yield* taken;
    }
    at = scanner.skipWhitespace(at);
    const byte = scanner.byteAt(at);
    if (byte === CLOSE_BRACE) return at + 1;
    if (byte !== COMMA) scanner.fail(at, '"," or "}"');
    at = scanner.skipWhitespace(at + 1);
  }
}

/** Returns the characters of the string at `position`. @throws JsonSyntaxError */
export function stringAt(scanner: JsonScanner, position: number): string {
  const end = scanner.skipString(position);
  const { bytes, stringHasEscapes: hasEscapes } = scanner;
  return jsonStringText({ bytes, start: position + 1, end: end - 1, hasEscapes });
}

/**
 * Returns the name at `nameAt`, which was already read, for a sentence; of a very long one the raw
 * beginning.
 */
export function displayedNameAt(scanner: JsonScanner, nameAt: number): string {
  const { bytes, end } = scanner;
  const limit = Math.min(end, nameAt + SHOWN_BYTES_MAX);
  for (let at = nameAt + 1; at < limit; at += 1) {
    if (bytes[at] === QUOTE) return stringAt(scanner, nameAt);
    if (bytes[at] === BACKSLASH) at += 1;
  }
  return textOf(scanner, nameAt + 1, limit);
}

/** Returns the text of a span of the scanner's bytes. */
export function textOf({ bytes }: JsonScanner, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
}

function startsWith(bytes: Uint8Array, position: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (bytes[position + index] !== name[index]) return false;
  }
  return true;
}
