/**
 * The delayed records of one partition by their time of delivery, at the partition's leader.
 *
 * It covers the offsets [from, to) of the log. The newest entries are in memory, the *tail*; a full
 * tail is written into a file, a sorted *run*, in the partition's directory. Lists merge the runs
 * and the tail, reading a block of each. The memory is one tail and two blocks per run, however
 * many records are delayed.
 *
 * The index reads on with every question, a bounded part of the log at a time, and saves its tail
 * now and then: after a restart it continues there. It is a cache of the log: files that are
 * damaged or do not fit are removed, and the log is read again from the oldest pending record on.
 * They do not fit either when the log has another leader epoch at the end of the index: then an
 * unclean election has truncated it, and it has grown again since.
 *
 * Overlap: calls may overlap; they run one after the other.
 */
import { damagedEndOffset, mayHaveDelays, type RecordBatch, replaceFile } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import { type FileSystem, SerialQueue } from '#runtime';
import { queuedRecords } from '../queue/record-scan.js';
import type { DueCursor } from '../queue/share-change.js';
import { DelayedEntries, type DelayedEntry } from './delayed-entries.js';
import { BLOCKS_KEPT, DamagedRunError, DelayedRun, type EntryReader } from './delayed-run.js';
import { BLOCK_ENTRIES, ENTRY_BYTES, encodeRun, runFileName } from './delayed-run-file.js';
import { openRuns, removeRuns } from './delayed-runs.js';
import { listDue } from './list-due.js';

/** Bytes of the log that are read at once. */
const READ_BYTES = 1024 * 1024;
/** Default of `questionBytesMax`. */
const QUESTION_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes of the log after which the tail is saved, so that a restart does not read them again. */
const SAVE_BYTES = 64 * 1024 * 1024;

/** The partition that is indexed. */
export interface IndexedLog {
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  readonly logEndOffset: Offset;
  /** Leader epoch in which an offset was written; undefined where it is not known. */
  epochAt(offset: Offset): LeaderEpoch | undefined;
  /** Batches from an offset on, below the high watermark; none at its end. */
  read(offset: Offset, maxBytes: number): Promise<readonly RecordBatch[]>;
}

export interface DueQuestion {
  /** The group's cursor. */
  readonly from: DueCursor;
  /** The group's oldest pending record cannot be below it. */
  readonly pendingFrom: Offset;
  /** Time up to which records are due, ms since 1970. */
  readonly untilMs: number;
  readonly recordsMax: number;
}

export interface DueAnswer {
  readonly from: DueCursor;
  /** The cursor that the list is complete up to. */
  readonly to: DueCursor;
  /** Delayed records that are due, in the order of their times. */
  readonly records: readonly DelayedEntry[];
  /** All records below it are in the index. */
  readonly indexedTo: Offset;
  /** Epoch of the leader that has the index; absent in answers of earlier versions. */
  readonly leaderEpoch?: LeaderEpoch;
  /** Time of the next delayed record after `to`, ms since 1970; null when there is none. */
  readonly nextAtMs: number | null;
}

interface DelayedIndexOptions {
  readonly log: IndexedLog;
  readonly fileSystem: FileSystem;
  /** Directory of the partition. */
  readonly directory: string;
  /** Entries of the tail. */
  readonly tailRecordsMax: number;
  /** Bytes of the log that one question may read before it is answered with an empty list. */
  readonly questionBytesMax?: number;
}

export class DelayedIndex {
  readonly #options: DelayedIndexOptions;
  readonly #queue = new SerialQueue();
  /** Full runs in the order of their offsets, without gaps; the tail begins at their end. */
  #runs: DelayedRun[] = [];
  #tail = new DelayedEntries();
  /** The index covers the log from here on; undefined before the first question. */
  #from: Offset | undefined;
  #tailFrom: Offset = 0;
  #to: Offset = 0;
  /** Leader epoch of the offset before `#to`; undefined where it is not known. */
  #epoch: LeaderEpoch | undefined;
  /** Bytes of the log read since the tail was saved. */
  #unsavedBytes = 0;
  #isOpen = false;
  #rebuildsTotal = 0;

  constructor(options: DelayedIndexOptions) {
    this.#options = options;
  }

  /** Number of entries in memory and in files. */
  get count(): number {
    return this.#runs.reduce((sum, { header }) => sum + header.count, this.#tail.count);
  }

  /** Bytes of memory, as counted. */
  get memoryBytes(): number {
    return (this.#tail.count + this.#runs.length * BLOCKS_KEPT * BLOCK_ENTRIES) * ENTRY_BYTES;
  }

  /** Number of times that the log was read from its oldest pending record on. */
  get rebuildsTotal(): number {
    return this.#rebuildsTotal;
  }

  /**
   * Lists delayed records that are due. While the index has not read the whole log yet, the list is
   * empty and `nextAtMs` is the time of the question: ask again.
   * @throws what reading the log or the files throws
   */
  list(question: DueQuestion): Promise<DueAnswer> {
    return this.#queue.run(async () => {
      try {
        return await this.#list(question);
      } catch (error) {
        if (!(error instanceof DamagedRunError)) throw error;
        await this.#restart(question.pendingFrom);
        return this.#list(question);
      }
    });
  }

  /** Saves the tail. @throws the error of the file system */
  save(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#unsavedBytes > 0) await this.#saveTail();
    });
  }

  async #list({ from, pendingFrom, untilMs, recordsMax }: DueQuestion): Promise<DueAnswer> {
    await this.#cover(pendingFrom);
    await this.#readOn();
    const indexedTo = this.#to;
    if (indexedTo < this.#options.log.highWatermark) {
      return { from, to: from, records: [], indexedTo, nextAtMs: untilMs };
    }
    const due = await listDue(await this.#readersAfter(from), { from, untilMs, recordsMax });
    return { from, ...due, indexedTo };
  }

  /** Makes the index cover the log from an offset on. */
  async #cover(pendingFrom: Offset): Promise<void> {
    if (!this.#isOpen) await this.#open();
    const { logStartOffset, logEndOffset } = this.#options.log;
    const wanted = Math.max(pendingFrom, logStartOffset);
    const from = this.#from;
    const isTruncated = logEndOffset < this.#to || this.#isDiverged();
    if (from === undefined || wanted < from || wanted > this.#to || isTruncated) {
      await this.#restart(wanted);
      return;
    }
    while (this.#runs[0] !== undefined && this.#runs[0].header.to <= logStartOffset) {
      await this.#runs[0].remove();
      this.#from = this.#runs.shift()?.header.to;
    }
  }

  /** True when other records are in the log than those that were read from it. */
  #isDiverged(): boolean {
    const epoch = this.#options.log.epochAt(this.#to - 1);
    return epoch !== undefined && this.#epoch !== undefined && epoch !== this.#epoch;
  }

  /** Takes up the files of an earlier process. */
  async #open(): Promise<void> {
    const { fileSystem, directory, tailRecordsMax } = this.#options;
    const runs = await openRuns(fileSystem, directory);
    this.#isOpen = true;
    const last = runs.at(-1);
    if (last === undefined) return;
    this.#from = runs[0]?.header.from;
    this.#to = last.header.to;
    this.#epoch = last.header.leaderEpoch;
    this.#tailFrom = last.header.to;
    this.#runs = runs;
    if (last.header.count >= tailRecordsMax) return;
    for await (const entry of last.entries()) this.#tail.add(entry);
    this.#runs.pop();
    this.#tailFrom = last.header.from;
  }

  async #restart(from: Offset): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await removeRuns(fileSystem, directory);
    this.#rebuildsTotal += 1;
    this.#runs = [];
    this.#tail = new DelayedEntries();
    this.#from = from;
    this.#tailFrom = from;
    this.#to = from;
    this.#epoch = undefined;
    this.#unsavedBytes = 0;
  }

  async #readOn(): Promise<void> {
    const { log, tailRecordsMax, questionBytesMax = QUESTION_BYTES_MAX } = this.#options;
    let readBytes = 0;
    while (this.#to < log.highWatermark && readBytes < questionBytesMax) {
      const batches = await this.#readBatches();
      for (const batch of batches) {
        this.#take(batch);
        readBytes += batch.sizeBytes;
        this.#unsavedBytes += batch.sizeBytes;
      }
      if (this.#tail.count >= tailRecordsMax) await this.#sealTail();
    }
    if (this.#unsavedBytes >= SAVE_BYTES) await this.#saveTail();
  }

  /** The next batches; none where the log is damaged, which is passed over. */
  async #readBatches(): Promise<readonly RecordBatch[]> {
    const { log } = this.#options;
    const { logStartOffset, highWatermark } = log;
    this.#to = Math.max(this.#to, logStartOffset);
    // The log may be truncated during the read.
    const epoch = log.epochAt(highWatermark - 1);
    try {
      const batches = await log.read(this.#to, READ_BYTES);
      // The rest, up to what was committed before the read, are offsets without records.
      if (batches.length === 0) this.#advance(highWatermark, epoch);
      return batches;
    } catch (error) {
      const end = damagedEndOffset(error);
      if (end === undefined || end <= this.#to) throw error;
      this.#advance(end, log.epochAt(end - 1));
      return [];
    }
  }

  #advance(to: Offset, leaderEpoch: LeaderEpoch | undefined): void {
    if (to <= this.#to) return;
    this.#to = to;
    this.#epoch = leaderEpoch;
  }

  #take(batch: RecordBatch): void {
    const from = this.#to;
    this.#advance(batch.nextOffset, batch.leaderEpoch < 0 ? undefined : batch.leaderEpoch);
    if (batch.isControl || !mayHaveDelays(batch)) return;
    try {
      for (const { offset, deliverAtMs, keyHash } of queuedRecords(batch)) {
        if (deliverAtMs === undefined || offset < from) continue;
        this.#tail.add({ atMs: deliverAtMs, offset, keyHash });
      }
    } catch (error) {
      // A batch that cannot be unpacked has no record that could be delivered.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Writes the tail into its file; it stays in memory. */
  async #saveTail(): Promise<string> {
    const { fileSystem, directory } = this.#options;
    const path = `${directory}/${runFileName(this.#tailFrom)}`;
    const range = { from: this.#tailFrom, to: this.#to, leaderEpoch: this.#epoch };
    await replaceFile(fileSystem, path, encodeRun(this.#tail, range));
    this.#unsavedBytes = 0;
    return path;
  }

  /** Makes the tail a run, and begins an empty one. */
  async #sealTail(): Promise<void> {
    const path = await this.#saveTail();
    this.#runs.push(await DelayedRun.open(this.#options.fileSystem, path));
    this.#tail = new DelayedEntries();
    this.#tailFrom = this.#to;
  }

  async #readersAfter(cursor: DueCursor): Promise<EntryReader[]> {
    const readers: EntryReader[] = [new TailReader(this.#tail, cursor)];
    for (const run of this.#runs) {
      const reader = await run.readerAfter(cursor);
      if (reader !== undefined) readers.push(reader);
    }
    return readers;
  }
}

/** Reads the entries of the tail. */
class TailReader implements EntryReader {
  head: DelayedEntry | undefined;
  readonly #tail: DelayedEntries;
  #index: number;

  constructor(tail: DelayedEntries, after: DueCursor) {
    this.#tail = tail;
    this.#index = tail.indexAfter(after);
    this.head = tail.at(this.#index);
  }

  advance(): undefined {
    this.#index += 1;
    this.head = this.#tail.at(this.#index);
  }
}
