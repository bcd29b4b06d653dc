/**
 * Writes records of the log as JSON:
 *
 * {"topic","partition","offset","timestamp","key","value","headers"}
 *
 * A key or value that cannot be shown is `keyBase64` or `valueBase64`, and headers are a list of
 * {"key", "value" | "valueBase64"}.
 *
 * This runs for every record fetched, so that it allocates no object per record. Everything happens
 * in one array:
 *
 * | template | output -> | free | staged batch |
 *
 * The batch's bytes are copied in once; values move from there to the output with `copyWithin`,
 * which costs a third of a view and a `set`. So does the template, the text between two values: the
 * end of one record and the head of the next up to its value, in which only digits change.
 *
 * Writing is synchronous: one writer serves a whole process.
 */
import { isUtf8 } from 'node:buffer';
import { type RecordCursor, VarintReader } from '#log';
import { RECORD_KEY_IS_JSON, RECORD_VALUE_IS_JSON } from '#protocol';
import { CLOSE_BRACE, QUOTE } from './json-bytes.js';
import { ESCAPES, writeDigits, writeEscape } from './json-parts.js';
import { plainRunStops } from './json-scanner.js';
import { isJson } from './json-text.js';
import {
  type FieldFormat,
  fieldFormat,
  type RecordFrame,
  type WrittenRecords,
} from './record-frame.js';
import { shortVarint, shortVarintBytes } from './short-varint.js';

const TAIL = ',"headers":[]}';
const TAIL_BYTES = TAIL.length;

// Positions in the template: it begins with the tail of the record before, and the separator.
const RESUME_AT_TAIL = 0;
const RESUME_AT_SEPARATOR = TAIL_BYTES;
const RESUME_AT_HEAD = TAIL_BYTES + 1;

const NULL_KEY = 'null,"value":';
/** A plain record up to its key: length, attributes, two deltas, the key's length. */
const PLAIN_HEAD_BYTES_MAX = 2 + 1 + 2 + 2 + 2;
/** Zigzag of -1. */
const NULL_LENGTH = 1;
const SPACE = 0x20;
/** Names and separators, and the longest numbers. */
const TEMPLATE_BYTES_MAX = 192;
const NEWLINE = 0x0a;

/** Kafka's NO_TIMESTAMP. */
const NO_TIMESTAMP = -1;
const SCRATCH_BYTES_MIN = 256 * 1024;
/** A larger scratch is freed after the answer that needed it. */
const SCRATCH_BYTES_KEPT = 8 * 1024 * 1024;
/** Bytes of a record without its key, value and headers: names, digits, quotes. */
const RECORD_OVERHEAD_BYTES = 128;
const HEADER_OVERHEAD_BYTES = 48;
/** A control character is written as six bytes. */
const ESCAPED_BYTES_MAX = 6;

export class RecordJsonWriter {
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
  #view: DataView = viewOf(this.#scratch);
  #frame: RecordFrame = { topic: '', partition: 0, format: 'default', framing: 'array' };
  #keyFormat: FieldFormat = 'default';
  #valueFormat: FieldFormat = 'default';
  /** True when values that were sent as JSON are copied without reading their bytes. */
  #isJsonCopied = false;

  // End of the template, which begins at 0; the next ones are the positions of its variable parts.
  #templateEnd = 0;
  /** Offsets from here up to the limit have the number of digits that the template has room for. */
  #templateOffsetMin = 0;
  #templateOffsetLimit = 0;
  #templateKeyAt = 0;
  #templateOffsetAt = 0;
  #templateOffsetEnd = 0;
  #templateTimestampAt = 0;
  #templateTimestampEnd = 0;
  #templateTimestamp = NO_TIMESTAMP;

  #outputStart = 0;
  #position = 0;
  #stagedAt = 0;
  /**
   * Position in the template at which the next record begins: it includes the missing end of the
   * last one.
   */
  #resumeAt = RESUME_AT_HEAD;
  #isLines = false;

  /**
   * Begins an output: the last one is discarded.
   * @param isContinued whether a comma precedes the first record too
   */
  begin(frame: RecordFrame, isContinued: boolean): void {
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) this.#resize(SCRATCH_BYTES_MIN);
    this.#stagedAt = this.#scratch.length;
    const isSame =
      frame.topic === this.#frame.topic &&
      frame.partition === this.#frame.partition &&
      frame.framing === this.#frame.framing;
    this.#frame = frame;
    this.#keyFormat = fieldFormat(frame.format, 'key');
    this.#valueFormat = fieldFormat(frame.format, 'value');
    // No offset is below 0: the first record rebuilds the template.
    if (!isSame) this.#templateOffsetLimit = 0;
    this.#isLines = frame.framing === 'lines';
    this.#isJsonCopied = !this.#isLines && ['default', 'json'].includes(this.#valueFormat);
    this.#resumeAt = isContinued ? RESUME_AT_SEPARATOR : RESUME_AT_HEAD;
    // The template may grow with its digits: its room is reserved.
    this.#outputStart = templateBytesMax(frame.topic);
    this.#position = this.#outputStart;
  }

  /** Stages the bytes that the positions of the next cursor refer to, in place of the last ones. */
  stage(bytes: Uint8Array): void {
    this.#stagedAt = this.#scratch.length;
    this.#reserve(bytes.length);
    this.#stagedAt = this.#scratch.length - bytes.length;
    this.#scratch.set(bytes, this.#stagedAt);
  }

  /** Size of the output so far, with its last record complete. */
  get sizeBytes(): number {
    const size = this.#position - this.#outputStart;
    if (this.#resumeAt === RESUME_AT_TAIL) {
      return size + (this.#isLines ? TAIL_BYTES + 1 : TAIL_BYTES);
    }
    return this.#isLines && this.#resumeAt === RESUME_AT_SEPARATOR ? size + 1 : size;
  }

  /** Truncates the output to a former `sizeBytes`, of one record at least or of a comma to come. */
  cutTo(sizeBytes: number): void {
    this.#position = this.#outputStart + sizeBytes - (this.#isLines ? 1 : 0);
    this.#resumeAt = RESUME_AT_SEPARATOR;
  }

  /** Returns the output, with its last record complete, in a buffer of its own. */
  take(): Buffer {
    this.#reserve(TAIL_BYTES + 1);
    if (this.#resumeAt === RESUME_AT_TAIL) this.#writeAscii(TAIL);
    if (this.#resumeAt !== RESUME_AT_HEAD && this.#isLines) this.#writeByte(NEWLINE);
    this.#resumeAt = RESUME_AT_HEAD;
    const output = Buffer.allocUnsafe(this.#position - this.#outputStart);
    output.set(this.#scratch.subarray(this.#outputStart, this.#position));
    return output;
  }

  /** Appends the cursor's current record; the cursor's bytes are staged. */
  writeRecord(cursor: RecordCursor): void {
    const { offset, keyStart, valueStart } = cursor;
    this.#reserve(this.#recordBytesMax(cursor));
    if (offset < this.#templateOffsetMin || offset >= this.#templateOffsetLimit) {
      this.#buildTemplate(offset, cursor.timestamp);
    } else if (cursor.timestamp !== this.#templateTimestamp) {
      this.#changeTimestamp(offset, cursor.timestamp);
    }
    this.#copyTemplate(offset, keyStart >= 0);
    if (keyStart >= 0) this.#writeKey(keyStart, cursor.keyEnd, cursor.attributes);
    if (valueStart >= 0) {
      this.#writeBytes(
        valueStart,
        cursor.valueEnd,
        (cursor.attributes & RECORD_VALUE_IS_JSON) !== 0,
      );
    } else {
      this.#writeAscii('null');
    }
    this.#resumeAt = RESUME_AT_TAIL;
    if (cursor.headerCount > 0) this.#writeHeaders(cursor);
  }

  /**
   * Writes the records after the cursor's, as long as each is plain: without headers, with a value,
   * and with lengths and deltas of two bytes at most. The first record that is not, or looks
   * damaged, or does not fit, is left to `next` and `writeRecord`, which write the same: one loop
   * over the staged bytes takes half their time. A record must have been written before.
   * @param countMax records
   * @param sizeBytesMax limit of `sizeBytes`
   * @param written receives each record's offset and the `sizeBytes` after it (`array` framing)
   * @returns how many were written; the cursor is after them
   */
  writePlainRecords(
    cursor: RecordCursor,
    countMax: number,
    sizeBytesMax: number,
    written?: WrittenRecords,
  ): number {
    const scratch = this.#scratch;
    const stagedAt = this.#stagedAt;
    const { baseOffset, lastOffset, baseTimestamp, logAppendTime } = cursor;
    const isJsonCopied = this.#isJsonCopied;
    const positionMax = this.#outputStart + sizeBytesMax - TAIL_BYTES - (this.#isLines ? 1 : 0);
    const headStartMax = scratch.length - PLAIN_HEAD_BYTES_MAX;
    const wanted = Math.min(countMax, cursor.remaining);
    let index = stagedAt + cursor.position;
    let { offset } = cursor;
    let count = 0;
    for (; count < wanted && index <= headStartMax; count += 1) {
      const length = shortVarint(scratch, index);
      const bodyAt = index + shortVarintBytes(length);
      const end = bodyAt + (length >>> 1);
      const timestampDelta = shortVarint(scratch, bodyAt + 1);
      const offsetDeltaAt = bodyAt + 1 + shortVarintBytes(timestampDelta);
      const offsetDelta = shortVarint(scratch, offsetDeltaAt);
      // An odd number is negative or longer.
      if (((length | timestampDelta | offsetDelta) & 1) !== 0 || end > scratch.length) break;
      const recordOffset = baseOffset + (offsetDelta >>> 1);
      if (recordOffset <= offset || recordOffset > lastOffset) break;
      // The record before it was written with the template: no offset is below its minimum.
      if (recordOffset >= this.#templateOffsetLimit) break;
      const keyLengthAt = offsetDeltaAt + shortVarintBytes(offsetDelta);
      const keyLength = shortVarint(scratch, keyLengthAt);
      const hasKey = keyLength !== NULL_LENGTH;
      const keyAt = keyLengthAt + shortVarintBytes(keyLength);
      const keyEnd = hasKey ? keyAt + (keyLength >>> 1) : keyAt;
      if ((hasKey && (keyLength & 1) !== 0) || keyEnd + 1 >= end) break;
      const valueLength = shortVarint(scratch, keyEnd);
      const valueAt = keyEnd + shortVarintBytes(valueLength);
      const valueEnd = valueAt + (valueLength >>> 1);
      // The last byte is the count of the headers.
      if ((valueLength & 1) !== 0 || valueEnd + 1 !== end || scratch[valueEnd] !== 0) break;
      const bytesMax =
        this.#outputStart + (end - index) * ESCAPED_BYTES_MAX + RECORD_OVERHEAD_BYTES;
      if (this.#position + bytesMax > stagedAt) break;
      const timestamp = logAppendTime ?? baseTimestamp + (timestampDelta >>> 1);
      if (timestamp !== this.#templateTimestamp) {
        if (timestamp > Number.MAX_SAFE_INTEGER) break;
        this.#changeTimestamp(recordOffset, timestamp);
      }
      const position = this.#position;
      const resumeAt = this.#resumeAt;
      const attributes = scratch[bodyAt] as number;
      this.#copyTemplate(recordOffset, hasKey);
      if (hasKey) this.#writeKey(keyAt - stagedAt, keyEnd - stagedAt, attributes);
      const isJsonValue = (attributes & RECORD_VALUE_IS_JSON) !== 0;
      if (isJsonCopied && isJsonValue) this.#copy(valueAt, valueEnd);
      else this.#writeBytes(valueAt - stagedAt, valueEnd - stagedAt, isJsonValue);
      if (this.#position > positionMax) {
        this.#position = position;
        this.#resumeAt = resumeAt;
        break;
      }
      this.#resumeAt = RESUME_AT_TAIL;
      offset = recordOffset;
      index = end;
      written?.offsets.push(offset);
      written?.ends.push(this.#position - this.#outputStart + TAIL_BYTES);
    }
    if (count > 0) cursor.passOver(index - stagedAt, count, offset);
    return count;
  }

  /** Writes the template up to a record's value, or up to its key when it has one. */
  #copyTemplate(offset: number, hasKey: boolean): void {
    const scratch = this.#scratch;
    const position = this.#position;
    const from = this.#resumeAt;
    const to = hasKey ? this.#templateKeyAt : this.#templateEnd;
    scratch.copyWithin(position, from, to);
    const shift = position - from;
    writeDigits(scratch, shift + this.#templateOffsetAt, shift + this.#templateOffsetEnd, offset);
    this.#position = position + to - from;
  }

  /** Returns the greatest size of a record together with the end of the one before it. */
  #recordBytesMax(cursor: RecordCursor): number {
    return (
      this.#outputStart +
      RECORD_OVERHEAD_BYTES +
      cursor.headerCount * HEADER_OVERHEAD_BYTES +
      cursor.sizeBytes * ESCAPED_BYTES_MAX
    );
  }

  /** Rebuilds the template, for offsets with the number of digits that this one has. */
  #buildTemplate(offset: number, timestamp: number): void {
    const { topic, partition, framing } = this.#frame;
    const digits = String(offset).length;
    this.#templateOffsetMin = digits === 1 ? 0 : 10 ** (digits - 1);
    this.#templateOffsetLimit = 10 ** digits;
    const scratch = this.#scratch;
    const separator = framing === 'array' ? ',' : '\n';
    let position = scratch.write(`${TAIL}${separator}{"topic":${JSON.stringify(topic)}`);
    position += scratch.write(`,"partition":${partition},"offset":`, position, 'latin1');
    this.#templateOffsetAt = position;
    this.#templateOffsetEnd = position + digits;
    position += digits;
    position += scratch.write(',"timestamp":', position, 'latin1');
    this.#templateTimestampAt = position;
    position += scratch.write(
      timestamp === NO_TIMESTAMP ? 'null' : String(timestamp),
      position,
      'latin1',
    );
    this.#templateTimestampEnd = position;
    this.#templateTimestamp = timestamp;
    position += scratch.write(',"key":', position, 'latin1');
    this.#templateKeyAt = position;
    this.#templateEnd = position + scratch.write(NULL_KEY, position, 'latin1');
  }

  /** Puts another timestamp into the template. */
  #changeTimestamp(offset: number, timestamp: number): void {
    const start = this.#templateTimestampAt;
    const end = this.#templateTimestampEnd;
    const limit = 10 ** (end - start);
    if (this.#templateTimestamp < 0 || timestamp >= limit || timestamp < limit / 10) {
      this.#buildTemplate(offset, timestamp);
      return;
    }
    writeDigits(this.#scratch, start, end, timestamp);
    this.#templateTimestamp = timestamp;
  }

  /** Writes a key after its name, and the name of the value. */
  #writeKey(start: number, end: number, attributes: number): void {
    this.#writeBytes(start, end, (attributes & RECORD_KEY_IS_JSON) !== 0, this.#keyFormat);
    this.#writeAscii(',"value":');
  }

  /** Writes a key or value after its name. @param start in the cursor's bytes, as `end` */
  #writeBytes(start: number, end: number, isFlagged: boolean, format = this.#valueFormat): void {
    const from = this.#stagedAt + start;
    const to = this.#stagedAt + end;
    if (format === 'base64') {
      this.#writeBase64(from, to);
    } else if (format !== 'string' && isFlagged) {
      this.#copyJson(from, to);
    } else if (format === 'json') {
      if (isJson(this.#scratch.subarray(from, to))) this.#copyJson(from, to);
      else this.#writeBase64(from, to);
    } else if (!this.#tryWriteText(from, to)) {
      this.#writeBase64(from, to);
    }
  }

  #copyJson(from: number, to: number): void {
    if (this.#isLines) {
      this.#copyJsonOnOneLine(from, to);
      return;
    }
    this.#copy(from, to);
  }

  #copy(from: number, to: number): void {
    this.#scratch.copyWithin(this.#position, from, to);
    this.#position += to - from;
  }

  /** Control characters in JSON text are white space: a string has none unescaped. */
  #copyJsonOnOneLine(from: number, to: number): void {
    const scratch = this.#scratch;
    const view = this.#view;
    const position = this.#position;
    const shift = position - from;
    const lastWord = to - 4;
    let index = from;
    while (index < to) {
      while (index <= lastWord) {
        const word = view.getInt32(index, true);
        if (((word - 0x20202020) & ~word & 0x80808080) !== 0) break;
        view.setInt32(index + shift, word, true);
        index += 4;
      }
      for (const stop = Math.min(to, index + 4); index < stop; index += 1) {
        const byte = scratch[index] as number;
        scratch[index + shift] = byte < SPACE ? SPACE : byte;
      }
    }
    this.#position = to + shift;
  }

  /**
   * Writes UTF-8 bytes as a JSON string.
   * @returns false without a change when they are not UTF-8
   */
  #tryWriteText(from: number, to: number): boolean {
    const scratch = this.#scratch;
    const view = this.#view;
    const lastWord = to - 4;
    const start = this.#position;
    let position = start;
    let index = from;
    let allBits = 0;
    scratch[position] = QUOTE;
    position += 1;
    while (index < to) {
      // Four bytes at a time while no byte needs an escape.
      while (index <= lastWord) {
        const word = view.getInt32(index, true);
        if (plainRunStops(word) !== 0) break;
        view.setInt32(position, word, true);
        allBits |= word;
        index += 4;
        position += 4;
      }
      // Then up to the byte to escape, or the last three.
      while (index < to) {
        const byte = scratch[index] as number;
        index += 1;
        allBits |= byte;
        const escape = ESCAPES[byte] as number;
        if (escape === 0) {
          scratch[position] = byte;
          position += 1;
          continue;
        }
        position = writeEscape(scratch, position, byte, escape);
        break;
      }
    }
    if ((allBits & 0x80808080) !== 0 && !isUtf8(scratch.subarray(from, to))) return false;
    scratch[position] = QUOTE;
    position += 1;
    this.#position = position;
    return true;
  }

  /** Writes bytes in base64, under the name that was written with `Base64` added. */
  #writeBase64(from: number, to: number): void {
    this.#position -= '":'.length;
    this.#writeAscii('Base64":"');
    const text = this.#scratch.toString('base64', from, to);
    this.#position += this.#scratch.write(text, this.#position, 'latin1');
    this.#writeByte(QUOTE);
  }

  #writeHeaders(cursor: RecordCursor): void {
    const reader = new VarintReader(cursor.bytes, cursor.headersStart, cursor.headersEnd);
    this.#writeAscii(',"headers":[');
    for (let index = 0; index < cursor.headerCount; index += 1) {
      this.#writeAscii(index === 0 ? '{"key":' : ',{"key":');
      this.#writeHeaderBytes(reader);
      this.#writeAscii(',"value":');
      this.#writeHeaderBytes(reader);
      this.#writeByte(CLOSE_BRACE);
    }
    this.#writeAscii(']}');
    this.#resumeAt = RESUME_AT_SEPARATOR;
  }

  /** Writes a header's name or value, which follows its length. */
  #writeHeaderBytes(reader: VarintReader): void {
    const length = reader.readVarint();
    if (length < 0) {
      this.#writeAscii('null');
      return;
    }
    const from = this.#stagedAt + reader.position;
    reader.position += length;
    if (!this.#tryWriteText(from, from + length)) this.#writeBase64(from, from + length);
  }

  /** Writes a short constant, letter by letter. */
  #writeAscii(text: string): void {
    const scratch = this.#scratch;
    let position = this.#position;
    for (let index = 0; index < text.length; index += 1) {
      scratch[position] = text.charCodeAt(index);
      position += 1;
    }
    this.#position = position;
  }

  #writeByte(byte: number): void {
    this.#scratch[this.#position] = byte;
    this.#position += 1;
  }

  /** Makes room for `bytes` between the output and the staged bytes. */
  #reserve(bytes: number): void {
    if (this.#position + bytes <= this.#stagedAt) return;
    const stagedBytes = this.#scratch.length - this.#stagedAt;
    const former = this.#scratch;
    this.#resize(Math.max(this.#position + bytes + stagedBytes, former.length * 2));
    this.#scratch.set(former.subarray(0, this.#position));
    this.#scratch.set(former.subarray(this.#stagedAt), this.#scratch.length - stagedBytes);
    this.#stagedAt = this.#scratch.length - stagedBytes;
  }

  #resize(bytes: number): void {
    this.#scratch = Buffer.allocUnsafeSlow(bytes);
    this.#view = viewOf(this.#scratch);
    this.#templateOffsetLimit = 0;
  }
}

/** Returns the greatest size of the template for a topic. */
function templateBytesMax(topic: string): number {
  return topic.length * ESCAPED_BYTES_MAX + TEMPLATE_BYTES_MAX;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
