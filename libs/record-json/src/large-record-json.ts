/**
 * Writes the JSON of one large record, equal to that of record-json-writer.ts, in pieces: the event
 * loop turns between two of them.
 */
import { isUtf8 } from 'node:buffer';
import { type RecordBatch, RecordCursor, VarintReader } from '#log';
import { type Offset, RECORD_KEY_IS_JSON, RECORD_VALUE_IS_JSON } from '#protocol';
import type { SlicedWork } from '#runtime';
import { isJsonInSlices } from './json-text.js';
import { fieldFormat, type RecordFrame } from './record-frame.js';

/** Bytes of a key or value written at once. Three bytes are four characters of base64. */
const PIECE_BYTES = 3 * 64 * 1024;

const SPACE = 0x20;

/** Bytes of a key, a value or a header. */
type Span = Buffer | null;

/**
 * @param batch it has one record
 * @returns the record without separators; undefined when the batch has no record
 * @throws ProtocolError CORRUPT_MESSAGE
 */
export function* largeRecordJson(
  batch: RecordBatch,
  frame: RecordFrame,
): SlicedWork<LargeRecordJson | undefined> {
  const cursor = new RecordCursor(batch);
  if (!cursor.next()) return undefined;
  const writer = new LargeRecordWriter(cursor, frame);
  yield* writer.write();
  return { pieces: writer.pieces, offset: cursor.offset };
}

/** A large record as JSON. */
export interface LargeRecordJson {
  /** Joined, they are the JSON. */
  readonly pieces: Buffer[];
  readonly offset: Offset;
}

class LargeRecordWriter {
  readonly pieces: Buffer[] = [];
  readonly #cursor: RecordCursor;
  readonly #frame: RecordFrame;

  constructor(cursor: RecordCursor, frame: RecordFrame) {
    this.#cursor = cursor;
    this.#frame = frame;
  }

  *write(): SlicedWork<void> {
    const cursor = this.#cursor;
    const frame = this.#frame;
    const { bytes, offset, timestamp, attributes } = cursor;
    const key = spanOf(bytes, cursor.keyStart, cursor.keyEnd);
    const value = spanOf(bytes, cursor.valueStart, cursor.valueEnd);
    this.#text(
      `{"topic":${JSON.stringify(frame.topic)},"partition":${frame.partition},"offset":${offset}` +
        `,"timestamp":${timestamp === -1 ? 'null' : timestamp},`,
    );
    yield* this.#member('key', key, (attributes & RECORD_KEY_IS_JSON) !== 0);
    this.#text(',');
    yield* this.#member('value', value, (attributes & RECORD_VALUE_IS_JSON) !== 0);
    this.#text(',"headers":[');
    const reader = new VarintReader(bytes, cursor.headersStart, cursor.headersEnd);
    for (let index = 0; index < cursor.headerCount; index += 1) {
      this.#text(index === 0 ? '{' : ',{');
      yield* this.#textMember('key', headerSpan(reader, bytes));
      this.#text(',');
      yield* this.#textMember('value', headerSpan(reader, bytes));
      this.#text('}');
    }
    this.#text(']}');
  }

  *#member(name: 'key' | 'value', span: Span, isFlaggedJson: boolean): SlicedWork<void> {
    const format = fieldFormat(this.#frame.format, name);
    const isText = format === 'default' || format === 'string';
    const mayBeJson = format === 'default' ? isFlaggedJson : format === 'json';
    if (span === null) this.#text(`"${name}":null`);
    else if (mayBeJson && (isFlaggedJson || (yield* isJsonInSlices(span)))) {
      yield* this.#jsonMember(name, span);
    } else if (isText) yield* this.#textMember(name, span);
    else yield* this.#base64Member(name, span);
  }

  *#jsonMember(name: string, span: Buffer): SlicedWork<void> {
    this.#text(`"${name}":`);
    if (this.#frame.framing === 'array') {
      this.pieces.push(span);
      return;
    }
    for (let position = 0; position < span.length; position += PIECE_BYTES) {
      this.pieces.push(onOneLine(span.subarray(position, position + PIECE_BYTES)));
      yield;
    }
  }

  /** Writes a string when the bytes are UTF-8, else base64. */
  *#textMember(name: string, span: Span): SlicedWork<void> {
    if (span === null) {
      this.#text(`"${name}":null`);
      return;
    }
    if (!isUtf8(span)) {
      yield* this.#base64Member(name, span);
      return;
    }
    this.#text(`"${name}":"`);
    for (let position = 0; position < span.length; ) {
      const end = characterEnd(span, position + PIECE_BYTES);
      this.#text(JSON.stringify(span.toString('utf8', position, end)).slice(1, -1));
      position = end;
      if (position < span.length) yield;
    }
    this.#text('"');
  }

  *#base64Member(name: string, span: Buffer): SlicedWork<void> {
    this.#text(`"${name}Base64":"`);
    for (let position = 0; position < span.length; position += PIECE_BYTES) {
      this.pieces.push(
        Buffer.from(span.toString('base64', position, position + PIECE_BYTES), 'latin1'),
      );
      yield;
    }
    this.#text('"');
  }

  #text(text: string): void {
    this.pieces.push(Buffer.from(text));
  }
}

function spanOf(bytes: Buffer, start: number, end: number): Span {
  return start < 0 ? null : bytes.subarray(start, end);
}

function headerSpan(reader: VarintReader, bytes: Buffer): Span {
  const length = reader.readVarint();
  if (length < 0) return null;
  const start = reader.position;
  reader.position += length;
  return bytes.subarray(start, start + length);
}

/** Returns the end of a character at or before a position in valid UTF-8. */
function characterEnd(bytes: Buffer, position: number): number {
  if (position >= bytes.length) return bytes.length;
  let end = position;
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return end;
}

/** Control characters in JSON text are white space: a string has none unescaped. */
function onOneLine(json: Buffer): Buffer {
  const line = Buffer.from(json);
  for (let position = 0; position < line.length; position += 1)
    if ((line[position] as number) < SPACE) line[position] = SPACE;
  return line;
}
