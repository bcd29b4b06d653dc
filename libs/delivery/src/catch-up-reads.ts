/**
 * Reads for subscribers that are behind the live end; one read serves all who are at the same
 * position.
 *
 * Runs end at offsets that are multiples of `RUN_RECORDS_MAX`, so that readers who begin at
 * different offsets soon ask for the same runs: after a broker's restart thousands of readers
 * return at once and cost little more than one. Shared runs are kept for a second for readers that
 * are slightly later; the read of a single reader is not kept, so that it leaves no garbage.
 *
 * Two settings bound it: the reads in progress and the bytes of the runs that are kept.
 */
import type { Broker } from '#broker';
import { type LeaderEpoch, type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import { areRenderedAtOnce, type RecordFormat, renderRun, renderRunInSlices } from '#record-json';
import { Limiter, type Scheduler } from '#runtime';
import { RecordRun } from './record-run.js';

const RUN_RECORDS_MAX = 1024;
/**
 * Bytes of record batches that are read for a run: about what it shows when records are of 100 B.
 */
const READ_BYTES = 128 * 1024;
/**
 * Readers asking for fewer records than this bypass the shared read and read only a little of the
 * log.
 */
const FEW_RECORDS = 64;
const FEW_READ_BYTES = 8 * 1024;
const KEPT_MS = 1000;
/** Time for which a partition counts as crowded after a read of it was shared. */
const CROWDED_MS = 5000;
/** Heap of a kept run: its objects, and (below) two numbers per record. */
const RUN_OVERHEAD_BYTES = 512;
const RECORD_OVERHEAD_BYTES = 16;

export interface CatchUpReadsOptions {
  /** Runs kept, in bytes of their JSON. */
  readonly catchUpBytesMax: number;
  /** Reads in progress at the same time. */
  readonly catchUpReadsMax: number;
  /** Bytes of JSON in a run; one record always fits. */
  readonly frameBytesMax: number;
}

/** Source of a reader's records: a partition, and the format that the records have. */
export interface ReadSource {
  readonly target: TopicPartition;
  readonly format: RecordFormat;
}

/** Position of a reader in a partition. */
export interface ReadPosition {
  readonly offset: Offset;
  /** Leader epoch of the last record read; absent before the first read. */
  readonly leaderEpoch?: LeaderEpoch;
}

/** Result of a read. */
export interface CatchUpResult {
  /** Records from the position on; undefined when the reader has reached the end. */
  readonly run: RecordRun | undefined;
  /** Leader epoch of the log that the reader's position was checked against. */
  readonly leaderEpoch: LeaderEpoch;
}

interface Read {
  /** Name of its source. */
  readonly name: string;
  readonly target: TopicPartition;
  readonly partition: Map<Offset, Read>;
  readonly offset: Offset;
  /**
   * Leader epoch of the reader's position: only readers at this offset with the same epoch share
   * it.
   */
  readonly leaderEpoch: LeaderEpoch | undefined;
  readonly result: Promise<CatchUpResult>;
  sizeBytes: number;
  isKept: boolean;
}

/**
 * The shared reads of all subscriptions.
 *
 * Overlap: all calls may overlap; a limiter bounds the reads in progress, and the maps change
 * synchronously.
 */
export class CatchUpReads {
  readonly #broker: Broker;
  readonly #scheduler: Scheduler;
  readonly #options: CatchUpReadsOptions;
  readonly #limiter: Limiter;
  readonly #partitions = new Map<string, Map<Offset, Read>>();
  /** Names of the partitions in which readers shared a read within the last CROWDED_MS. */
  readonly #crowded = new Set<string>();
  /** Runs that are kept, oldest first. */
  #kept: Read[] = [];
  #keptBytes = 0;
  #sharedTotal = 0;
  #readTotal = 0;

  constructor(broker: Broker, scheduler: Scheduler, options: CatchUpReadsOptions) {
    this.#broker = broker;
    this.#scheduler = scheduler;
    this.#options = options;
    this.#limiter = new Limiter(options.catchUpReadsMax);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Number of reads made, and of requests that shared a read made for another reader. */
  get counters(): { readonly read: number; readonly shared: number } {
    return { read: this.#readTotal, shared: this.#sharedTotal };
  }

  /**
   * Reads the records from `position` on, at most one run of them.
   * @param position next offset, and the leader epoch of the record before it if one was read
   * @param recordsMax how many records the reader accepts; the result may have more
   * @throws ProtocolError OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE and every other error of a fetch
   */
  read(source: ReadSource, position: ReadPosition, recordsMax: number): Promise<CatchUpResult> {
    const { target } = source;
    const name = nameOfSource(source);
    const { offset, leaderEpoch } = position;
    const partition = this.#partitions.get(name) ?? new Map<Offset, Read>();
    const existing = partition.get(offset);
    const isShared = existing?.leaderEpoch === leaderEpoch;
    if (existing !== undefined && isShared) {
      this.#sharedTotal += 1;
      this.#crowd(name);
      return existing.result;
    }
    this.#readTotal += 1;
    if (recordsMax < FEW_RECORDS || existing !== undefined) {
      return this.#limiter.run(() => this.#read(source, position, recordsMax, FEW_READ_BYTES));
    }
    // The map may have been removed when its last read was dropped.
    this.#partitions.set(name, partition);
    const leftOfRun = RUN_RECORDS_MAX - (offset % RUN_RECORDS_MAX);
    const result = this.#limiter.run(() => this.#read(source, position, leftOfRun, READ_BYTES));
    const key = { name, target, partition, offset, leaderEpoch };
    const read: Read = { ...key, result, sizeBytes: 0, isKept: false };
    partition.set(offset, read);
    void this.#keepWhenRead(read);
    return result;
  }

  /** Drops the kept runs of a deleted topic, because another topic of that name may follow. */
  forget(topic: string): void {
    for (const reads of this.#partitions.values()) {
      for (const read of reads.values()) if (read.target.topic === topic) this.#drop(read);
    }
  }

  async #read(
    { target, format }: ReadSource,
    position: ReadPosition,
    recordsMax: number,
    maxBytes: number,
  ): Promise<CatchUpResult> {
    const { topic, partition } = target;
    const { offset } = position;
    const result = await this.#broker.fetch({
      topic,
      partition,
      ...position,
      maxBytes,
      minBytes: 1,
      waitMs: 0,
      mayBeBehind: true,
    });
    const { highWatermark, leaderEpoch } = result;
    if (result.batches.length === 0) return { run: undefined, leaderEpoch };
    const bytesMax = this.#options.frameBytesMax;
    const bounds = { topic, partition, offset, recordsMax, bytesMax, format };
    const rendered = areRenderedAtOnce(result.batches, { recordsMax, format })
      ? renderRun(result.batches, bounds)
      : await renderRunInSlices(result.batches, bounds);
    const source = { topic, partition, highWatermark, leaderEpoch };
    return { run: RecordRun.of(source, offset, rendered.nextOffset, rendered), leaderEpoch };
  }

  /** Never rejects: callers that wait for the read get the error from its promise. */
  async #keepWhenRead(read: Read): Promise<void> {
    const run = (await read.result.catch(() => undefined))?.run;
    const isWanted = this.#crowded.has(read.name);
    if (run === undefined || !isWanted) this.#drop(read);
    else this.#keep(read, run);
  }

  #crowd(partition: string): void {
    if (this.#crowded.has(partition)) return;
    this.#crowded.add(partition);
    this.#scheduler.after(CROWDED_MS, () => {
      this.#crowded.delete(partition);
    });
  }

  #keep(read: Read, run: RecordRun): void {
    if (read.partition.get(read.offset) !== read) return;
    // The JSON counts twice: once by itself, once in the frame that contains it.
    read.sizeBytes = RUN_OVERHEAD_BYTES + 2 * run.sizeBytes + run.count * RECORD_OVERHEAD_BYTES;
    read.isKept = true;
    this.#keptBytes += read.sizeBytes;
    this.#kept.push(read);
    while (this.#keptBytes > this.#options.catchUpBytesMax) this.#dropOldest();
    this.#scheduler.after(KEPT_MS, () => {
      this.#drop(read);
    });
  }

  #dropOldest(): void {
    const oldest = this.#kept.shift();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(read: Read): void {
    const { name, partition, offset } = read;
    if (partition.get(offset) === read) partition.delete(offset);
    if (partition.size === 0) this.#partitions.delete(name);
    if (!read.isKept) return;
    read.isKept = false;
    this.#keptBytes -= read.sizeBytes;
    while (this.#kept[0]?.isKept === false) this.#kept.shift();
  }
}

/** The name of a partition, and of the format if it is not the default one. */
export function nameOfSource({ target, format }: ReadSource): string {
  const name = topicPartitionName(target);
  return format === 'default' ? name : `${name} ${format}`;
}
