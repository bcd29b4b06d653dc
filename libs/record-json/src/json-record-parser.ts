/**
 * Reads records in their JSON form (docs/PROTOCOL.md, "Records") into the fields of a RecordSet
 * without creating objects: a record is validated and its spans are stored in one pass.
 *
 * This is the gateway's hottest code. Common cases are fast (known member names are compared in
 * place, a value is skipped, nothing is allocated); rare ones (escaped names, faults) are exact.
 */
import { RECORD_KEY_IS_JSON, RECORD_STRIDE, RECORD_VALUE_IS_JSON, type RecordSet } from '#protocol';
import { BASE64_RULE } from './base64.js';
import { ByteWriter } from './byte-writer.js';
import { CLOSE_BRACE, COMMA, LOWER_N, MINUS, NINE, OPEN_BRACE, QUOTE, ZERO } from './json-bytes.js';
import { JsonHeaders, type RecordFaultSink } from './json-headers.js';
import { JsonScanner } from './json-scanner.js';
import { jsonStringText, LONE_SURROGATE, type StringSpan } from './json-string.js';
import {
  type FaultKind,
  type FaultMark,
  memberPointer,
  quotedName,
  RecordFaults,
} from './record-faults.js';

/** Bounds of one request. */
export interface RecordLimits {
  readonly recordsMax: number;
  readonly headersPerRecordMax: number;
  /** Unknown and repeated members of one object. */
  readonly faultyMembersMax: number;
  /**
   * Bytes that a batch may have, if the topic is known: it bounds the decoded part of a large
   * record.
   */
  readonly batchBytesMax?: number;
}

/** Members of a record, as bits. */
const UNKNOWN_MEMBER = 0;
const VALUE = 1;
const VALUE_BASE64 = 2;
const KEY = 4;
const KEY_BASE64 = 8;
const HEADERS = 16;
const PARTITION = 32;
const TIMESTAMP = 64;
/** Bit of the member of the body around a list of records. */
export const RECORDS_MEMBER = 128;
/** Bit of a key other than null: null beside `keyBase64` counts as absent. */
const KEY_GIVEN = 256;

/** True when the bytes of such a member are decoded; those of a JSON value stay in place. */
export function isDecodedMember(member: number): boolean {
  return (member & (VALUE_BASE64 | KEY | KEY_BASE64 | HEADERS)) !== 0;
}

const MEMBERS = new Map([
  ['value', VALUE],
  ['key', KEY],
  ['valueBase64', VALUE_BASE64],
  ['keyBase64', KEY_BASE64],
  ['headers', HEADERS],
  ['partition', PARTITION],
  ['timestamp', TIMESTAMP],
  ['records', RECORDS_MEMBER],
]);

/**
 * Names with their closing quotes, the most common first; names without escapes are compared in
 * place.
 */
const QUOTED_MEMBERS = Array.from(MEMBERS, ([name, member]) => ({
  quoted: Buffer.from(`${name}"`),
  member,
}));

/** Longest form of a known name, with every character escaped. */
const NAME_BYTES_MAX = 6 * 'valueBase64'.length;
/** Bytes of a longer name that an error shows, as they are written. */
const NAME_SHOWN_BYTES_MAX = 1000;
/** A longer number is not one of the whole numbers that are accepted. */
const NUMBER_BYTES_MAX = 400;
const PARTITION_MAX = 2 ** 31 - 1;
/** Whole numbers with at most this many digits are exact. */
const EXACT_DIGITS_MAX = 15;

/** State of a parser: see `JsonRecordParser.mark`. */
export interface ParserMark {
  readonly count: number;
  readonly fieldCount: number;
  readonly decodedBytes: number;
  readonly faults: FaultMark;
}

/** A parser for the records of one request; `scanner` is set to its text first. */
export class JsonRecordParser implements RecordFaultSink, StringSpan {
  readonly scanner = new JsonScanner();
  /** Faults of the records read, and of the text around them. */
  faults: RecordFaults;
  /** Number of records read. */
  count = 0;
  /** Pointer to the list that contains the records; undefined for a single record. */
  listPointer: string | undefined;

  // Bytes of the current string, as a StringSpan.
  bytes: Uint8Array = this.scanner.bytes;
  start = 0;
  end = 0;
  hasEscapes = false;

  /** Position after the member name last read, at or before its colon. */
  nameEnd = 0;
  readonly #fields: number[] = [];
  readonly #decoded = new ByteWriter();
  /** Created for the first record with headers. */
  #headers: JsonHeaders | undefined;
  /** Length of the source: positions from here on refer to `decoded`. */
  #sourceLength = 0;

  // Members of the current record, as bits; with the next ones they become its fields.
  #seen = 0;
  #valueStart = -1;
  #valueEnd = -1;
  #keyStart = -1;
  #keyEnd = -1;
  #headersStart = 0;
  #headersEnd = 0;
  #headerCount = 0;
  #attributes = 0;
  #partition = -1;
  #timestamp = -1;

  constructor(readonly limits: RecordLimits) {
    this.faults = new RecordFaults(limits.faultyMembersMax);
  }

  /** Sets the text to `source` from `start` up to `end`; all records of a set have one source. */
  turnTo(source: Uint8Array, start: number, end: number): void {
    this.scanner.reset(source, start, end);
    this.bytes = source;
    this.#sourceLength = source.length;
  }

  /** Length of the decoded bytes: together with `count`, a state to go back to. */
  get decodedBytes(): number {
    return this.#decoded.length;
  }

  /** Discards all records but the first `count` ones, and all faults. */
  goBackTo(count: number, decodedBytes: number): void {
    this.count = count;
    this.#fields.length = count * RECORD_STRIDE;
    this.#decoded.length = decodedBytes;
    this.faults = new RecordFaults(this.limits.faultyMembersMax);
  }

  /** Returns a state to go back to when a record turns out to be large. */
  mark(): ParserMark {
    const { count, decodedBytes, faults } = this;
    return { count, decodedBytes, fieldCount: this.#fields.length, faults: faults.mark() };
  }

  /** Discards everything since the mark. */
  rewind(mark: ParserMark): void {
    this.count = mark.count;
    this.#fields.length = mark.fieldCount;
    this.#decoded.length = mark.decodedBytes;
    this.faults.rewind(mark.faults);
  }

  /** Returns all records read. */
  recordSet(): RecordSet {
    const { bytes, count } = this;
    const decoded = this.#decoded;
    const fields = this.#fields;
    return { source: bytes, decoded: decoded.view(), count, fields };
  }

  /**
   * Reads the whole text as one record.
   * @throws JsonSyntaxError
   */
  parseWholeText(): void {
    const { scanner } = this;
    scanner.assertEnd(this.parseRecord(scanner.skipWhitespace(scanner.start)));
  }

  /** True when the last record has such a member. */
  hasSeen(member: number): boolean {
    return (this.#seen & member) !== 0;
  }

  /**
   * Reads the record at `position`; its faults are collected, not thrown.
   * @returns the position after it
   * @throws JsonSyntaxError
   */
  parseRecord(position: number): number {
    const { scanner } = this;
    if (scanner.byteAt(position) !== OPEN_BRACE) {
      const end = scanner.skipValue(position);
      this.recordFault('', 'a record is an object: {"value": ...}');
      this.count += 1;
      return end;
    }
    this.beginRecord();
    let byteIndex = scanner.skipWhitespace(position + 1);
    if (scanner.byteAt(byteIndex) === CLOSE_BRACE) {
      byteIndex += 1;
    } else {
      for (;;) {
        const member = this.memberAt(byteIndex);
        byteIndex = this.parseMember(member, byteIndex, scanner.skipColon(this.nameEnd));
        let byte = scanner.byteAt(byteIndex);
        if (byte <= 0x20) {
          byteIndex = scanner.skipWhitespace(byteIndex);
          byte = scanner.byteAt(byteIndex);
        }
        byteIndex += 1;
        if (byte === CLOSE_BRACE) break;
        if (byte !== COMMA) scanner.fail(byteIndex - 1, '"," or "}"');
        if (scanner.byteAt(byteIndex) <= 0x20) byteIndex = scanner.skipWhitespace(byteIndex);
      }
    }
    this.endRecord();
    return byteIndex;
  }

  /**
   * Reads the member name at `position`; `nameEnd` is then the position after it.
   * @returns its bit
   * @throws JsonSyntaxError
   */
  memberAt(position: number): number {
    const { scanner, bytes } = this;
    if (scanner.byteAt(position) !== QUOTE) scanner.fail(position, 'a member name');
    for (const { quoted, member } of QUOTED_MEMBERS) {
      if (!startsWith(bytes, position + 1, quoted)) continue;
      this.nameEnd = position + 1 + quoted.length;
      return member;
    }
    this.nameEnd = this.#takeString(position);
    // A name without escapes would have been found.
    if (!this.hasEscapes || this.end - this.start > NAME_BYTES_MAX) return UNKNOWN_MEMBER;
    return MEMBERS.get(jsonStringText(this)) ?? UNKNOWN_MEMBER;
  }

  /** Returns the member name at `position`, for faults. */
  nameAt(position: number): string {
    const { bytes, nameEnd } = this;
    if (nameEnd - position > NAME_SHOWN_BYTES_MAX) {
      const start = bytes.byteOffset + position + 1;
      return Buffer.from(bytes.buffer, start, NAME_SHOWN_BYTES_MAX).toString();
    }
    this.#takeString(position);
    return jsonStringText(this);
  }

  /** Adds a fault of the current record; `tail` is the pointer from the record on. */
  recordFault(tail: string, detail: string, kind: FaultKind = 'record'): void {
    if (this.faults.isFull) {
      this.faults.countOne(kind);
      return;
    }
    const { listPointer } = this;
    const record = listPointer === undefined ? '' : `${listPointer}/${this.count}`;
    this.faults.add(kind, record + tail, detail);
  }

  /** Begins a record; large-records.ts uses this and the two methods below. */
  beginRecord(): void {
    this.#seen = 0;
    this.#valueStart = -1;
    this.#valueEnd = -1;
    this.#keyStart = -1;
    this.#keyEnd = -1;
    this.#headersStart = 0;
    this.#headersEnd = 0;
    this.#headerCount = 0;
    this.#attributes = 0;
    this.#partition = -1;
    this.#timestamp = -1;
  }

  endRecord(): void {
    const seen = this.#seen;
    if ((seen & (VALUE | VALUE_BASE64)) === 0) {
      this.recordFault('', 'a record has a "value" (any JSON) or a "valueBase64"');
    }
    // Generated clients send null for absent members of any type.
    if ((this.#attributes & RECORD_VALUE_IS_JSON) !== 0) {
      this.#assertNotBoth(VALUE | VALUE_BASE64, 'value');
    }
    this.#assertNotBoth(KEY_GIVEN | KEY_BASE64, 'key');
    this.count += 1;
    // Records of a request with faults are not used.
    if (this.faults.count > 0) return;
    // The order is that of the FIELD_* constants.
    this.#fields.push(
      this.#valueStart,
      this.#valueEnd,
      this.#keyStart,
      this.#keyEnd,
      this.#headersStart,
      this.#headersEnd,
      this.#headerCount,
      this.#attributes,
      this.#partition,
      this.#timestamp,
    );
  }

  #assertNotBoth(members: number, name: string): void {
    if ((this.#seen & members) !== members) return;
    this.recordFault('', `a record has either "${name}" or "${name}Base64", not both`);
  }

  /**
   * Reads the member whose name is at `nameAt` and whose value is at `position`.
   * @returns the position after the value
   */
  parseMember(member: number, nameAt: number, position: number): number {
    if ((this.#seen & member) !== 0) this.#faultyMember('repeated member', nameAt);
    this.#seen |= member;
    switch (member) {
      case VALUE:
        return this.#parseValue(position);
      case KEY:
        return this.#parseKey(position);
      case VALUE_BASE64:
      case KEY_BASE64:
        return this.#parseBase64(member, position);
      case HEADERS:
        return this.#parseHeaders(position);
      case PARTITION:
        return this.#parsePartition(position);
      case TIMESTAMP:
        return this.#parseTimestamp(position);
      default:
        this.#faultyMember('unknown member', nameAt);
        return this.scanner.skipValue(position);
    }
  }

  /** Refuses a member whose value is too large. */
  refuseMember(member: number, nameAt: number, detail: string): void {
    this.#seen |= member;
    this.recordFault(memberPointer('', this.nameAt(nameAt)), detail, 'size');
  }

  /** Adds the fault of a member that the record must not have. */
  #faultyMember(fault: string, nameAt: number): void {
    if (this.faults.isFull) {
      this.faults.countOne('record');
    } else {
      const name = this.nameAt(nameAt);
      this.recordFault(memberPointer('', name), `${fault} ${quotedName(name)}`);
    }
    this.faults.countMember(this.count);
  }

  #parseValue(position: number): number {
    const end = this.scanner.skipValue(position);
    if (this.bytes[position] !== LOWER_N) {
      this.#valueStart = position;
      this.#valueEnd = end;
      this.#attributes |= RECORD_VALUE_IS_JSON;
    }
    return end;
  }

  #parseKey(position: number): number {
    const first = this.scanner.byteAt(position);
    if (first !== LOWER_N) this.#seen |= KEY_GIVEN;
    if (first !== QUOTE) {
      const end = this.scanner.skipValue(position);
      if (first === LOWER_N) return end;
      this.#keyStart = position;
      this.#keyEnd = end;
      this.#attributes |= RECORD_KEY_IS_JSON;
      return end;
    }
    const end = this.#takeString(position);
    if (!this.hasEscapes) {
      this.#keyStart = this.start;
      this.#keyEnd = this.end;
      return end;
    }
    this.#keyStart = this.#decodedEnd();
    if (!this.#decoded.appendString(this)) this.recordFault('/key', LONE_SURROGATE);
    this.#keyEnd = this.#decodedEnd();
    return end;
  }

  #parseBase64(member: number, position: number): number {
    const name = member === KEY_BASE64 ? 'keyBase64' : 'valueBase64';
    if (this.scanner.byteAt(position) !== QUOTE) {
      this.recordFault(`/${name}`, `"${name}" is a string, ${BASE64_RULE}`);
      return this.scanner.skipValue(position);
    }
    const end = this.#takeString(position);
    const start = this.#decodedEnd();
    if (!this.#decoded.appendBase64(this)) {
      this.recordFault(`/${name}`, `"${name}" is ${BASE64_RULE}`);
    }
    if (member === KEY_BASE64) {
      this.#keyStart = start;
      this.#keyEnd = this.#decodedEnd();
    } else {
      this.#valueStart = start;
      this.#valueEnd = this.#decodedEnd();
    }
    return end;
  }

  #parseHeaders(position: number): number {
    const { scanner, limits } = this;
    const decoded = this.#decoded;
    this.#headers ??= new JsonHeaders(scanner, decoded, this, limits.headersPerRecordMax);
    this.#headersStart = this.#decodedEnd();
    const end = this.#headers.parse(position);
    this.#headersEnd = this.#decodedEnd();
    this.#headerCount = this.#headers.count;
    return end;
  }

  #parsePartition(position: number): number {
    const end = this.scanner.skipValue(position);
    this.#partition = wholeNumber(this.bytes, position, end);
    if (!(this.#partition >= 0 && this.#partition <= PARTITION_MAX)) {
      this.recordFault('/partition', `a partition is a whole number from 0 to ${PARTITION_MAX}`);
    }
    return end;
  }

  #parseTimestamp(position: number): number {
    const end = this.scanner.skipValue(position);
    this.#timestamp = wholeNumber(this.bytes, position, end);
    if (!(this.#timestamp >= 0 && this.#timestamp <= Number.MAX_SAFE_INTEGER)) {
      this.recordFault(
        '/timestamp',
        'a timestamp is a whole number of milliseconds since 1970, from 0 to 2^53 - 1',
        'timestamp',
      );
    }
    return end;
  }

  /** Sets the current string to the one at `position` and returns the position after it. */
  #takeString(position: number): number {
    const end = this.scanner.skipString(position);
    this.start = position + 1;
    this.end = end - 1;
    this.hasEscapes = this.scanner.stringHasEscapes;
    return end;
  }

  #decodedEnd(): number {
    return this.#sourceLength + this.#decoded.length;
  }
}

function startsWith(bytes: Uint8Array, position: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (bytes[position + index] !== name[index]) return false;
  }
  return true;
}

/** Parses the value of a span as a whole number in any notation; NaN for anything else. */
function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= EXACT_DIGITS_MAX) {
    let value = 0;
    let position = start;
    for (; position < end; position += 1) {
      const digit = (bytes[position] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (position === end) return value;
  }
  const first = bytes[start] as number;
  if (end - start > NUMBER_BYTES_MAX) return Number.NaN;
  if (first !== MINUS && (first < ZERO || first > NINE)) return Number.NaN;
  const value = Number(
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'),
  );
  // Adding 0 makes -0 a plain 0.
  return Number.isInteger(value) ? value + 0 : Number.NaN;
}
