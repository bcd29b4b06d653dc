import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { SluiceError } from '#client';
import type { CommandRun } from '../command-run.js';
import { delay } from '../delay.js';
import { InterruptedError, UsageError } from '../exit-codes.js';
import { untilAborted } from '../until-aborted.js';
import { ChunkSender, identityOf, type SenderIdentity } from './chunk-sender.js';
import { type Chunk, type ChunkOptions, type ChunkStart, chunksOf, countOf } from './chunks.js';
import {
  assertResumable,
  Journal,
  type JournalHead,
  type JournalState,
  journalPath,
  readJournal,
} from './journal.js';
import { linesOf } from './lines.js';
import { plainChunksOf } from './plain-chunks.js';
import { Progress } from './progress.js';
import { assertRecordOptions, RecordLines, type RecordOptions } from './record-lines.js';

export interface ProduceOptions extends RecordOptions {
  readonly acks: 'all' | '1' | '0';
  /** Records per second. */
  readonly rate?: number | undefined;
  readonly resume?: boolean | undefined;
  readonly restart?: boolean | undefined;
  /** Time after which records that cannot be stored end the command, ms. */
  readonly timeoutMs: number;
}

/** A topic as the sender needs it. */
interface Target {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly bytesMax: number;
}

/** A file that may be sent. */
interface CheckedFile {
  readonly name: string;
  readonly now: Parameters<typeof assertResumable>[1];
  readonly journalPath: string;
  /** Undefined for a file that is sent from its beginning. */
  readonly state: JournalState | undefined;
}

const RECORDS_MAX = 2500;
/** Limits of a chunk of lines that are sent unchanged: a few such chunks are in memory. */
const PLAIN_RECORDS_MAX = 10_000;
const PLAIN_BYTES_MAX = 960 * 1024;
const START: ChunkStart = { index: 0, byte: 0, line: 1 };
/** Share of the topic's limit of a batch that the lines of a chunk may have. */
const BATCH_SHARE = 0.9;
/** Time for requests on their way after Ctrl-C, ms. */
const DRAIN_MS = 5000;
const READ_BYTES = 256 * 1024;

/** Produces the lines of files, or of stdin, to a topic. */
export async function produceFiles(
  run: CommandRun,
  topic: string,
  files: readonly string[],
  options: ProduceOptions,
): Promise<void> {
  assertRecordOptions(options);
  const target = await targetOf(run, topic);
  const { partition = 0 } = options;
  if (partition >= target.partitionCount) {
    const detail = `Topic "${topic}" has ${target.partitionCount} partitions and no partition ${partition}.`;
    throw new SluiceError('UNKNOWN_TOPIC_OR_PARTITION', detail, { outcome: 'failed' });
  }
  if (files.length === 0 || (files.length === 1 && files[0] === '-')) {
    if (options.resume || options.restart) {
      throw new UsageError('--resume and --restart need files: stdin cannot be read again.');
    }
    await new FileProducer(run, target, options).stdin();
    return;
  }
  const checked: CheckedFile[] = [];
  // Nothing is sent before all files are known to be readable and new, or to be resumed.
  for (const name of files) checked.push(await new FileProducer(run, target, options).check(name));
  for (const file of checked) await new FileProducer(run, target, options).file(file);
}

async function targetOf({ sluice }: CommandRun, topic: string): Promise<Target> {
  const { topicId, partitions, configs } = await sluice.admin.describeTopic({ topic });
  const bytesMax = Number((configs as Record<string, string>)['max.message.bytes']);
  return {
    topic,
    topicId,
    partitionCount: partitions.length,
    bytesMax: Math.floor(bytesMax * BATCH_SHARE),
  };
}

/** Produces the lines of one file. */
class FileProducer {
  readonly #run: CommandRun;
  readonly #target: Target;
  readonly #options: ProduceOptions;
  readonly #lines: RecordLines;
  /** True when each line is a value, so that the bytes of the file are sent unchanged. */
  readonly #isPlain: boolean;

  constructor(run: CommandRun, target: Target, options: ProduceOptions) {
    this.#run = run;
    this.#target = target;
    this.#options = options;
    this.#lines = new RecordLines(options);
    const { format, keySeparator, header } = options;
    this.#isPlain = format === 'text' && keySeparator === undefined && header === undefined;
  }

  async stdin(): Promise<void> {
    const producer = await this.#run.sluice.admin.initProducer();
    const progress = new Progress(this.#run.output, undefined);
    const sender = this.#sender(producer, new Map(), undefined, progress);
    const reads = untilAborted<Buffer>(process.stdin, this.#run.signal);
    try {
      await this.#sendAll(sender, this.#chunks(reads, START, true), progress);
    } finally {
      // A read that waits for input would keep the process alive.
      process.stdin.destroy();
    }
    this.#finish(progress, 'stdin');
  }

  /** @throws UsageError when the file cannot be sent with these options */
  async check(name: string): Promise<CheckedFile> {
    const file = await realpath(name).catch((cause: Error) => {
      throw new UsageError(`Cannot read ${name}: ${cause.message}.`, { cause });
    });
    const { size, mtimeMs, isFile } = await statOf(file);
    if (!isFile) throw new UsageError(`${name} is not a regular file; send it through stdin.`);
    const { topic, topicId, partitionCount } = this.#target;
    const now = {
      topic,
      topicId,
      file,
      sizeBytes: size,
      modifiedMs: mtimeMs,
      options: fingerprint(this.#options),
      partitionCount,
    };
    const path = journalPath(await this.#clusterName(), topic, file);
    return { name, now, journalPath: path, state: await this.#stateOf(path, now) };
  }

  async file({ name, now, journalPath: path, state }: CheckedFile): Promise<void> {
    if (state?.isFinished) {
      this.#noteFinished(name);
      return;
    }
    const producer = state?.head ?? (await this.#run.sluice.admin.initProducer());
    const head = { ...now, ...identityOf(producer), startedMs: Date.now() };
    const journal =
      state === undefined ? await Journal.create(path, head) : await Journal.resume(path, state);
    try {
      await this.#sendFile(head, state, journal);
      await journal.finish(head);
    } catch (error) {
      await journal.close();
      if (error instanceof InterruptedError) {
        this.#run.output.note(`${name} is not complete: --resume continues it.`);
      }
      throw error;
    }
  }

  async #sendFile(
    head: JournalHead,
    state: JournalState | undefined,
    journal: Journal,
  ): Promise<void> {
    const { file, sizeBytes } = head;
    const start = state?.end ?? START;
    const progress = new Progress(this.#run.output, sizeBytes, start.byte);
    const sequences = new Map(state?.sequences);
    const sender = this.#sender(head, sequences, journal, progress);
    for (const noted of state?.unresolved ?? []) {
      const range = { start: noted.start.byte, end: noted.end.byte - 1 };
      const reads = createReadStream(file, range) as AsyncIterable<Buffer>;
      const chunks = this.#divided(reads, noted.start, {
        ...this.#chunkOptions(false),
        partitionCount: state?.head.partitionCount ?? head.partitionCount,
        recordsMax: Number.POSITIVE_INFINITY,
        bytesMax: Number.POSITIVE_INFINITY,
      });
      for await (const chunk of chunks) await sender.send(chunk, noted);
    }
    const stream = createReadStream(file, { start: start.byte, highWaterMark: READ_BYTES });
    const chunks = this.#chunks(untilAborted<Buffer>(stream, this.#run.signal), start);
    await this.#sendAll(sender, chunks, progress);
    this.#finish(progress, file);
  }

  /** Sends chunks, and waits for their answers. */
  async #sendAll(
    sender: ChunkSender,
    chunks: AsyncIterable<Chunk>,
    progress: Progress,
  ): Promise<void> {
    const startedMs = performance.now();
    const { rate } = this.#options;
    let records = 0;
    try {
      for await (const chunk of chunks) {
        if (this.#run.signal.aborted) break;
        await sender.send(chunk);
        if (rate === undefined) continue;
        records += chunk.parts.reduce((count, part) => count + countOf(part), 0);
        const dueMs = startedMs + (records / rate) * 1000;
        await delay(dueMs - performance.now(), this.#run.signal);
      }
      await this.#drain(sender);
    } catch (error) {
      // The requests on their way are awaited, so that the journal has their result.
      await this.#drain(sender).catch(() => undefined);
      progress.stop();
      const count = progress.records.toLocaleString('en');
      this.#run.output.note(`Records stored before the error: ${count}.`);
      throw error;
    }
  }

  /** Waits for the requests on their way; after Ctrl-C only for a while. */
  async #drain(sender: ChunkSender): Promise<void> {
    const drained = sender.drain();
    if (!this.#run.signal.aborted) {
      await drained;
      return;
    }
    const drainTime = new AbortController();
    await Promise.race([drained.catch(() => undefined), delay(DRAIN_MS, drainTime.signal)]);
    drainTime.abort();
  }

  #finish(progress: Progress, name: string): void {
    const sum = progress.stop();
    const { output, signal } = this.#run;
    if (output.isJson) output.document({ source: name, records: progress.records });
    else output.note(`${sum}: ${name}`);
    signal.throwIfAborted();
  }

  #noteFinished(name: string): void {
    const { output } = this.#run;
    if (output.isJson) output.document({ source: name, records: 0 });
    else output.note(`${name} was sent before, as a whole: --restart sends it again.`);
  }

  #sender(
    producer: SenderIdentity,
    sequences: Map<number, number>,
    journal: Journal | undefined,
    progress: Progress,
  ): ChunkSender {
    const { acks, key, timeoutMs: deliveryTimeoutMs } = this.#options;
    const { topic } = this.#target;
    return new ChunkSender(
      this.#run.sluice,
      { topic, key, producer: identityOf(producer), acks, deliveryTimeoutMs, sequences },
      journal,
      ({ start, end }, records) => progress.add(end.byte - start.byte, records),
    );
  }

  #chunks(
    reads: AsyncIterable<Buffer>,
    start: ChunkStart,
    endsWithRead = false,
  ): AsyncGenerator<Chunk> {
    return this.#divided(reads, start, this.#chunkOptions(endsWithRead));
  }

  #divided(
    reads: AsyncIterable<Buffer>,
    start: ChunkStart,
    options: ChunkOptions,
  ): AsyncGenerator<Chunk> {
    const { key, partition } = this.#options;
    return this.#isPlain
      ? plainChunksOf(reads, start, { ...options, key, partition })
      : chunksOf(linesOf(reads, start), this.#lines, start, options);
  }

  #chunkOptions(endsWithRead: boolean): ChunkOptions {
    const { partitionCount, bytesMax } = this.#target;
    const { rate } = this.#options;
    // With a rate, chunks are small enough to be spread over a second.
    const perTenth = rate === undefined ? undefined : Math.max(1, Math.ceil(rate / 10));
    const recordsMax = this.#isPlain ? PLAIN_RECORDS_MAX : RECORDS_MAX;
    return {
      partitionCount,
      recordsMax: Math.min(recordsMax, perTenth ?? recordsMax),
      bytesMax: this.#isPlain ? Math.min(bytesMax, PLAIN_BYTES_MAX) : bytesMax,
      endsWithRead,
    };
  }

  /**
   * Reads the state of a file that was sent in part; undefined if it is sent from its beginning.
   * @throws UsageError when the user must choose between --resume and --restart
   */
  async #stateOf(
    path: string,
    now: Parameters<typeof assertResumable>[1],
  ): Promise<JournalState | undefined> {
    const { resume, restart } = this.#options;
    if (restart) return undefined;
    const state = await readJournal(path);
    if (state === undefined || (state.isFinished && !resume)) return undefined;
    if (!resume) {
      throw new UsageError(
        `${now.file} was not sent to its end, and lines up to ${state.end.line - 1} may be stored: --resume continues there, --restart sends all of it again.`,
      );
    }
    assertResumable(state, now);
    return state;
  }

  async #clusterName(): Promise<string> {
    return (await this.#run.sluice.admin.describeCluster()).clusterId;
  }
}

/** The options that say what record a line is: a file is resumed under the same ones. */
function fingerprint(options: RecordOptions): string {
  const { format, keyField, keySeparator, key, partition, header, tombstones } = options;
  return JSON.stringify({ format, keyField, keySeparator, key, partition, header, tombstones });
}

async function statOf(
  file: string,
): Promise<{ readonly size: number; readonly mtimeMs: number; readonly isFile: boolean }> {
  const found = await stat(file);
  return { size: found.size, mtimeMs: found.mtimeMs, isFile: found.isFile() };
}
