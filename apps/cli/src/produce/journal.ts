import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, truncate } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from '../exit-codes.js';
import type { ChunkStart } from './chunks.js';

/** The circumstances that must be the same when a file is resumed. */
export interface JournalHead {
  readonly topic: string;
  readonly topicId: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** The options that say what record a line is, as JSON. */
  readonly options: string;
  readonly partitionCount: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Proof that the id was issued to this caller; absent without authentication. */
  readonly producerToken?: string;
  readonly startedMs: number;
}

/** A chunk that is about to be sent. */
export interface JournalChunk {
  readonly start: ChunkStart;
  readonly end: ChunkStart;
  readonly parts: readonly {
    readonly partition: number;
    /** Producer sequence of the first record. */
    readonly sequence: number;
    readonly count: number;
  }[];
}

type Entry =
  | { readonly head: JournalHead }
  | { readonly chunk: JournalChunk }
  | { readonly done: number }
  | { readonly finished: true };

/** State of a file that was sent, as a whole or in part. */
export interface JournalState {
  readonly head: JournalHead;
  /** True when all of the file was sent and acknowledged. */
  readonly isFinished: boolean;
  /** Bytes of the journal that are whole entries; a torn one may follow. */
  readonly sizeBytes: number;
  /** Chunks that may or may not have been written, in order. */
  readonly unresolved: readonly JournalChunk[];
  /** Place after the last chunk. */
  readonly end: ChunkStart;
  /** Next sequence of each partition. */
  readonly sequences: ReadonlyMap<number, number>;
}

/** Greatest age of a journal, ms. Later the gateway may detect no repeats. */
export const RESUME_MS_MAX = 12 * 60 * 60 * 1000;

/**
 * A file that remembers which lines of a file are about to be sent, and under which producer
 * sequences. A chunk is on disk before it is sent. After an interruption the same chunks are sent
 * again under the same sequences, so the gateway stores each once.
 *
 * Overlap: calls overlap. Entries that come while others are written become durable together.
 */
export class Journal {
  readonly #path: string;
  readonly #file: FileHandle;
  /** Text of entries that no write has begun with. */
  #waiting = '';
  /** True when one of them must be durable. */
  #mustSync = false;
  /** The write that the waiting entries belong to. */
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Begins a journal for a file, in place of an older one. */
  static async create(path: string, head: JournalHead): Promise<Journal> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const journal = new Journal(path, await open(path, 'w', 0o600));
    await journal.#append({ head }, true);
    await syncDirectory(path);
    return journal;
  }

  /** Continues the journal of an interrupted file after its last whole entry. */
  static async resume(path: string, { sizeBytes }: JournalState): Promise<Journal> {
    await truncate(path, sizeBytes);
    return new Journal(path, await open(path, 'a', 0o600));
  }

  /** Makes a chunk durable before it is sent. */
  async begin(chunk: JournalChunk): Promise<void> {
    await this.#append({ chunk }, true);
  }

  /** Notes that a chunk was acknowledged; losing this note costs a repeat that is detected. */
  async done(index: number): Promise<void> {
    await this.#append({ done: index }, false);
  }

  /**
   * Ends the journal of a file that was sent as a whole. Its head stays, so that the file is not
   * sent again when it is resumed once more.
   */
  async finish(head: JournalHead): Promise<void> {
    await this.close();
    const path = `${this.#path}.new`;
    const finished = new Journal(path, await open(path, 'w', 0o600));
    await finished.#append({ head }, true);
    await finished.#append({ finished: true }, true);
    await finished.close();
    await rename(path, this.#path);
    await syncDirectory(this.#path);
  }

  /** Keeps the journal, to be resumed. */
  async close(): Promise<void> {
    // The callers of failed writes have their errors.
    await this.#next?.catch(() => undefined);
    await this.#writing.catch(() => undefined);
    await this.#file.close();
  }

  #append(entry: Entry, mustSync: boolean): Promise<void> {
    this.#waiting += `${JSON.stringify(entry)}\n`;
    this.#mustSync ||= mustSync;
    this.#next ??= this.#writeWaiting();
    return this.#next;
  }

  async #writeWaiting(): Promise<void> {
    await this.#writing;
    const text = this.#waiting;
    const mustSync = this.#mustSync;
    this.#waiting = '';
    this.#mustSync = false;
    this.#next = undefined;
    this.#writing = this.#write(text, mustSync);
    await this.#writing;
  }

  async #write(text: string, mustSync: boolean): Promise<void> {
    await this.#file.write(text);
    if (mustSync) await this.#file.datasync();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  await directory.sync();
  await directory.close();
}

/** Path of the journal for a file and a topic of a gateway. */
export function journalPath(url: string, topic: string, file: string): string {
  const state = process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state');
  const name = createHash('sha256').update(`${url}\n${topic}\n${file}`).digest('hex').slice(0, 32);
  return join(state, 'sluice', 'produce', `${name}.ndjson`);
}

/** Reads the journal of a file; undefined if there is none, or if no line was about to be sent. */
export async function readJournal(path: string): Promise<JournalState | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let head: JournalHead | undefined;
  let isFinished = false;
  let sizeBytes = 0;
  let end: ChunkStart = { index: 0, byte: 0, line: 1 };
  const unresolved = new Map<number, JournalChunk>();
  const sequences = new Map<number, number>();
  // A torn last line was not yet durable, so its chunk was not sent.
  for (const line of text.split('\n').slice(0, -1)) {
    const entry = entryOf(line);
    if (entry === undefined) break;
    sizeBytes += Buffer.byteLength(line) + 1;
    if ('head' in entry) head = entry.head;
    else if ('finished' in entry) isFinished = true;
    else if ('done' in entry) unresolved.delete(entry.done);
    else {
      const { chunk } = entry;
      unresolved.set(chunk.start.index, chunk);
      end = chunk.end;
      for (const { partition, sequence, count } of chunk.parts) {
        sequences.set(partition, nextSequence(sequence, count));
      }
    }
  }
  if (head === undefined || (end.index === 0 && !isFinished)) return undefined;
  return { head, isFinished, sizeBytes, unresolved: [...unresolved.values()], end, sequences };
}

/** Producer sequences continue at 0 after 2^31 - 1, as Kafka's do. */
export function nextSequence(sequence: number, count: number): number {
  return (sequence + count) % 2 ** 31;
}

/**
 * @throws UsageError if the file, the topic or the options are not those of the earlier run, or if
 *   an interrupted run began too long ago
 */
export function assertResumable(
  { head, isFinished }: JournalState,
  now: Omit<JournalHead, 'producerId' | 'producerEpoch' | 'producerToken' | 'startedMs'>,
  nowMs = Date.now(),
): void {
  const refuse = (reason: string): never => {
    throw new UsageError(
      `${head.file} cannot be resumed: ${reason}. --restart sends it from its beginning.`,
    );
  };
  if (!isFinished && nowMs - head.startedMs > RESUME_MS_MAX) {
    refuse('it was begun more than 12 hours ago, and repeats would no longer be detected');
  }
  if (head.topicId !== now.topicId) refuse(`topic ${head.topic} was deleted and created again`);
  if (head.sizeBytes !== now.sizeBytes || head.modifiedMs !== now.modifiedMs) {
    refuse('the file has changed');
  }
  if (head.options !== now.options) refuse('the options differ from those of its beginning');
}

function entryOf(line: string): Entry | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}
