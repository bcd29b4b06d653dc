import { isPromise } from '../../../producer/src/index.js';
import { assertArgument, assertOptions, PLACES, SIGNAL_OPTION } from '../connection/checks.js';
import type { LoadModule } from '../connection/load-module.js';
import { ExclusiveUse } from '../exclusive-use.js';
import { loop } from '../loop.js';
import {
  type Position,
  type ReceivedRecord,
  type RecordFormat,
  RecordReader,
  type TopicPartition,
} from '../received-record.js';
import { isRetriable } from '../sluice-error.js';
import type { RecordRun } from '../subscription/record-runs.js';
import { childOf, observed, sleep, withSignal } from '../waiting.js';
import { Assignment } from './assignment.js';
import type { Batch, SignalOption } from './batch.js';
import type { GroupLink, LinkEvents } from './group-link.js';
import { type DoneOffsets, LoopCommits } from './loop-commits.js';
import { assertRun, CONSUMER_RUN, type ConsumerOptions } from './options.js';
import type { OwnedPartition } from './owned-partition.js';
import type { RecordRunner, RunHandler, RunOptions } from './record-runner.js';
import type { TakenRun } from './taken-run.js';

/** Makes the transport of a member. */
export type OpenLink = (details: {
  readonly events: LinkEvents;
  readonly format: RecordFormat | undefined;
  readonly waiting: () => number;
}) => GroupLink;

const COMMIT_ATTEMPTS_MAX = 6;

/**
 * A member of a consumer group. It joins when it is made. Its loop gives batches of the partitions
 * that the group assigns to it.
 *
 * Overlap: one loop or `run` at a time; all other calls may overlap with it.
 */
export class Consumer<K = unknown, V = unknown> implements AsyncIterable<Batch<K, V>> {
  readonly #options: ConsumerOptions<K, V>;
  readonly #reader: RecordReader<K, V>;
  readonly #assignment: Assignment;
  readonly #link: GroupLink;
  readonly #load: LoadModule;
  readonly #onEnd: () => void;
  readonly #use = new ExclusiveUse('consumer');
  readonly #loopCommits = new LoopCommits({
    commit: (offsets) => this.#commitDone(offsets),
    failed: () => this.#assignment.buffer.arrived.notify(),
  });
  #runner: RecordRunner<K, V> | undefined;
  /** The batch that the loop works on. */
  #current:
    | { readonly owned: OwnedPartition; readonly offset: number; readonly highWatermark: number }
    | undefined;

  /**
   * @internal `Sluice.consumer` makes it.
   * @param parts.onEnd called once, when it is closed
   */
  constructor(
    options: ConsumerOptions<K, V>,
    {
      open,
      load,
      onEnd,
    }: { readonly open: OpenLink; readonly load: LoadModule; readonly onEnd: () => void },
  ) {
    this.#options = options;
    this.#load = load;
    this.#onEnd = onEnd;
    this.#reader = new RecordReader(options);
    const { bufferRecords = 1000 } = options;
    this.#assignment = new Assignment({
      listeners: options,
      pausedRecordsMax: Math.ceil(bufferRecords / 4),
      beforeRevoked: (partitions) => this.#commitFinished(partitions),
      release: (partitions) => this.#link.release(partitions),
      failed: (error) => this.#fail(error),
    });
    const { buffer } = this.#assignment;
    this.#link = open({
      events: this.#assignment,
      format: this.#reader.format,
      waiting: () => buffer.records,
    });
  }

  /** Partitions that the member has at present. */
  get assignment(): readonly TopicPartition[] {
    return this.#assignment.all.map(({ target }) => target);
  }

  /** Begins a loop over batches. @throws SluiceError ILLEGAL_STATE while another one reads */
  [Symbol.asyncIterator](): AsyncIterator<Batch<K, V>, undefined> {
    this.#use.begin();
    return loop(
      () => this.#nextBatch(),
      () => {
        this.#use.end();
        this.#putBack();
        void this.#loopCommits.flush();
      },
      this.#options.signal,
    );
  }

  /**
   * Calls the handler for each record, several at a time, and commits what it has handled: in order
   * for each partition. Resolves when the consumer is closed; rejects with the error of a handler
   * or the reason of the signal, after the records that are being handled are done.
   */
  run(handler: RunHandler<K, V>, options: RunOptions = {}): Promise<void> {
    assertRun(handler, options, CONSUMER_RUN);
    this.#use.begin();
    return observed(this.#run(handler, options));
  }

  /** Delivers nothing of these partitions until `resume`. They stay with this member. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const owned of this.#ownedOf(partitions)) owned.isPaused = true;
  }

  /** Delivers paused partitions again. */
  resume(partitions: readonly TopicPartition[]): void {
    for (const owned of this.#ownedOf(partitions)) {
      owned.isPaused = false;
      const { droppedFrom } = owned;
      if (droppedFrom !== undefined) void this.#readDropped(owned, droppedFrom);
    }
    this.#assignment.buffer.arrived.notify();
  }

  /** Continues at another offset of a partition of this member. */
  seek(position: Position, options: SignalOption = {}): Promise<void> {
    this.#assertOpen();
    assertArgument('position', [position], PLACES);
    assertOptions('seek', options, SIGNAL_OPTION);
    const { topic, partition, offset } = position;
    this.#assignment.owned({ topic, partition });
    const sought = this.#link
      .seek({ topic, partition, offset })
      .then(() => this.#runner?.forget({ topic, partition }));
    return observed(withSignal(sought, options.signal));
  }

  /**
   * Commits offsets: the next ones to read. Default: those after the records that the loop or `run`
   * was given.
   */
  commit(offsets?: readonly Position[], options: SignalOption = {}): Promise<void> {
    this.#assertOpen();
    if (offsets !== undefined) assertArgument('offsets', offsets, PLACES);
    assertOptions('commit', options, SIGNAL_OPTION);
    const positions = offsets ?? this.#givenPositions();
    if (positions.length === 0) return Promise.resolve();
    return observed(withSignal(this.#commitAfterLoop(positions), options.signal));
  }

  /**
   * Leaves the group: first it finishes as when all partitions are revoked. A handler of `run` must
   * not await it, because it waits for the handlers.
   */
  close(): Promise<void> {
    return this.#use.close(() => this.#close());
  }

  /** Closes it, as `await using` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#runner?.idle();
    await this.#assignment.surrender();
    await this.#loopCommits.flush();
    await this.#link.close();
    this.#onEnd();
  }

  async #run(handler: RunHandler<K, V>, options: RunOptions): Promise<void> {
    const { controller, release } = childOf(options.signal, this.#use.closing);
    try {
      const { RecordRunner } = await this.#load(() => import('./record-runner.js'));
      const runner = new RecordRunner(handler, options, {
        take: (signal, isWanted) => this.#take(signal, isWanted),
        wake: () => this.#assignment.buffer.arrived.notify(),
        commit: (offsets) => this.#commit(offsets),
        intervalMs: this.#options.autoCommitIntervalMs ?? 1000,
      });
      this.#runner = runner;
      await runner.run(controller);
      options.signal?.throwIfAborted();
      this.#options.signal?.throwIfAborted();
      this.#assignment.buffer.assertNotFailed();
    } finally {
      release();
      this.#runner = undefined;
      this.#use.end();
    }
  }

  async #nextBatch(): Promise<Batch<K, V> | undefined> {
    const last = this.#current;
    if (last !== undefined && !last.owned.isLost && (this.#options.autoCommit ?? true)) {
      const { owned, offset, highWatermark } = last;
      const isBehind = offset < highWatermark || this.#readable(() => true) !== undefined;
      this.#loopCommits.add(owned, offset, isBehind);
    }
    this.#putBack();
    const taken = await this.#take(this.#use.closing);
    return taken === undefined ? undefined : this.#batchOf(taken);
  }

  #batchOf({ owned, records, highWatermark }: TakenRun<K, V>): Batch<K, V> {
    const { topic, partition } = owned;
    const offset = (records.at(-1)?.offset ?? 0) + 1;
    this.#current = { owned, offset, highWatermark };
    return {
      topic,
      partition,
      records,
      highWatermark,
      signal: owned.lost.signal,
      commit: (options = {}) => {
        assertOptions('commit', options, SIGNAL_OPTION);
        const commit = async (): Promise<void> => {
          owned.lost.signal.throwIfAborted();
          await this.#commitAfterLoop([owned.positionAt(offset)]);
        };
        return observed(withSignal(commit(), options.signal));
      },
    };
  }

  /** The loop is done with its batch: a revoked partition may move. */
  #putBack(): void {
    this.#current?.owned.putBack();
    this.#current = undefined;
  }

  /** Returns the next run that may be read; undefined when the signal is aborted. */
  async #take(
    signal: AbortSignal,
    isWanted: (owned: OwnedPartition) => boolean = () => true,
  ): Promise<TakenRun<K, V> | undefined> {
    const { buffer } = this.#assignment;
    for (;;) {
      if (signal.aborted || this.#use.closing.aborted) return undefined;
      buffer.assertNotFailed();
      this.#loopCommits.assertNotFailed();
      const run = this.#readable(isWanted);
      if (run !== undefined) {
        const taken = await this.#read(run);
        if (taken !== undefined) return taken;
        continue;
      }
      await withSignal(buffer.arrived.wait(), signal).catch(() => undefined);
    }
  }

  #readable(isWanted: (owned: OwnedPartition) => boolean): RecordRun | undefined {
    return this.#assignment.buffer.runs.find(({ progress }) => {
      const owned = progress as OwnedPartition;
      return owned.isReadable && isWanted(owned);
    });
  }

  /** Reads the records of a run; undefined when it was dropped meanwhile. */
  async #read(run: RecordRun): Promise<TakenRun<K, V> | undefined> {
    const owned = run.progress as OwnedPartition;
    const { maxPollRecords = 500 } = this.#options;
    const chosen = run.records.slice(run.at, run.at + maxPollRecords);
    const read = chosen.map((json) => this.#reader.read(json));
    const records: ReceivedRecord<K, V>[] = [];
    try {
      for (const record of read) records.push(isPromise(record) ? await record : record);
    } catch (error) {
      // The records before one that cannot be read are given first.
      if (records.length === 0) throw error;
    }
    const { buffer } = this.#assignment;
    if (!buffer.runs.includes(run) || !owned.isReadable) return undefined;
    buffer.stepOver(run, records.length);
    this.#link.read();
    owned.takeOut();
    return { owned, records, highWatermark: run.highWatermark };
  }

  /** Commits after what the loop commits by itself, which has earlier offsets. */
  async #commitAfterLoop(positions: readonly Position[]): Promise<void> {
    await this.#loopCommits.flush();
    await this.#commit(positions);
  }

  /** Commits for the loop; partitions that have moved are not a failure of it. */
  async #commitDone(offsets: DoneOffsets): Promise<void> {
    const isHere = (owned: OwnedPartition): boolean => this.#assignment.get(owned) === owned;
    const done = [...offsets].filter(([owned]) => isHere(owned));
    if (done.length === 0) return;
    try {
      await this.#commit(done.map(([owned, offset]) => owned.positionAt(offset)));
    } catch (error) {
      if (done.every(([owned]) => isHere(owned))) throw error;
    }
  }

  /** A commit may be repeated, so it is, while its failure may pass and the partitions are here. */
  async #commit(positions: readonly Position[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#link.commit(positions);
        break;
      } catch (error) {
        const isHere = positions.every((position) => this.#assignment.get(position) !== undefined);
        if (!isRetriable(error) || !isHere || attempt === COMMIT_ATTEMPTS_MAX) throw error;
        await sleep(Math.random() * 100 * 2 ** attempt);
      }
    }
    for (const { topic, partition, offset } of positions) {
      const owned = this.#assignment.get({ topic, partition });
      if (owned !== undefined) owned.committed = offset;
    }
  }

  #givenPositions(): Position[] {
    const behind = this.#assignment.all.filter(({ given, committed }) => given > committed);
    return behind.filter(({ given }) => given >= 0).map((owned) => owned.positionAt(owned.given));
  }

  /** Commits what the loop or `run` is done with of partitions that are about to move. */
  async #commitFinished(partitions: readonly OwnedPartition[]): Promise<void> {
    await this.#loopCommits.flush();
    await this.#runner?.commitNow(partitions);
  }

  async #readDropped(owned: OwnedPartition, offset: number): Promise<void> {
    // Records that wait are read again, too: a seek drops them.
    const run = this.#assignment.buffer.runs.find(({ progress }) => progress === owned);
    const first = run?.records[run.at]?.offset ?? offset;
    try {
      await this.#link.seek({ ...owned.target, offset: first });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws SluiceError unless the member has all of these partitions */
  #ownedOf(partitions: readonly TopicPartition[]): OwnedPartition[] {
    this.#assertOpen();
    assertArgument('partitions', partitions, PLACES);
    return partitions.map((target) => this.#assignment.owned(target));
  }

  #assertOpen(): void {
    this.#use.closing.throwIfAborted();
  }

  #fail(error: unknown): void {
    this.#assignment.buffer.fail(error);
  }
}
