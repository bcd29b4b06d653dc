/**
 * Reads for those who are behind, each made once for all who are at the same place.
 *
 * Runs end at offsets that are multiples of `RUN_RECORDS_MAX`, so that readers who begin at
 * different offsets soon ask for the same runs: after a broker's restart thousands come back at
 * once, and cost little more than one. Where runs are shared they are kept for a second, for those
 * who are a little later; a reader that is alone leaves nothing behind for the garbage collector to
 * carry around.
 *
 * Bounded: in reads that are under way, and in bytes of runs that are kept.
 */
import type { Broker } from '#broker';
import { type LeaderEpoch, type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import { areRenderedAtOnce, renderRun, renderRunInSlices } from '#record-json';
import { Limiter, type Scheduler } from '#runtime';
import { RecordRun } from './record-run.js';

const RUN_RECORDS_MAX = 1024;
/**
 * Bytes of record batches that are read for a run: about what it shows when records are of 100 B.
 */
const READ_BYTES = 128 * 1024;
/**
 * Who takes fewer records than this reads them for itself, and no more of the log than they may
 * need.
 */
const FEW_RECORDS = 64;
const FEW_READ_BYTES = 8 * 1024;
const KEPT_MS = 1000;
/** A partition where a read was shared is crowded for so long. */
const CROWDED_MS = 5000;
/** Objects, and two numbers a record. */
const RUN_OVERHEAD_BYTES = 512;
const RECORD_OVERHEAD_BYTES = 16;

export interface CatchUpReadsOptions {
  /** Runs kept, in bytes of their JSON. */
  readonly catchUpBytesMax: number;
  /** Reads under way at the same time. */
  readonly catchUpReadsMax: number;
  /** Bytes of JSON in a run; one record always fits. */
  readonly frameBytesMax: number;
}

/** Where a reader is. */
export interface ReadPosition {
  readonly offset: Offset;
  /** In which what comes before was read; absent: nothing was. */
  readonly leaderEpoch?: LeaderEpoch;
}

/** What a read found. */
export interface CaughtUp {
  /** Undefined: there are no records yet. */
  readonly run: RecordRun | undefined;
  /** In which the reader's position was found to be one of the log. */
  readonly leaderEpoch: LeaderEpoch;
}

interface Read {
  readonly target: TopicPartition;
  readonly partition: Map<Offset, Read>;
  readonly offset: Offset;
  /** Of the position that it was made for: only who is there in the same epoch may share it. */
  readonly leaderEpoch: LeaderEpoch | undefined;
  readonly result: Promise<CaughtUp>;
  sizeBytes: number;
  isKept: boolean;
}

export class CatchUpReads {
  readonly #broker: Broker;
  readonly #scheduler: Scheduler;
  readonly #options: CatchUpReadsOptions;
  readonly #limiter: Limiter;
  readonly #partitions = new Map<string, Map<Offset, Read>>();
  /** Partitions, by name, that several read at the same place. */
  readonly #crowded = new Set<string>();
  /** Those that are done, the oldest first. */
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

  /** Reads that were made, and those that were answered with one that was made for another. */
  get counters(): { readonly read: number; readonly shared: number } {
    return { read: this.#readTotal, shared: this.#sharedTotal };
  }

  /**
   * The records from `position` on, as many as a run has.
   * @param position the next offset, and the epoch in which those before it were read, if any were
   * @param recordsMax how many the reader takes; there may be more in what it gets
   * @throws ProtocolError OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE and whatever else a fetch says
   */
  read(target: TopicPartition, position: ReadPosition, recordsMax: number): Promise<CaughtUp> {
    const name = topicPartitionName(target);
    const { offset, leaderEpoch } = position;
    const partition = this.#partitions.get(name) ?? new Map<Offset, Read>();
    const present = partition.get(offset);
    const isShared = present?.leaderEpoch === leaderEpoch;
    if (present !== undefined && isShared) {
      this.#sharedTotal += 1;
      this.#crowd(name);
      return present.result;
    }
    this.#readTotal += 1;
    if (recordsMax < FEW_RECORDS || present !== undefined) {
      return this.#limiter.run(() => this.#read(target, position, recordsMax, FEW_READ_BYTES));
    }
    // Also where it was there: it may have been dropped as its last read was.
    this.#partitions.set(name, partition);
    const leftOfRun = RUN_RECORDS_MAX - (offset % RUN_RECORDS_MAX);
    const result = this.#limiter.run(() => this.#read(target, position, leftOfRun, READ_BYTES));
    const of = { target, partition, offset, leaderEpoch };
    const read: Read = { ...of, result, sizeBytes: 0, isKept: false };
    partition.set(offset, read);
    void this.#keepWhenRead(read);
    return result;
  }

  /** The topic is gone, and another one of its name may come. */
  forget(topic: string): void {
    for (const reads of this.#partitions.values()) {
      for (const read of reads.values()) if (read.target.topic === topic) this.#drop(read);
    }
  }

  async #read(
    target: TopicPartition,
    position: ReadPosition,
    recordsMax: number,
    maxBytes: number,
  ): Promise<CaughtUp> {
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
    const bounds = { topic, partition, offset, recordsMax, bytesMax };
    const rendered = areRenderedAtOnce(result.batches)
      ? renderRun(result.batches, bounds)
      : await renderRunInSlices(result.batches, bounds);
    const source = { topic, partition, highWatermark, leaderEpoch };
    return { run: RecordRun.of(source, offset, rendered.nextOffset, rendered), leaderEpoch };
  }

  /** Never rejects: whoever waits for the read is told. */
  async #keepWhenRead(read: Read): Promise<void> {
    const run = (await read.result.catch(() => undefined))?.run;
    const isWanted = this.#crowded.has(topicPartitionName(read.target));
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
    // The JSON, and once more as the frame that is made of it.
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
    const { target, partition, offset } = read;
    if (partition.get(offset) === read) partition.delete(offset);
    if (partition.size === 0) this.#partitions.delete(topicPartitionName(target));
    if (!read.isKept) return;
    read.isKept = false;
    this.#keptBytes -= read.sizeBytes;
    while (this.#kept[0]?.isKept === false) this.#kept.shift();
  }
}
