import type { Readable } from 'node:stream';
import { problemDocument } from '#api';
import type { Broker, ProduceResult } from '#broker';
import { ProtocolError } from '#protocol';
import type { LineBlock, RecordLimits, RecordLines } from '#record-json';
import {
  AT_ONCE_BYTES_MAX,
  errorOfRecord,
  isJsonInSlices,
  LineBlocks,
  parseJsonRecordLines,
  parseLargeLine,
  type RecordPlaces,
  recordSetBytes,
  valueLines,
} from '#record-json';
import { drainRequest, inSlices, SystemClock } from '#runtime';
import { bodyIdleError, stoppingError } from '../front/body-timeout.js';
import type { Exchange } from '../front/exchange.js';
import { streamBody } from '../front/request-body.js';
import { toProtocolError } from '../problem.js';
import { bodyPlaces } from './body-places.js';
import { checkLines, type NumberedRecords } from './line-checks.js';
import { NDJSON_STREAM_HEADERS } from './ndjson-headers.js';
import type { ProduceQuery } from './produce-query.js';

/**
 * Bytes of lines that may wait for their acknowledgement. The window holds 40 ms at 50 MB/s, many
 * times the duration of a sync; a larger window would only use memory.
 */
const WINDOW_BYTES = 2 * 1024 * 1024;

/** Memory of a refused line until it is answered: its error with its texts. */
const FAULT_MEMORY_BYTES = 512;
/**
 * Lines that are read before other streams have their turn; each may be answered with a problem.
 */
const LINES_PER_TURN_MAX = 1024;
/** Number of blank lines that take the time of one other line. */
const BLANK_LINES_PER_LINE = 64;
const NOTHING = Buffer.alloc(0);

/** Bytes read from a failed connection, so that the client reads its last line. */
const DRAINED_BYTES_MAX = 16 * 1024 * 1024;

const clock = new SystemClock();

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

/** Lines that were sent to the broker together. */
interface Submitted extends NumberedRecords {
  /** Time of arrival, wall clock in ms. */
  readonly receivedMs: number;
  /** Numbers of all lines, including those without a record. */
  readonly allLines: readonly number[];
  /** Errors, by line. */
  readonly faults: Map<number, ProtocolError>;
  /** Partition of each record. */
  readonly partitions: number[];
  /** Offset of each record; null with acks=0. */
  readonly offsets: (number | null)[];
  readonly sizeBytes: number;
  isSettled: boolean;
}

/**
 * One produce stream. Lines that arrive together go to the broker together; blocks may be
 * acknowledged out of order, and are answered in order.
 *
 * Memory is constant: nothing is read while more than a window of lines is unacknowledged, or while
 * the client does not read its answers. A client that sends everything before it reads must use
 * `?report=errors`, else both sides wait for each other.
 */
class NdjsonProduce {
  readonly #options: NdjsonProduceOptions;
  readonly #exchange: Exchange;
  readonly #blocks: LineBlocks;
  readonly #places: RecordPlaces;
  readonly #submitted: Submitted[] = [];
  #source: Readable | undefined;
  /** Ends waits for buffer memory when the client has disconnected. */
  readonly #gone = new AbortController();
  #windowBytes = 0;
  #accountedBytes = 0;
  #count = 0;
  #errorCount = 0;
  #needsDrain = false;
  /** True during a wait for a turn of the event loop or for a long line. */
  #isWaiting = false;
  #linesOfTurn = 0;
  /** True after the end of the body; its last lines may still be unread. */
  #isSourceEnded = false;
  /** Set when no more lines will come: the stream has ended, or failed with this error. */
  #end: { readonly error: ProtocolError | undefined } | undefined;
  #isFinished = false;

  constructor(options: NdjsonProduceOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
    const { requestBytesMax } = options.exchange.context.options;
    const { form, query } = options;
    this.#places = bodyPlaces({ form, isPartitionInQuery: query.partition !== undefined });
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
    exchange.watch({
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
    if (this.#isFinished || this.#needsDrain || this.#isWaiting) return true;
    return this.#windowBytes >= WINDOW_BYTES;
  }

  /**
   * Continues in the next turn. An answer that is written at once may bring the next lines at once,
   * and other streams must have their turn as well.
   */
  #continueNextTurn(): void {
    this.#isWaiting = true;
    setImmediate(() => {
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
      const shown = toProtocolError(error, this.#exchange.context.logger);
      return { records, lines: [], failures: [{ line: lines[0] as number, error: shown }] };
    }
  }

  async #largeValue(block: LineBlock): Promise<RecordLines> {
    const { exchange, query } = this.#options;
    const line = block.bytes.subarray(block.starts[0], block.ends[0]);
    const isJson = await inSlices(isJsonInSlices(line));
    return valueLines(block, query.key, exchange.context.options.requestBytesMax, isJson);
  }

  #submit(block: LineBlock): void {
    this.#submitRecords(block, this.#recordsOf(block));
  }

  #submitRecords(block: LineBlock, { failures, ...parsed }: RecordLines): void {
    const { broker, topic, query } = this.#options;
    const faults = new Map(failures.map(({ line, error }) => [line, error]));
    const receivedMs = clock.nowMs();
    const topicLimits = broker.topicLimits(topic);
    const target = {
      topic,
      partition: query.partition,
      limits: topicLimits,
      places: this.#places,
      receivedMs,
    };
    const submitted: Submitted = {
      ...checkLines(parsed, target, faults),
      receivedMs,
      allLines: block.lines,
      faults,
      partitions: [],
      offsets: [],
      sizeBytes:
        bytesOf(block) + recordSetBytes(parsed.records) + failures.length * FAULT_MEMORY_BYTES,
      isSettled: false,
    };
    this.#submitted.push(submitted);
    this.#windowBytes += submitted.sizeBytes;
    this.#account();
    if (submitted.records.count > 0) {
      this.#produce(submitted);
      return;
    }
    submitted.isSettled = true;
    this.#answerSettled();
  }

  #recordsOf(block: LineBlock): RecordLines {
    const { exchange, limits, query, form } = this.#options;
    const { requestBytesMax } = exchange.context.options;
    return form === 'ndjson'
      ? parseJsonRecordLines(block, limits, requestBytesMax)
      : valueLines(block, query.key, requestBytesMax);
  }

  #produce(submitted: Submitted): void {
    const { broker, topic, query } = this.#options;
    const { records, lines, receivedMs } = submitted;
    const { acks, timeoutMs, partitioner } = query;
    const { signal } = this.#gone;
    this.#exchange.memory.workBegan();
    broker
      .produce({ topic, records, acks, timeoutMs, partitioner, receivedMs, signal })
      .then(
        (result) => noteResult(submitted, result),
        (error: unknown) => {
          const shown = toProtocolError(error, this.#exchange.context.logger);
          lines.forEach((line, index) => {
            submitted.faults.set(line, errorOfRecord(shown, index, this.#places));
          });
        },
      )
      .then(() => this.#settled(submitted))
      .catch((error: unknown) => {
        this.#exchange.fail(error);
      });
  }

  #settled(submitted: Submitted): void {
    this.#exchange.memory.workEnded();
    submitted.isSettled = true;
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
      const text = this.#answerText(first);
      if (text !== '' && !this.#exchange.response.write(text)) this.#needsDrain = true;
      this.#account();
    }
  }

  #answerText({ allLines, lines, faults, partitions, offsets }: Submitted): string {
    const showsAll = this.#options.query.report !== 'errors';
    this.#count += allLines.length;
    this.#errorCount += faults.size;
    if (!showsAll && faults.size === 0) return '';
    let text = '';
    let index = 0;
    for (const line of allLines) {
      const fault = faults.size === 0 ? undefined : faults.get(line);
      if (fault !== undefined) {
        text += this.#errorLine(line, fault);
      } else if (showsAll) {
        text += `{"line":${line},"partition":${partitions[index]},"offset":${offsets[index]}}\n`;
      }
      if (lines[index] === line) index += 1;
    }
    return text;
  }

  #errorLine(line: number, error: ProtocolError): string {
    const problem = problemDocument(error, this.#exchange.instance, { isWrite: true });
    return `{"line":${line},"error":${JSON.stringify(problem)}}\n`;
  }

  /** Stops reading; lines in flight are answered first. */
  #breakOff(error: unknown): void {
    if (this.#end !== undefined || this.#isFinished) return;
    this.#end = { error: toProtocolError(error, this.#exchange.context.logger) };
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
    let text = error === undefined ? '' : this.#errorLine(this.#blocks.nextLine, error);
    if (this.#options.query.report === 'errors') {
      text += `{"count":${this.#count},"errors":${this.#errorCount}}\n`;
    }
    response.end(text);
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

function noteResult(submitted: Submitted, result: ProduceResult): void {
  const { records, lines, faults, partitions, offsets } = submitted;
  for (const part of result.parts) {
    const count = part.indexes?.length ?? records.count;
    for (let k = 0; k < count; k += 1) {
      const index = part.indexes === undefined ? k : (part.indexes[k] as number);
      if (part.error === undefined) {
        partitions[index] = part.partition;
        offsets[index] = part.baseOffset === null ? null : part.baseOffset + k;
      } else {
        faults.set(lines[index] as number, part.error);
      }
    }
  }
}

/** Returns the bytes from the first line of a block to its last. */
function bytesOf({ starts, ends }: LineBlock): number {
  const first = starts.find((start) => start >= 0) ?? 0;
  const last = ends.findLast((end) => end >= 0) ?? 0;
  return last - first;
}
