import type { Position, ReceivedRecord, TopicPartition } from '../received-record.js';
import { Signal, sleep } from '../waiting.js';
import { type HandledEntry, HandledOffsets } from './handled-offsets.js';
import type { OwnedPartition } from './owned-partition.js';
import type { TakenRun } from './taken-run.js';

/** Handles a record; `Consumer.run` commits its offset when the handler resolves. */
export type RunHandler<K = unknown, V = unknown> = (
  record: ReceivedRecord<K, V>,
  /** `signal` is aborted when another member has the partition, and when the run ends. */
  context: { readonly signal: AbortSignal },
) => unknown;

/** Options of `Consumer.run`. */
export interface RunOptions {
  /** Records that are handled at a time. Default: 1. */
  readonly concurrency?: number | undefined;
  /** Records that are handled one after the other: those of a partition, or of a key. */
  readonly ordering?: 'partition' | 'key' | undefined;
  /** Ends the run. */
  readonly signal?: AbortSignal | undefined;
}

/** The consumer, as its runner uses it. */
export interface RunnerPort<K, V> {
  /** Returns records of a partition that is wanted; undefined when the signal is aborted. */
  take(
    signal: AbortSignal,
    isWanted: (owned: OwnedPartition) => boolean,
  ): Promise<TakenRun<K, V> | undefined>;
  /** Lets `take` look again at the partitions. */
  wake(): void;
  commit(offsets: readonly Position[]): Promise<void>;
  /** Time between commits, ms. */
  readonly intervalMs: number;
}

interface Task<K, V> {
  readonly record: ReceivedRecord<K, V>;
  readonly entry: HandledEntry;
  readonly run: WorkingRun;
}

interface WorkingRun {
  readonly owned: OwnedPartition;
  readonly offsets: HandledOffsets;
  readonly signal: AbortSignal;
  /** Records that are neither handled nor dropped. */
  left: number;
}

/** Runs of one partition that are worked on at a time, so that none takes all the room. */
const RUNS_PER_PARTITION = 2;
const QUEUED_RECORDS_MAX = 2000;

/**
 * Calls a handler for records. Records of a lane (a partition or a key) are handled one after the
 * other; lanes overlap, up to the concurrency.
 *
 * Overlap: handlers overlap; commits come one after the other.
 */
export class RecordRunner<K, V> {
  readonly #handler: RunHandler<K, V>;
  readonly #port: RunnerPort<K, V>;
  readonly #concurrency: number;
  readonly #byKey: boolean;
  /** Tasks that wait, by lane; a lane is here from its first task until its last one is done. */
  readonly #lanes = new Map<string, Task<K, V>[]>();
  /** Lanes whose first task may begin. */
  #ready: string[] = [];
  readonly #offsets = new Map<OwnedPartition, HandledOffsets>();
  readonly #runs = new Map<OwnedPartition, number>();
  readonly #changed = new Signal();
  #queued = 0;
  #running = 0;
  #controller = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(handler: RunHandler<K, V>, options: RunOptions, port: RunnerPort<K, V>) {
    this.#handler = handler;
    this.#port = port;
    this.#concurrency = options.concurrency ?? 1;
    this.#byKey = options.ordering === 'key';
  }

  /** @throws the error of a handler, or of a commit */
  async run(controller: AbortController): Promise<void> {
    this.#controller = controller;
    const { signal } = controller;
    const commits = this.#commitRegularly(signal);
    try {
      while (!signal.aborted) {
        const taken = await this.#port.take(signal, (owned) => this.#isWanted(owned));
        if (taken === undefined) break;
        this.#add(taken);
        while (this.#queued >= QUEUED_RECORDS_MAX && !signal.aborted) await this.#changed.wait();
      }
    } catch (error) {
      this.#fail(error);
    }
    controller.abort();
    await this.idle();
    await commits;
    try {
      await this.commitNow();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when no handler runs any more. None begins once the run must end. */
  async idle(): Promise<void> {
    while (this.#running > 0) await this.#changed.wait();
    for (const lane of this.#lanes.values()) for (const task of lane) this.#finish(task.run);
    this.#lanes.clear();
    this.#ready = [];
  }

  /** Commits what is handled, of some partitions or of all. @throws SluiceError */
  commitNow(partitions?: readonly OwnedPartition[]): Promise<void> {
    const commit = async (): Promise<void> => {
      const offsets = [...this.#offsets].flatMap(([owned, { committable }]) => {
        const isChosen = partitions === undefined || partitions.includes(owned);
        if (!isChosen || owned.isLost || committable === undefined) return [];
        return committable > owned.committed ? [owned.positionAt(committable)] : [];
      });
      if (offsets.length > 0) await this.#port.commit(offsets);
    };
    const committed = this.#committing.then(commit);
    this.#committing = committed.catch(() => undefined);
    return committed;
  }

  /** The program sought another position: what was read before does not count. */
  forget(target: TopicPartition): void {
    for (const owned of this.#offsets.keys()) {
      if (owned.topic === target.topic && owned.partition === target.partition) {
        this.#offsets.delete(owned);
      }
    }
  }

  #isWanted(owned: OwnedPartition): boolean {
    return (this.#runs.get(owned) ?? 0) < RUNS_PER_PARTITION;
  }

  #add({ owned, records }: TakenRun<K, V>): void {
    const offsets = this.#offsets.get(owned) ?? new HandledOffsets();
    this.#offsets.set(owned, offsets);
    this.#runs.set(owned, (this.#runs.get(owned) ?? 0) + 1);
    const signal = AbortSignal.any([owned.lost.signal, this.#controller.signal]);
    const run = { owned, offsets, signal, left: records.length };
    for (const record of records) {
      this.#enqueue({ record, entry: offsets.add(record.offset), run });
    }
    this.#start();
  }

  #enqueue(task: Task<K, V>): void {
    const name = this.#laneOf(task.record);
    const lane = this.#lanes.get(name);
    this.#queued += 1;
    if (lane !== undefined) {
      lane.push(task);
      return;
    }
    this.#lanes.set(name, [task]);
    this.#ready.push(name);
  }

  #laneOf({ topic, partition, key, offset }: ReceivedRecord<K, V>): string {
    if (!this.#byKey) return `${topic}:${partition}`;
    // Records without a key are in no order.
    if (key === null) return `${topic}:${partition}:${offset}`;
    return `${topic}:${partition}:${typeof key === 'string' ? key : JSON.stringify(key)}:key`;
  }

  #start(): void {
    while (this.#running < this.#concurrency && !this.#controller.signal.aborted) {
      const name = this.#ready.shift();
      if (name === undefined) return;
      const task = this.#lanes.get(name)?.shift();
      if (task === undefined) {
        this.#lanes.delete(name);
        continue;
      }
      this.#running += 1;
      void this.#handle(task).finally(() => {
        this.#running -= 1;
        this.#ready.push(name);
        this.#start();
        this.#changed.notify();
      });
    }
  }

  /** Never rejects. */
  async #handle({ record, entry, run }: Task<K, V>): Promise<void> {
    const { owned, offsets, signal } = run;
    try {
      // A record that was revoked before its turn is the next owner's.
      const isVoid = owned.isLost || owned.isRevoking || this.#offsets.get(owned) !== offsets;
      if (!isVoid) {
        await this.#handler(record, { signal });
        offsets.handled(entry);
      }
    } catch (error) {
      if (!owned.isLost) this.#fail(error);
    }
    this.#finish(run);
  }

  #finish(run: WorkingRun): void {
    this.#queued -= 1;
    run.left -= 1;
    if (run.left > 0) return;
    const { owned } = run;
    const left = (this.#runs.get(owned) ?? 1) - 1;
    if (left === 0) this.#runs.delete(owned);
    else this.#runs.set(owned, left);
    if (owned.isLost) this.#offsets.delete(owned);
    owned.putBack();
    this.#port.wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#controller.abort();
    this.#changed.notify();
  }

  async #commitRegularly(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#port.intervalMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.commitNow().catch((error: unknown) => this.#fail(error));
    }
  }
}
