import type { Readable } from 'node:stream';
import type { Broker } from '#broker';
import { bodyIdleError, chargeQuota, type Exchange, stoppingError, streamBody } from '#http-front';
import type { ProtocolError } from '#protocol';
import {
  AT_ONCE_BYTES_MAX,
  isJsonInSlices,
  type LineBlock,
  LineBlocks,
  parseJsonRecordLines,
  parseLargeLine,
  type RecordLimits,
  type RecordLines,
  type RecordPlaces,
  valueLines,
} from '#record-json';
import { LineAnswers, SubmittedLines } from '#record-lines';
import { drainRequest, inSlices } from '#runtime';
import { NDJSON_STREAM_HEADERS } from '../ndjson-headers.js';
import { bodyPlaces } from './body-places.js';
import type { ProduceQuery } from './produce-query.js';

/**
 * Bytes of lines that may wait for their acknowledgement. The window holds 40 ms at 50 MB/s, many
 * times the duration of a sync; a larger window would only use memory.
 */
const WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Lines that are read before other streams have their turn; each may be answered with a problem.
 */
const LINES_PER_TURN_MAX = 1024;
/** Number of blank lines that take the time of one other line. */
const BLANK_LINES_PER_LINE = 64;
const NOTHING = Buffer.alloc(0);

/** Bytes read from a failed connection, so that the client reads its last line. */
const DRAINED_BYTES_MAX = 16 * 1024 * 1024;

export interface NdjsonProduceOptions {
  readonly exchange: Exchange;
  readonly broker: Broker;
  readonly limits: RecordLimits;
  readonly topic: string;
  readonly query: ProduceQuery;
  /** Content of each line: a record in JSON, or the value of one. */
  readonly form: 'ndjson' | 'value-lines';
}

/**
 * Produces the records of a stream of lines, and answers line by line while it arrives.
 * @throws ProtocolError if the head alone is refused
 */
export function produceNdjson(options: NdjsonProduceOptions): void {
  new NdjsonProduce(options).start();
}

/**
 * One produce stream. Lines that arrive together go to the broker together; blocks may be
 * acknowledged out of order, and are answered in order.
 *
 * Memory is constant: nothing is read while more than a window of lines is unacknowledged, or while
 * the client does not read its answers. A client that sends everything before it reads must use
 * `?report=errors`, else both sides wait for each other.
 *
 * Overlap: while a long line is read `#isWaiting` is true, and nothing else is submitted. Produce
 * calls overlap; their answers are written in the order of the lines.
 */
class NdjsonProduce {
  readonly #options: NdjsonProduceOptions;
  readonly #exchange: Exchange;
  readonly #blocks: LineBlocks;
  readonly #places: RecordPlaces;
  readonly #answers: LineAnswers;
  readonly #submitted: SubmittedLines[] = [];
  #source: Readable | undefined;
  /** Ends waits for buffer memory when the client has disconnected, or lost its permission. */
  readonly #gone = new AbortController();
  #windowBytes = 0;
  #accountedBytes = 0;
  #needsDrain = false;
  /** True during a wait for a turn of the event loop or for a long line. */
  #isWaiting = false;
  /** True while the caller has used up its quota. */
  #isThrottled = false;
  #linesOfTurn = 0;
  /** True after the end of the body; its last lines may still be unread. */
  #isSourceEnded = false;
  /** Set when no more lines will come: the stream has ended, or failed with this error. */
  #end: { readonly error: ProtocolError | undefined } | undefined;
  #isFinished = false;
  /** Error for all further lines, once the caller has lost its credential or permission. */
  #accessLost: ProtocolError | undefined;

  constructor(options: NdjsonProduceOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
    const { requestBytesMax } = options.exchange.context.options;
    const { form, query } = options;
    this.#places = bodyPlaces({ form, isPartitionInQuery: query.partition !== undefined });
    this.#answers = new LineAnswers(options.exchange.instance, query.report);
    const keepsBlankLines = form === 'value-lines';
    this.#blocks = new LineBlocks(requestBytesMax, { keepsBlankLines });
  }

  start(): void {
    const exchange = this.#exchange;
    const { response, context } = exchange;
    const source = streamBody(exchange, (error) => {
      this.#breakOff(error);
    });
    this.#source = source;
    exchange.guard();
    exchange.watch({
      accessLost: (error) => {
        this.#accessLost = error;
        this.#gone.abort(error);
        this.#breakOff(error);
      },
      closed: () => {
        this.#isFinished = true;
        this.#gone.abort();
      },
      bodyIdle: () => {
        this.#breakOff(bodyIdleError(context.options.bodyIdleTimeoutMs));
      },
      stopping: () => {
        this.#breakOff(stoppingError());
      },
    });
    response.writeHead(200, [...NDJSON_STREAM_HEADERS]);
    response.on('drain', () => {
      this.#needsDrain = false;
      this.#continue();
    });
    source.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    source.on('end', () => {
      // This event comes in the same turn as the last chunk, whose lines may still be unread.
      this.#isSourceEnded = true;
      this.#continue();
    });
  }

  #take(chunk: Buffer): void {
    if (this.#end !== undefined || this.#isFinished) return;
    const { blankCount } = this.#blocks;
    this.#blocks.push(chunk);
    this.#charge(chunk.length);
    this.#linesOfTurn += (this.#blocks.blankCount - blankCount) / BLANK_LINES_PER_LINE;
    try {
      this.#accountNew();
    } catch (error) {
      // There is no memory for the new chunk.
      this.#blocks.drop();
      this.#breakOff(error);
    }
    this.#continue();
  }

  /** Charges received bytes; a caller that has used up its quota is not read for a time. */
  #charge(bytes: number): void {
    const pauseMs = chargeQuota(this.#exchange, 'producer_byte_rate', bytes);
    if (pauseMs <= 0 || this.#isThrottled) return;
    this.#isThrottled = true;
    this.#exchange.context.scheduler.after(pauseMs, () => {
      this.#isThrottled = false;
      this.#continue();
    });
  }

  /**
   * Reserves memory for a new chunk.
   * @throws ProtocolError BUFFER_EXHAUSTED
   */
  #accountNew(): void {
    const newBytes = this.#heldBytes() - this.#accountedBytes;
    if (newBytes <= 0) return;
    this.#exchange.memory.hold(newBytes);
    this.#accountedBytes += newBytes;
  }

  /** Adjusts the reserved request memory to the lines that are not answered yet. */
  #account(): void {
    const changeBytes = this.#heldBytes() - this.#accountedBytes;
    const { memory } = this.#exchange;
    if (changeBytes > 0) memory.holdAnyway(changeBytes);
    else memory.release(-changeBytes);
    this.#accountedBytes += changeBytes;
  }

  #heldBytes(): number {
    return this.#blocks.heldBytes + this.#windowBytes;
  }

  /** Continues as far as possible: submits lines, reads more of them or pauses, ends. */
  #continue(): void {
    // The rest of a body that was broken off is drained: it must not be paused again.
    if (this.#isFinished) return;
    while (!this.#isBlocked()) {
      if (this.#linesOfTurn >= LINES_PER_TURN_MAX) {
        this.#continueNextTurn();
        break;
      }
      const block = this.#blocks.next();
      if (block === undefined) {
        if (this.#isSourceEnded && this.#end === undefined) {
          this.#blocks.end();
          this.#end = { error: undefined };
          continue;
        }
        if (this.#end === undefined) this.#source?.resume();
        else if (this.#submitted.length === 0) this.#finish();
        return;
      }
      this.#linesOfTurn += block.lines.length;
      try {
        if (this.#isLarge(block)) void this.#submitLarge(block);
        else this.#submit(block);
      } catch (error) {
        this.#exchange.fail(error);
        return;
      }
    }
    this.#source?.pause();
  }

  #isBlocked(): boolean {
    if (this.#needsDrain) return true;
    if (this.#isWaiting || this.#isThrottled) return true;
    return this.#windowBytes >= WINDOW_BYTES;
  }

  /**
   * Continues in the next turn. An answer that is written at once may bring the next lines at once,
   * and other streams must have their turn as well.
   */
  #continueNextTurn(): void {
    this.#isWaiting = true;
    this.#exchange.context.scheduler.soon(() => {
      this.#isWaiting = false;
      this.#linesOfTurn = 0;
      this.#continue();
    });
  }

  /** True when a line of the block may need to be read in slices. */
  #isLarge({ bytes }: LineBlock): boolean {
    return bytes.length > AT_ONCE_BYTES_MAX;
  }

  /**
   * Submits the lines of a block one by one; those that are long are read in slices. Never rejects.
   */
  async #submitLarge({ bytes, lines, starts, ends }: LineBlock): Promise<void> {
    this.#isWaiting = true;
    try {
      for (const [index, line] of lines.entries()) {
        const [start, end] = [starts[index] as number, ends[index] as number];
        const block = { bytes, lines: [line], starts: [start], ends: [end] };
        if (end - start <= AT_ONCE_BYTES_MAX) this.#submit(block);
        else this.#submitRecords(block, await this.#parseLarge(block));
        if (this.#isFinished) break;
      }
    } catch (error) {
      this.#exchange.fail(error);
    }
    this.#isWaiting = false;
    this.#continue();
  }

  async #parseLarge({ bytes, lines, starts, ends }: LineBlock): Promise<RecordLines> {
    const { broker, limits, topic, form } = this.#options;
    if (form === 'value-lines') return this.#largeValue({ bytes, lines, starts, ends });
    const batchBytesMax = broker.topicLimits(topic)?.maxMessageBytes;
    const bounds = { ...limits, ...(batchBytesMax && { batchBytesMax }) };
    try {
      const records = await inSlices(parseLargeLine(bytes.subarray(starts[0], ends[0]), bounds));
      return { records, lines, failures: [] };
    } catch (error) {
      const records = { source: bytes, decoded: NOTHING, count: 0, fields: [] };
      const shown = this.#exchange.context.errors.toProtocolError(error);
      return { records, lines: [], failures: [{ line: lines[0] as number, error: shown }] };
    }
  }

  async #largeValue(block: LineBlock): Promise<RecordLines> {
    const { exchange, query } = this.#options;
    const { requestBytesMax } = exchange.context.options;
    if (query.lines === 'text') return valueLines(block, query.key, requestBytesMax, false);
    const line = block.bytes.subarray(block.starts[0], block.ends[0]);
    const isJson = await inSlices(isJsonInSlices(line));
    return valueLines(block, query.key, requestBytesMax, isJson);
  }

  #submit(block: LineBlock): void {
    this.#submitRecords(block, this.#recordsOf(block));
  }

  #submitRecords(block: LineBlock, parsed: RecordLines): void {
    const { broker, topic, query, limits } = this.#options;
    const submitted = new SubmittedLines(block, parsed, {
      topic,
      partition: query.partition,
      limits: broker.topicLimits(topic),
      places: this.#places,
      receivedMs: limits.nowMs(),
    });
    this.#submitted.push(submitted);
    this.#windowBytes += submitted.sizeBytes;
    this.#account();
    if (this.#accessLost !== undefined) submitted.fail(this.#accessLost);
    if (submitted.isSettled) this.#answerSettled();
    else this.#produce(submitted);
  }

  #recordsOf(block: LineBlock): RecordLines {
    const { exchange, limits, query, form } = this.#options;
    const { requestBytesMax } = exchange.context.options;
    return form === 'ndjson'
      ? parseJsonRecordLines(block, limits, requestBytesMax)
      : valueLines(block, query.key, requestBytesMax, query.lines === 'text' ? false : undefined);
  }

  #produce(submitted: SubmittedLines): void {
    const { broker, topic, query } = this.#options;
    const { records, receivedMs } = submitted;
    const { acks, timeoutMs, partitioner } = query;
    const { signal } = this.#gone;
    this.#exchange.memory.workBegan();
    broker
      .as(this.#exchange.access.caller)
      .produce({ topic, records, acks, timeoutMs, partitioner, receivedMs, signal })
      .then(
        (result) => submitted.succeed(result),
        (error: unknown) => {
          submitted.fail(this.#exchange.context.errors.toProtocolError(error));
        },
      )
      .then(() => this.#settled())
      .catch((error: unknown) => {
        this.#exchange.fail(error);
      });
  }

  #settled(): void {
    this.#exchange.memory.workEnded();
    this.#answerSettled();
    this.#continue();
  }

  /** Answers settled lines, up to the first lines that are not settled. */
  #answerSettled(): void {
    for (;;) {
      const [first] = this.#submitted;
      if (first === undefined || !first.isSettled) return;
      this.#submitted.shift();
      this.#windowBytes -= first.sizeBytes;
      if (this.#isFinished) continue;
      const text = this.#answers.textOf(first);
      if (text !== '' && !this.#exchange.response.write(text)) this.#needsDrain = true;
      this.#account();
    }
  }

  /** Stops reading; lines in flight are answered first. */
  #breakOff(error: unknown): void {
    if (this.#end !== undefined || this.#isFinished) return;
    this.#end = { error: this.#exchange.context.errors.toProtocolError(error) };
    this.#blocks.dropBegun();
    this.#account();
    this.#source?.pause();
    this.#continue();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { request, response } = this.#exchange;
    const error = this.#end?.error;
    const line = this.#blocks.nextLine;
    response.end(this.#answers.lastText(error === undefined ? undefined : { line, error }));
    if (error !== undefined && !request.complete) {
      const { events, options } = this.#exchange.context;
      const limits = { bytesMax: DRAINED_BYTES_MAX, timeoutMs: options.bodyIdleTimeoutMs };
      drainRequest(request, limits, (isLate) => {
        if (isLate) events.count('bodyUnread');
        request.socket.destroySoon();
      });
    }
  }
}
