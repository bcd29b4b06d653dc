import { SluiceError } from '#client';
import type { CommandRun } from '../command-run.js';
import { delay } from '../delay.js';
import type { PositionText } from '../parse-values.js';
import { lastOffsetOf, plainValuesOf } from './plain-values.js';
import { Lines, type RecordJson, StreamedRecord } from './streamed-record.js';

export interface ReadOptions {
  readonly topic: string;
  readonly partitions: readonly number[];
  /** Partitions that are added meanwhile are read, too, from their beginning. */
  readonly withAdded: boolean;
  readonly from: PositionText;
  /** First offset, or time, that is not read. */
  readonly to?: PositionText | undefined;
  /** Ends at the high watermark that each partition had at the beginning. */
  readonly untilEnd: boolean;
  /** `auto`: JSON comes as JSON; `string`: the bytes of keys and values, as text where they are. */
  readonly format: 'auto' | 'string';
}

/** Takes records; resolves with false if no more are wanted. */
type TakeRecords = (records: readonly StreamedRecord[]) => Promise<boolean>;

/** Takes the values of records, which is faster; resolves with false if no more are wanted. */
interface TakeValues {
  /** Text written after each value. */
  readonly separator: string;
  readonly take: (values: Buffer) => Promise<boolean>;
}

export interface RecordTaker {
  readonly records: TakeRecords;
  /** Undefined: all records go to `records`. Otherwise only records whose value is not text do. */
  readonly values?: TakeValues | undefined;
}

/** The line after the records of a stream. */
interface StreamEnd {
  readonly nextOffset?: number;
  readonly error?: Readonly<Record<string, unknown>>;
}

/** Interval at which the topic is checked for partitions that were added, ms. */
const GROWTH_CHECK_MS = 3000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5000;

/**
 * Reads partitions of a topic without a group, each by a stream of NDJSON. After a broken stream
 * the next one begins with the next offset. The reader of the records decides how fast it reads.
 * @param taker called with records of one partition as they arrive; false ends the reading
 */
export async function readTopic(
  run: CommandRun,
  options: ReadOptions,
  taker: RecordTaker,
): Promise<void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(run.signal.reason);
  run.signal.addEventListener('abort', onAbort, { once: true });
  // The records of one partition at a time are given, in the order of their arrival.
  let turn = Promise.resolve();
  const inTurn = (take: () => Promise<boolean>): Promise<boolean> => {
    const taken = turn.then(async () => {
      if (stop.signal.aborted) return false;
      const goesOn = await take();
      if (!goesOn) stop.abort();
      return goesOn;
    });
    turn = taken.then(() => undefined);
    return taken;
  };
  const { records: takeRecords, values } = taker;
  const takerInTurn: RecordTaker = {
    records: (records) => inTurn(() => takeRecords(records)),
    values: values && { ...values, take: (some) => inTurn(() => values.take(some)) },
  };
  const readAll = async (some: ReadOptions): Promise<void> => {
    const readers = some.partitions.map((partition) =>
      new PartitionReader(run, some, partition, stop.signal).read(takerInTurn),
    );
    await Promise.all([...readers, some.withAdded ? readAdded(some) : undefined]);
  };
  const readAdded = async (known: ReadOptions): Promise<void> => {
    const partitions = await addedPartitions(run, known, stop.signal);
    if (partitions.length > 0) await readAll({ ...known, partitions, from: { kind: 'earliest' } });
  };
  try {
    await readAll(options);
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    run.signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Waits for partitions that are added to the topic, and returns them; none when the signal is
 * aborted. A topic that cannot be described is described again: its readers report what is wrong.
 */
async function addedPartitions(
  run: CommandRun,
  { topic, partitions: known }: ReadOptions,
  signal: AbortSignal,
): Promise<number[]> {
  const last = Math.max(...known);
  for (;;) {
    await delay(GROWTH_CHECK_MS, signal);
    if (signal.aborted) return [];
    const { partitions } = await run.sluice.admin
      .describeTopic({ topic }, { signal })
      .catch(() => ({ partitions: [] }));
    const added = partitions.map(({ partition }) => partition).filter((one) => one > last);
    if (added.length > 0) return added;
  }
}

/** Reads one partition. */
class PartitionReader {
  readonly #run: CommandRun;
  readonly #options: ReadOptions;
  readonly #partition: number;
  readonly #signal: AbortSignal;
  /** Next offset; undefined before the first record. */
  #next: number | undefined;
  #end: number | undefined;

  constructor(run: CommandRun, options: ReadOptions, partition: number, signal: AbortSignal) {
    this.#run = run;
    this.#options = options;
    this.#partition = partition;
    this.#signal = signal;
  }

  async read(taker: RecordTaker): Promise<void> {
    const { untilEnd, to } = this.#options;
    this.#end = await this.#endOffset();
    // The position of `latest` is decided once: later streams continue from there.
    if (!untilEnd && this.#options.from.kind === 'latest')
      this.#next = await this.#offsetAt('latest');
    for (let failures = 0; !this.#signal.aborted; ) {
      try {
        const isDone = await this.#readStream(taker, () => {
          failures = 0;
        });
        if (isDone || untilEnd || to !== undefined) return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!(error instanceof SluiceError) || !error.retriable) throw error;
        const ceilingMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures);
        failures += 1;
        await delay(Math.random() * ceilingMs, this.#signal);
      }
    }
  }

  /** Reads a stream to its end. Returns true if nothing is wanted after it. */
  async #readStream(taker: RecordTaker, arrived: () => void): Promise<boolean> {
    const { topic, format, untilEnd } = this.#options;
    if (this.#end !== undefined && (this.#next ?? 0) >= this.#end) return true;
    const follow = !untilEnd && this.#end === undefined;
    const answer = await this.#run.sluice.admin.fetchLines(
      {
        topic,
        partition: this.#partition,
        format,
        ...(follow ? { follow: true } : {}),
        ...this.#startParameters(),
      },
      { signal: this.#signal },
    );
    for await (const bytes of linesOf(answer)) {
      const { values, endByte } = this.#plainValues(bytes, taker);
      if (values !== undefined) {
        arrived();
        if (!(await values)) return true;
        if (endByte === bytes.length) continue;
      }
      const lines = new Lines(bytes.toString('utf8', endByte));
      const { records, isEnd, isStreamEnd } = this.#parse(lines);
      if (records.length > 0) {
        arrived();
        if (!(await taker.records(records))) return true;
      }
      if (isEnd) return true;
      if (isStreamEnd) return !follow;
    }
    return false;
  }

  /** Takes the values of the first lines, where these alone are wanted. */
  #plainValues(
    bytes: Buffer,
    { values }: RecordTaker,
  ): { readonly values?: Promise<boolean> | undefined; readonly endByte: number } {
    if (values === undefined) return { endByte: 0 };
    const last = lastOffsetOf(bytes);
    if (last === undefined || last >= (this.#end ?? Number.POSITIVE_INFINITY))
      return { endByte: 0 };
    const plain = plainValuesOf(bytes, values.separator);
    if (plain === undefined) return { endByte: 0 };
    // Lines that are left are handled before the next ones are read.
    this.#next = last + 1;
    return { values: values.take(plain.bytes), endByte: plain.endByte };
  }

  /** Parses lines of a stream up to the wanted end. @throws SluiceError of a last line */
  #parse(lines: Lines): {
    readonly records: readonly StreamedRecord[];
    /** Nothing after these records is wanted. */
    readonly isEnd: boolean;
    readonly isStreamEnd: boolean;
  } {
    const records: StreamedRecord[] = [];
    for (const line of lines.json() as (RecordJson | StreamEnd)[]) {
      if (!('offset' in line)) {
        // An error is reported by the next stream: these records come before it.
        if (records.length > 0 && line.error !== undefined) break;
        return { records, isEnd: false, isStreamEnd: endsWell(line) };
      }
      if (this.#isBehindEnd(line)) return { records, isEnd: true, isStreamEnd: false };
      this.#next = line.offset + 1;
      records.push(new StreamedRecord(line, lines, records.length));
    }
    return { records, isEnd: false, isStreamEnd: false };
  }

  #isBehindEnd({ offset, timestamp }: RecordJson): boolean {
    const { to } = this.#options;
    if (this.#end !== undefined && offset >= this.#end) return true;
    return to?.kind === 'timestamp' && timestamp >= to.timestamp;
  }

  #startParameters(): Readonly<
    { offset: number } | { timestamp: number } | { from: 'earliest' | 'latest' }
  > {
    const { from } = this.#options;
    if (this.#next !== undefined) return { offset: this.#next };
    if (from.kind === 'timestamp') return { timestamp: from.timestamp };
    if (from.kind === 'offset') return { offset: from.offset };
    return { from: from.kind };
  }

  /** The offset at which reading ends; undefined: it does not, or the record's time decides. */
  async #endOffset(): Promise<number | undefined> {
    const { to, untilEnd } = this.#options;
    if (to?.kind === 'offset') return to.offset;
    if (untilEnd || to !== undefined) return await this.#offsetAt('latest');
    return undefined;
  }

  async #offsetAt(at: 'latest'): Promise<number> {
    const { topic } = this.#options;
    const { offset } = await this.#run.sluice.admin.listOffset({
      topic,
      partition: this.#partition,
      at,
    });
    return offset ?? 0;
  }
}

/** True for the last line of a stream. @throws SluiceError that a stream ends with */
function endsWell({ error, nextOffset }: StreamEnd): boolean {
  if (error === undefined) return nextOffset !== undefined;
  const { code, detail, retriable } = error;
  throw new SluiceError(String(code), String(detail), { retriable: retriable === true });
}

const LINE_FEED = 0x0a;

/**
 * Yields the whole lines of each read.
 * @throws SluiceError NETWORK_EXCEPTION when the stream breaks
 */
async function* linesOf(answer: Response): AsyncGenerator<Buffer> {
  let rest: Uint8Array[] = [];
  if (answer.body === null) return;
  const reads = (answer.body as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const read = await reads.next().catch((cause: unknown) => {
        const detail = 'The stream of records broke.';
        throw new SluiceError('NETWORK_EXCEPTION', detail, { retriable: true, cause });
      });
      if (read.done === true) break;
      const end = read.value.lastIndexOf(LINE_FEED) + 1;
      if (end > 0) {
        const whole = read.value.subarray(0, end);
        yield rest.length === 0 ? asBuffer(whole) : Buffer.concat([...rest, whole]);
        rest = [];
      }
      if (end < read.value.length) rest.push(read.value.subarray(end));
    }
  } finally {
    await reads.return?.().catch(() => undefined);
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
