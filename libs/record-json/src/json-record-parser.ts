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
import { CLOSE_BRACE, COMMA, LOWER_N, OPEN_BRACE, QUOTE } from './json-bytes.js';
import { JsonDelays } from './json-delays.js';
import { JsonHeaders, type RecordFaultSink } from './json-headers.js';
import { wholeNumber } from './json-number.js';
import { JsonScanner } from './json-scanner.js';
import { jsonStringText, LONE_SURROGATE, type StringSpan } from './json-string.js';
import {
  type FaultKind,
  type FaultMark,
  memberPointer,
  quotedName,
  RecordFaults,
} from './record-faults.js';
import {
  DELAY_MS,
  DELIVER_AT,
  HEADERS,
  KEY,
  KEY_BASE64,
  KEY_PRESENT,
  MEMBERS,
  NAME_BYTES_MAX,
  PARTITION,
  QUOTED_MEMBERS,
  TIMESTAMP,
  UNKNOWN_MEMBER,
  VALUE,
  VALUE_BASE64,
} from './record-members.js';

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
  /** Wall clock that `delayMs` counts from, ms since 1970. */
  readonly nowMs: () => number;
}

/** Bytes of a longer name that an error shows, as they are written. */
const NAME_SHOWN_BYTES_MAX = 1000;
const PARTITION_MAX = 2 ** 31 - 1;

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
  /** Created for the first delayed record. */
  #delays: JsonDelays | undefined;
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
    this.#delays?.goBackTo(count);
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
    this.#delays?.goBackTo(mark.count);
    this.faults.rewind(mark.faults);
  }

  /** Returns all records read. */
  recordSet(): RecordSet {
    const { bytes, count } = this;
    const decoded = this.#decoded;
    const fields = this.#fields;
    const delays = this.#delays?.byRecord;
    const set = { source: bytes, decoded: decoded.view(), count, fields };
    return delays === undefined ? set : { ...set, delays };
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
    this.#assertNotBoth(KEY_PRESENT | KEY_BASE64, 'key');
    if ((seen & (DELIVER_AT | DELAY_MS)) !== 0) this.#endDelayed();
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
      case DELIVER_AT:
      case DELAY_MS:
        return this.#parseDelay(member, position);
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
    if (first !== LOWER_N) this.#seen |= KEY_PRESENT;
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

  #parseDelay(member: number, position: number): number {
    const end = this.scanner.skipValue(position);
    this.#delays ??= new JsonDelays(this, this.limits.nowMs);
    this.#delays.take(member === DELAY_MS, wholeNumber(this.bytes, position, end));
    return end;
  }

  /** Puts the time of delivery into the headers of the record. */
  #endDelayed(): void {
    if ((this.#seen & (DELIVER_AT | DELAY_MS)) === (DELIVER_AT | DELAY_MS)) {
      this.recordFault('', 'a record has either "deliverAt" or "delayMs", not both');
      return;
    }
    const { length } = this.#decoded;
    const headersStart = this.#headersStart - this.#sourceLength;
    const headersEnd = this.#headersEnd - this.#sourceLength;
    if (this.#headerCount === 0) {
      this.#headersStart = this.#decodedEnd();
    } else if (headersEnd !== length) {
      // The headers of a record are one span: other members were decoded after them.
      this.#headersStart = this.#decodedEnd();
      this.#decoded.appendCopy(headersStart, headersEnd);
    }
    this.#delays?.end(this.count, this.#decoded);
    this.#headersEnd = this.#decodedEnd();
    this.#headerCount += 1;
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
