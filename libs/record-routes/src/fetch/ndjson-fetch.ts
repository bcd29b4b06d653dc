import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { problemDocument } from '#api';
import type { FetchRequest, FetchResult } from '#broker';
import {
  type OutboundHolder,
  type OutboundMemory,
  type OutboundWaiter,
  type SweptStream,
  unreceivedBytes,
} from '#delivery';
import {
  type AnswerCoding,
  answerCoding,
  chargeQuota,
  compressInto,
  type Exchange,
  type LongPoll,
} from '#http-front';
import type { RecordBatch } from '#log';
import type { Offset } from '#protocol';
import {
  areRenderedAtOnce,
  batchGroups,
  RecordsAnswer,
  type RenderedRecords,
  type RenderRequest,
  renderRecords,
} from '#record-json';
import { NDJSON_STREAM_HEADERS } from '../ndjson-headers.js';
import { type Fetch, type FetchRouteOptions, fetchFrom } from './fetch-position.js';

/**
 * Bytes read and rendered at a time: the memory that a stream uses while its client does not read.
 */
const READ_BYTES = 256 * 1024;
/** Time of one wait of a stream that follows; then it waits again. */
const FOLLOW_WAIT_MS = 60_000;
/** Memory of a compressor, measured: gzip uses 0.4 MiB, brotli 1.1 MiB. */
const COMPRESSOR_BYTES = 1.25 * 1024 * 1024;
/** Silence after which TCP probes a peer that may have vanished. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Answers with one record per line, and with a last line that has the next offset.
 *
 * A stream without a tail ends at the high watermark of its start. With `follow` it never ends;
 * with `waitMs` and no `limit` it ends after that time without a record. It reads no faster than
 * the client. An error after the first line becomes the last line: `{"error", "nextOffset"}`.
 */
export async function streamRecords(fetch: Fetch, options: FetchRouteOptions): Promise<void> {
  const { exchange, query } = fetch;
  const tail = tailOf(query);
  // A tail begins its answer at once and waits afterwards.
  const begun = tail === undefined ? fetch : { ...fetch, query: { ...query, waitMs: 0 } };
  const first = await fetchFrom(options.broker, begun, { maxBytes: READ_BYTES });
  if (exchange.isGone) return;
  const { outbound } = exchange.context;
  const mayCompress = options.compresses && outbound.hasRoomFor(COMPRESSOR_BYTES);
  const coding = mayCompress ? answerCoding(exchange, Number.MAX_VALUE) : undefined;
  const stream = new RecordStream(fetch, options, first.offset, coding);
  if (exchange.request.method === 'HEAD') {
    exchange.response.end();
    return;
  }
  options.sweep.add(stream);
  try {
    if (tail === undefined) await stream.run(first.result, undefined);
    else await runTail(stream, first.result, exchange, tail);
  } finally {
    options.sweep.delete(stream);
  }
}

/** Behaviour of a stream at the high watermark. */
interface Tail {
  readonly waitMs: number;
  /** True if a wait without records ends the stream. */
  readonly endsInSilence: boolean;
}

function tailOf({ follow, waitMs, limit }: Fetch['query']): Tail | undefined {
  if (follow) return { waitMs: FOLLOW_WAIT_MS, endsInSilence: false };
  if (waitMs === 0 || limit !== undefined) return undefined;
  return { waitMs, endsInSilence: true };
}

async function runTail(
  stream: RecordStream,
  first: FetchResult,
  exchange: Exchange,
  tail: Tail,
): Promise<void> {
  exchange.request.socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const poll = exchange.context.longPolls.enter(exchange);
  try {
    await stream.run(first, { ...tail, poll });
  } finally {
    poll.leave();
  }
}

/** A tail with its waits, which the client or the gateway's stop can end. */
interface PolledTail extends Tail {
  readonly poll: LongPoll;
}

/**
 * One stream of lines. It counts in the memory of bytes that clients have not received.
 *
 * Overlap: `run` is called once, and reads and writes in turns. The gateway's stop, a lost
 * permission and the end of the connection may come at any await, and end it after the next one.
 */
class RecordStream implements SweptStream, OutboundHolder, OutboundWaiter {
  readonly #fetch: Fetch;
  readonly #options: FetchRouteOptions;
  readonly #target: Writable;
  readonly #socket: Socket;
  readonly #outbound: OutboundMemory;
  /** Memory of its compressor. */
  readonly #fixedBytes: number;
  /** Bytes of records that are being written, as read and as rendered. */
  #renderedBytes = 0;
  /** Ends a wait for memory; undefined if there is none. */
  #onRoom: (() => void) | undefined;
  #offset: Offset;
  #recordsLeft: number;
  #bytesLeft: number;
  #isFull = false;
  /** True once the gateway stops: the stream ends here, and its last line has the next offset. */
  #isCutShort = false;

  constructor(
    fetch: Fetch,
    options: FetchRouteOptions,
    offset: Offset,
    coding: AnswerCoding | undefined,
  ) {
    const { exchange, query } = fetch;
    this.#fetch = fetch;
    this.#options = options;
    this.#socket = exchange.request.socket;
    this.#outbound = exchange.context.outbound;
    this.#fixedBytes = coding === undefined ? 0 : COMPRESSOR_BYTES;
    this.#offset = offset;
    this.#recordsLeft = query.limit ?? Number.POSITIVE_INFINITY;
    this.#bytesLeft = query.maxBytes ?? Number.POSITIVE_INFINITY;
    const headers = [...NDJSON_STREAM_HEADERS, 'Cache-Control', 'no-store'];
    if (coding !== undefined) headers.push('Content-Encoding', coding);
    exchange.response.writeHead(200, headers);
    const cutShort = (): void => {
      this.#isCutShort = true;
      this.#onRoom?.();
    };
    exchange.guard();
    exchange.watch({
      stopping: cutShort,
      accessLost: cutShort,
    });
    exchange.response.once('close', () => {
      this.#outbound.hold(this, 0);
      this.#outbound.forget(this);
      this.#onRoom?.();
    });
    // The headers tell the client of a stream without records that it has begun.
    exchange.response.flushHeaders();
    this.#target = coding === undefined ? exchange.response : compressInto(exchange, coding);
    this.#recount();
  }

  get pendingBytes(): number {
    return this.#target.writableLength + this.#socket.writableLength;
  }

  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** A line is a record, so nothing is sent during silence. */
  beat(): void {
    // Nothing is sent.
  }

  get unreceivedBytes(): number {
    return this.#target.writableLength + unreceivedBytes(this.#socket);
  }

  drop(): void {
    this.#socket.destroy();
  }

  dropStalled(): void {
    this.drop();
  }

  roomAgain(): void {
    this.#onRoom?.();
  }

  async run(first: FetchResult, tail: PolledTail | undefined): Promise<void> {
    const { exchange } = this.#fetch;
    const endOffset = tail === undefined ? first.highWatermark : Number.POSITIVE_INFINITY;
    let result = first;
    try {
      for (;;) {
        await this.#write(result, endOffset);
        if (exchange.isGone) return;
        if (this.#isFull || this.#isCutShort || this.#offset >= endOffset) break;
        if (tail?.poll.signal.aborted === true) break;
        await this.#untilRoom();
        if (exchange.isGone) return;
        if (this.#isCutShort) break;
        result = await this.#fetchOn(tail);
        // Without a tail, the last records below the end were deleted or compacted away.
        if (tail?.endsInSilence !== false && result.batches.length === 0) break;
      }
      this.#end(`{"nextOffset":${this.#offset},"highWatermark":${result.highWatermark}}\n`);
    } catch (error) {
      if (exchange.isGone) return;
      const shown = exchange.context.errors.toProtocolError(error);
      const problem = JSON.stringify(problemDocument(shown, exchange.instance));
      this.#end(`{"error":${problem},"nextOffset":${this.#offset}}\n`);
    }
  }

  #fetchOn(tail: PolledTail | undefined): Promise<FetchResult> {
    const { exchange, topic, partition, query } = this.#fetch;
    const broker = this.#options.broker.as(exchange.access.caller);
    const request: FetchRequest = {
      topic,
      partition,
      offset: this.#offset,
      maxBytes: READ_BYTES,
      minBytes: query.minBytes,
      waitMs: 0,
      caller: exchange,
    };
    if (tail === undefined) return broker.fetch(request);
    const { waitMs, poll } = tail;
    return broker.fetch({ ...request, waitMs, signal: poll.signal });
  }

  async #write(result: FetchResult, endOffset: Offset): Promise<void> {
    // The high watermark is at the end of a batch, so a batch is either completely below it or not
    // at all.
    const batches = result.batches.filter((batch) => batch.nextOffset <= endOffset);
    const isCutShort = batches.length < result.batches.length;
    if (areRenderedAtOnce(batches, this.#request())) {
      await this.#writeRendered(renderRecords(batches, this.#request()), batches);
    } else {
      for await (const group of batchGroups(batches, this.#offset)) {
        const answer = new RecordsAnswer(this.#request());
        await answer.addGroup(group);
        await this.#writeRendered(answer.end(), group, batches);
        if (this.#isFull || this.#fetch.exchange.isGone) return;
      }
    }
    if (isCutShort) this.#isFull = true;
  }

  #request(): RenderRequest {
    const { topic, partition, query } = this.#fetch;
    return {
      topic,
      partition,
      format: query.format === 'raw' ? 'default' : query.format,
      framing: 'lines',
      offset: this.#offset,
      recordsMax: this.#recordsLeft,
      bytesMax: this.#bytesLeft,
    };
  }

  /**
   * @param held batches that stay in memory meanwhile
   * @throws the error of the batch after the rendered records, if it cannot be read
   */
  async #writeRendered(
    rendered: RenderedRecords,
    batches: readonly RecordBatch[],
    held: readonly RecordBatch[] = batches,
  ): Promise<void> {
    this.#offset = rendered.nextOffset;
    this.#recordsLeft -= rendered.count;
    this.#bytesLeft -= rendered.sizeBytes;
    const { exchange } = this.#fetch;
    exchange.context.observer.recordsSent(rendered.count, rendered.sizeBytes);
    const pauseMs = chargeQuota(exchange, 'consumer_byte_rate', rendered.sizeBytes);
    this.#isFull = this.#recordsLeft <= 0 || this.#bytesLeft <= 0;
    const last = batches.at(-1);
    const isCut = last !== undefined && rendered.nextOffset < last.nextOffset;
    if (isCut && rendered.fault === undefined) this.#isFull = true;
    this.#renderedBytes = rendered.sizeBytes;
    for (const batch of held) this.#renderedBytes += batch.sizeBytes;
    this.#recount();
    for (const chunk of rendered.chunks) await this.#writeChunk(chunk);
    if (pauseMs > 0) await pauseOf(exchange, pauseMs);
    this.#renderedBytes = 0;
    this.#recount();
    if (rendered.fault !== undefined && !this.#isFull) throw rendered.fault;
  }

  /** Resolves when all clients together have received enough to continue, or the stream is over. */
  async #untilRoom(): Promise<void> {
    while (!this.#outbound.hasRoomFor(0) && !this.#isCutShort && !this.#fetch.exchange.isGone) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
        this.#outbound.wait(this);
      });
    }
    this.#onRoom = undefined;
  }

  /** Counts the bytes that this stream holds now. */
  readonly #recount = (): void => {
    if (this.#fetch.exchange.isGone) return;
    this.#outbound.hold(this, this.#fixedBytes + this.#renderedBytes + this.pendingBytes);
  };

  /** Resolves when the client has received enough to continue, or has disconnected. */
  async #writeChunk(chunk: Buffer): Promise<void> {
    const target = this.#target;
    const { response } = this.#fetch.exchange;
    if (this.#fetch.exchange.isGone || target.write(chunk, this.#recount)) return;
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        target.off('drain', goOn);
        response.off('close', goOn);
        resolve();
      };
      target.on('drain', goOn);
      response.on('close', goOn);
    });
  }

  #end(line: string): void {
    this.#target.end(line, this.#recount);
    this.#recount();
  }
}

/** Resolves after a time, or when the client is gone. */
function pauseOf(exchange: Exchange, pauseMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = exchange.context.scheduler.after(pauseMs, resolve);
    const closed = (): void => {
      timer.cancel();
      resolve();
    };
    exchange.watch({ closed });
  });
}
