/**
 * Encodes events for the wire (`text/event-stream`), framed as one HTTP chunk:
 *
 *     hex CRLF  event: record LF  data: json LF  id: positions LF  LF  ...  CRLF
 *
 * The chunk is created here instead of by node:http, so that it is created once for all streams
 * that send the same records with the same ids, and is sent in one write.
 */
import type { RecordRun } from '#delivery';
import type { IdFrame } from './event-id.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

const RECORD_BEGIN = 'event: record\ndata: ';
/** Maximum digits of a decimal offset. */
const OFFSET_BYTES_MAX = 16;
/** Bytes of eight hexadecimal digits and CRLF. */
const CHUNK_HEAD_BYTES_MAX = 10;
const CRLF_BYTES = 2;

/** One event, or fields without one. */
export interface EventFields {
  readonly event?: string;
  /** JSON without line breaks. */
  readonly data?: string;
  readonly id?: string;
  readonly retryMs?: number;
}

/** Returns the text of an event that is not a record. */
export function eventText({ event, data, id, retryMs }: EventFields): string {
  const lines = [
    ...(retryMs === undefined ? [] : [`retry: ${retryMs}\n`]),
    ...(event === undefined ? [] : [`event: ${event}\n`]),
    ...(data === undefined ? [] : [`data: ${data}\n`]),
    ...(id === undefined ? [] : [`id: ${id}\n`]),
  ];
  return `${lines.join('')}\n`;
}

/**
 * Returns an event with the id that the client should resume with, before or between records.
 *
 * A client that follows the standard stores the id and dispatches nothing, because there is no
 * `data`. Some clients dispatch such an event nevertheless: its own name keeps them from treating
 * it as an empty `message` or a record. Source:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html, "dispatch the event".
 */
export function positionText(id: string, retryMs?: number): string {
  return eventText({ event: 'position', id, ...(retryMs === undefined ? {} : { retryMs }) });
}

/** A comment that keeps proxies from closing a silent stream. */
export const HEARTBEAT = ':\n\n';

/** Encodes text as an HTTP chunk. */
export function chunkOf(text: string): Buffer {
  const sizeBytes = Buffer.byteLength(text);
  return Buffer.from(`${sizeBytes.toString(16)}\r\n${text}\r\n`);
}

/** Returns the content of a chunk, for clients without chunks (HTTP/1.0). */
export function contentOf(chunk: Buffer): Buffer {
  return chunk.subarray(chunk.indexOf(LF) + 1, chunk.length - CRLF_BYTES);
}

/**
 * Encodes the records of a run as events, each with the id that resumes after it. One encoder
 * serves all streams, because encoding is synchronous.
 */
export class EventEncoder {
  #frame: IdFrame = { before: '', after: '', form: '' };

  /** Hot. @returns a shared chunk; it must not be changed */
  chunkOf(run: RecordRun, frame: IdFrame): Buffer {
    this.#frame = frame;
    return run.encoded(frame.form, this.#encode);
  }

  readonly #encode = (run: RecordRun): Buffer => {
    const { before, after } = this.#frame;
    const json = run.json();
    const hasLineBreaks = json.includes(LF) || json.includes(CR);
    const idBegin = `\nid: ${before}`;
    const idEnd = `${after}\n\n`;
    // This includes the beginning of the next event, so that there is one write per record.
    const idEndAndBegin = idEnd + RECORD_BEGIN;
    const last = run.count - 1;
    const recordBytes =
      RECORD_BEGIN.length + idBegin.length + OFFSET_BYTES_MAX + idEnd.length + CRLF_BYTES;
    const bytesMax = CHUNK_HEAD_BYTES_MAX + run.count * recordBytes + json.length;
    const chunk = Buffer.allocUnsafe(bytesMax);
    let position = CHUNK_HEAD_BYTES_MAX + chunk.write(RECORD_BEGIN, CHUNK_HEAD_BYTES_MAX, 'latin1');
    for (let index = 0; index <= last; index += 1) {
      const begin = position;
      position += run.jsonAt(index).copy(chunk, position);
      if (hasLineBreaks) replaceLineBreaks(chunk.subarray(begin, position));
      const end = index === last ? idEnd : idEndAndBegin;
      position += chunk.write(`${idBegin}${run.offsetAt(index) + 1}${end}`, position, 'latin1');
    }
    return closedChunk(chunk, position);
  };
}

/** Writes the head of a chunk directly before its content, which ends at `end`. */
function closedChunk(chunk: Buffer, end: number): Buffer {
  const head = `${(end - CHUNK_HEAD_BYTES_MAX).toString(16)}\r\n`;
  const start = CHUNK_HEAD_BYTES_MAX - head.length;
  chunk.write(head, start, 'latin1');
  const tail = chunk.write('\r\n', end, 'latin1');
  return chunk.subarray(start, end + tail);
}

/**
 * Writes a space for each line break in JSON, where they are white space: an event then has one
 * line of data, whatever the JSON consists of.
 */
function replaceLineBreaks(bytes: Buffer): void {
  for (let index = 0; index < bytes.length; index += 1)
    if (bytes[index] === LF || bytes[index] === CR) bytes[index] = SPACE;
}
