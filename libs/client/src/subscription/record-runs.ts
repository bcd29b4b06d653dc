import type { Position, RecordJson } from '../received-record.js';
import { Signal } from '../waiting.js';

/** Progress of a reader in one partition. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  /** Offset after the last record that arrived. */
  received: number;
  /** Offset after the last record that the program was given. */
  given: number;
  /** Leader epoch in which the records before `received` were read; undefined if unknown. */
  leaderEpoch: number | undefined;
}

/** Consecutive records of a partition that arrived together. */
export interface RecordRun {
  readonly progress: PartitionProgress;
  readonly records: readonly RecordJson[];
  readonly highWatermark: number;
  /** Index of the first record that the program was not given yet. */
  at: number;
}

/** The progress of all partitions of a reader. */
export class ProgressTable {
  /** Ids of the topics, or their first characters, by name: look for own members only. */
  readonly topicIds: Record<string, string> = {};
  readonly #partitions = new Map<string, PartitionProgress>();

  get size(): number {
    return this.#partitions.size;
  }

  get(topic: string, partition: number): PartitionProgress | undefined {
    return this.#partitions.get(`${topic}:${partition}`);
  }

  all(): PartitionProgress[] {
    return [...this.#partitions.values()];
  }

  /** Adds a partition, or moves it. */
  place({ topic, partition, offset, leaderEpoch }: Position): PartitionProgress {
    const found = this.get(topic, partition);
    if (found === undefined) {
      const added = { topic, partition, received: offset, given: offset, leaderEpoch };
      this.#partitions.set(`${topic}:${partition}`, added);
      return added;
    }
    found.received = offset;
    found.leaderEpoch = leaderEpoch;
    return found;
  }

  remove(topic: string, partition: number): void {
    this.#partitions.delete(`${topic}:${partition}`);
  }

  /** Positions after what was given to the program, or after what arrived. */
  positions(of: 'given' | 'received'): Position[] {
    return this.all().map((progress) => {
      const { topic, partition, leaderEpoch } = progress;
      const position = { topic, partition, offset: progress[of] };
      return leaderEpoch === undefined ? position : { ...position, leaderEpoch };
    });
  }
}

/** Runs that arrived and that the program has not read, in the order of their arrival. */
export class RunBuffer {
  /** Notified when runs or a failure arrive. */
  readonly arrived = new Signal();
  /** Notified when the program has read. */
  readonly read = new Signal();
  #runs: RecordRun[] = [];
  #records = 0;
  #failure: { readonly error: unknown } | undefined;

  /** Number of records that wait. */
  get records(): number {
    return this.#records;
  }

  get runs(): readonly RecordRun[] {
    return this.#runs;
  }

  /** Adds the records that did not arrive before. */
  push(progress: PartitionProgress, records: readonly RecordJson[], highWatermark: number): void {
    const isNew = records.findIndex(({ offset }) => offset >= progress.received);
    if (isNew === -1) return;
    const fresh = isNew === 0 ? records : records.slice(isNew);
    progress.received = (fresh.at(-1)?.offset ?? 0) + 1;
    this.#runs.push({ progress, records: fresh, highWatermark, at: 0 });
    this.#records += fresh.length;
    this.arrived.notify();
  }

  /** Ends the buffer: after the records that wait, the program gets the error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.arrived.notify();
  }

  /** @throws the error of `fail` */
  assertNotFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Returns the first run that the program has not read to its end. */
  first(): RecordRun | undefined {
    return this.#runs[0];
  }

  /** Counts the next record of the first run as read. */
  step(run: RecordRun): void {
    const record = run.records[run.at];
    if (record !== undefined) run.progress.given = record.offset + 1;
    run.at += 1;
    this.#records -= 1;
    if (run.at === run.records.length) this.#runs.shift();
    this.read.notify();
  }

  /** Counts records at the front of a run as read. */
  stepOver(run: RecordRun, count: number): void {
    run.at += count;
    this.#records -= count;
    const last = run.records[run.at - 1];
    if (last !== undefined) run.progress.given = last.offset + 1;
    if (run.at === run.records.length) this.#remove(run);
    this.read.notify();
  }

  /** Drops the records of a partition that wait. */
  drop(progress: PartitionProgress): void {
    for (const run of this.#runs) {
      if (run.progress !== progress) continue;
      this.#records -= run.records.length - run.at;
      this.#remove(run);
    }
    this.read.notify();
  }

  #remove(run: RecordRun): void {
    this.#runs = this.#runs.filter((other) => other !== run);
  }
}
