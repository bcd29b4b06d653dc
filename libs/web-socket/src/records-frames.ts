/**
 * The frames of `records`: a part that many sockets share, and a part for each subscription.
 *
 *     frame head | {"event":"records","data":{"subscription":"live", | "topic":...,"records":...}}
 *                  the opening, of the subscription              the rest, of the run
 *
 * A small frame is created as a whole, once for all subscriptions of the same name: one buffer is
 * written to every socket. In a large frame all subscriptions share the rest, whatever their names,
 * and each socket gets its own head before it: a copy for each name would cost more than the second
 * buffer.
 *
 * A compressed message is one deflate stream, and deflate blocks can be concatenated: the opening
 * as a stored block, then the blocks of the rest, which is compressed once for all. That needs
 * `server_no_context_takeover`: no message refers to an earlier one.
 */
import { constants, deflateRawSync } from 'node:zlib';
import type { RecordRun } from '#delivery';
import { frameHeadBytes, writeTextHead } from './frame.js';

/** The rest of a frame is a shared buffer of its own from this size on. */
const SHARED_REST_BYTES_MIN = 4096;
/** Compression does not pay for smaller payloads. */
const COMPRESSED_BYTES_MIN = 1024;

/** Head of a stored block (RFC 1951, section 3.2.4): not final, length, its complement. */
const STORED_HEAD_BYTES = 5;
/** End of a flushed deflate stream, which a message omits (RFC 7692, section 7.2.1). */
const FLUSH_TAIL_BYTES = 4;

const REST = 'ws:rest';
const DEFLATED_REST = 'ws:rest:deflated';

/** Receives a frame, in one buffer or in two. */
export interface FrameSink {
  push(bytes: Buffer): void;
}

/** Frames for one subscription. */
export class RecordsFrames {
  readonly #opening: Buffer;
  readonly #form: string;
  readonly #compresses: boolean;
  readonly #encodeWhole = (run: RecordRun): Buffer => wholeFrame(this.#opening, run);

  constructor(subscription: string, compresses: boolean) {
    const name = JSON.stringify(subscription);
    this.#opening = Buffer.from(`{"event":"records","data":{"subscription":${name},`);
    this.#form = `ws:${subscription}`;
    this.#compresses = compresses;
  }

  /** Hot. `run` must not be empty. */
  send(run: RecordRun, sink: FrameSink): void {
    const { sizeBytes } = run;
    if (this.#compresses && this.#opening.length + sizeBytes >= COMPRESSED_BYTES_MIN) {
      const rest = run.encoded(DEFLATED_REST, deflatedRest);
      sink.push(this.#compressedHead(rest.length));
      sink.push(rest);
    } else if (sizeBytes < SHARED_REST_BYTES_MIN) {
      sink.push(run.encoded(this.#form, this.#encodeWhole));
    } else {
      const rest = run.encoded(REST, restOf);
      sink.push(this.#head(rest.length));
      sink.push(rest);
    }
  }

  /** Returns the head of the frame and the opening. */
  #head(restBytes: number): Buffer {
    const opening = this.#opening;
    const payloadBytes = opening.length + restBytes;
    const head = Buffer.allocUnsafe(frameHeadBytes(payloadBytes) + opening.length);
    opening.copy(head, writeTextHead(head, 0, payloadBytes));
    return head;
  }

  /** Does the same as `#head`, with the opening as a stored block. */
  #compressedHead(restBytes: number): Buffer {
    const opening = this.#opening;
    const payloadBytes = STORED_HEAD_BYTES + opening.length + restBytes;
    const sizeBytes = frameHeadBytes(payloadBytes) + STORED_HEAD_BYTES + opening.length;
    const head = Buffer.allocUnsafe(sizeBytes);
    let at = writeTextHead(head, 0, payloadBytes, true);
    at = head.writeUInt8(0, at);
    at = head.writeUInt16LE(opening.length, at);
    at = head.writeUInt16LE(~opening.length & 0xffff, at);
    opening.copy(head, at);
    return head;
  }
}

function wholeFrame(opening: Buffer, run: RecordRun): Buffer {
  const before = beforeRecords(run);
  const after = afterRecords(run);
  const records = run.json();
  const payloadBytes = opening.length + before.length + records.length + after.length;
  const frame = Buffer.allocUnsafe(frameHeadBytes(payloadBytes) + payloadBytes);
  let at = writeTextHead(frame, 0, payloadBytes);
  at += opening.copy(frame, at);
  writeRest(frame, at, before, records, after);
  return frame;
}

function restOf(run: RecordRun): Buffer {
  const before = beforeRecords(run);
  const after = afterRecords(run);
  const records = run.json();
  const rest = Buffer.allocUnsafe(before.length + records.length + after.length);
  writeRest(rest, 0, before, records, after);
  return rest;
}

function deflatedRest(run: RecordRun): Buffer {
  // Compressed synchronously on this thread, because it happens once for all sockets, and a
  // socket's frames must keep their order.
  const deflated = deflateRawSync(restOf(run), {
    level: constants.Z_BEST_SPEED,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  return deflated.subarray(0, deflated.length - FLUSH_TAIL_BYTES);
}

/** Topic names are ASCII, so there are as many bytes as characters. */
function beforeRecords({ source }: RecordRun): string {
  return `"topic":"${source.topic}","partition":${source.partition},"records":[`;
}

function afterRecords({ source }: RecordRun): string {
  return `],"highWatermark":${source.highWatermark},"leaderEpoch":${source.leaderEpoch}}}`;
}

function writeRest(
  target: Buffer,
  start: number,
  before: string,
  records: Buffer,
  after: string,
): void {
  let at = start + target.write(before, start, 'latin1');
  at += records.copy(target, at);
  target.write(after, at, 'latin1');
}
