import { ProtocolError, type TopicConfig } from '#protocol';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { LogManager } from '../data-dir/log-manager.js';
import type { AppendResult } from '../log/append-round.js';
import { silentLogObserver } from '../log/observer.js';
import type { Log } from '../log.js';
import { RecordBatch } from '../record-batch/record-batch.js';
import { type HistoryBatch, HistoryModel, type ObservedLog, violated } from './history-model.js';
import { HistoryProducer } from './history-producers.js';
import { openLogs, TOPIC, TOPIC_ID } from './log-fixture.js';
import { checkReads, checkTimes, isStorageError, observeLog } from './observe-log.js';
import type { PlainRecord } from './record-sets.js';
import { testBatch } from './test-batches.js';

/**
 * Kind of a broker's death: `killed` alone, or with its machine: unsynced bytes are then `lost`, or
 * `torn`, a random part of them.
 */
export type CrashMode = 'lost' | 'torn' | 'killed';

export interface WorldOptions {
  readonly seed: number;
  readonly config: TopicConfig;
  readonly batchesRemembered: number;
  readonly tailCacheBytes: number;
  readonly compactionMapBytes: number;
}

/** A batch that was sent and not answered yet. */
interface Attempt {
  readonly batch: HistoryBatch;
  /** The log stamps offset and epoch into these. */
  readonly bytes: Buffer;
}

const PRODUCERS = 3;
const STARTS_MAX = 20;
/** Greatest number of crashes during starts. */
const CRASHES_AMID_STARTS_MAX = 4;

/**
 * One partition on a fake disk with everything that can be done to it, checked against a
 * `HistoryModel`. The high watermark follows the synced end, as on a single broker, unless it is
 * held. Every method starts the broker first when it has crashed.
 */
export class HistoryWorld {
  readonly #model: HistoryModel;
  readonly #disk: FakeDisk;
  readonly #random: SeededRandom;
  readonly #clock = new FakeClock();
  readonly #producers: readonly HistoryProducer[];
  #scheduler = new FakeScheduler(this.#clock);
  /** Undefined from a crash to the next start. */
  #manager: LogManager | undefined;
  #log: Log | undefined;
  /** Counts the lives of the broker: what a dead one answers is not heard. */
  #life = 0;
  #died: () => void = () => undefined;
  #death: Promise<void> = Promise.resolve();
  #isCreated = false;
  #leaderEpoch = 1;
  /** The log has it for certain, also after a crash. */
  #assignedEpoch = 0;
  #isHighWatermarkHeld = false;
  /** The highest that a reader may have seen: nothing below is ever cut. */
  #highWatermark = 0;
  /** Records below may have been deleted because that was asked for. */
  #deletedTo = 0;
  readonly #attempts = new Set<Attempt>();
  #operationsToCrash = Number.POSITIVE_INFINITY;
  #crashMode: CrashMode = 'torn';
  /** The first violation that was found while no call waited. */
  #violation: unknown;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;

    this.#model = new HistoryModel(options.config);
    this.#random = new SeededRandom(options.seed);
    this.#producers = Array.from({ length: PRODUCERS }, (_, i) => new HistoryProducer(100 + i));
    this.#disk = new FakeDisk({
      random: this.#random,
      onOperation: () => {
        this.#operationsToCrash -= 1;
        if (this.#operationsToCrash <= 0) this.#die();
      },
    });
  }

  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** The broker dies, now. */
  crash(mode: CrashMode): void {
    this.#crashMode = mode;
    if (this.#manager !== undefined) this.#die();
  }

  /** The crash occurs at the n-th call to the disk from now on. */
  crashAfter(operations: number, mode: CrashMode): void {
    this.#operationsToCrash = operations;
    this.#crashMode = mode;
  }

  /** A clean stop; the next call starts the broker. */
  async stop(): Promise<void> {
    await this.settle();
    const manager = this.#manager;
    if (manager === undefined || !(await this.#isDone(() => manager.close()))) return;
    this.#end();
  }

  /** Waits until no call is in progress. A log that accepts no writes is restarted by a crash. */
  async settle(): Promise<void> {
    await this.#scheduler.settle();
    if (this.#log?.isWritable === false) this.crash('torn');
    await this.#started();
  }

  /** Advances the calls in progress by a few steps. */
  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
  }

  async advance(ms: number): Promise<void> {
    await this.#started();
    await this.#scheduler.advance(ms);
    await this.settle();
  }

  /** Appends batches of new records in one call; does not wait for the answer. */
  async append(batches: readonly (readonly PlainRecord[])[]): Promise<void> {
    const log = await this.#started();
    const added = batches.map((records) => this.#model.add(records));
    this.#send(log, added, (batch, error) => {
      if (outcomeOf(error) === 'failed') this.#failed(batch, error);
      else batch.fate = 'unknown';
    });
  }

  /** Appends a producer's next batch, or one that it must send again; does not wait. */
  async appendIdempotent(producer: number, records: readonly PlainRecord[]): Promise<void> {
    const log = await this.#started();
    const again = this.#producer(producer).takeUnknown();
    if (again === undefined) this.#sendNew(log, this.#producer(producer), records);
    else this.#sendAgain(log, this.#producer(producer), again);
  }

  /** Sends a batch once more that was acknowledged: it must be answered as before. */
  async resend(producer: number, back: number): Promise<void> {
    await this.settle();
    await this.holdHighWatermark(false);
    const log = await this.#started();
    const batch = this.#producer(producer).doneBefore(back);
    if (batch === undefined) return;
    let result: AppendResult | undefined;
    const isDone = await this.#isDone(async () => {
      const bytes = testBatch(batch.records, batch.producer);
      try {
        result = await log.writer.append([bytes], { leaderEpoch: this.#leaderEpoch });
      } catch (error) {
        const newer = this.#producer(producer).newerThan(batch);
        const isForgotten =
          outcomeOf(error) === 'applied' && newer >= this.#options.batchesRemembered;
        // Batches before a damaged one of the producer are not remembered.
        const isUnknown = outcomeOf(error) === 'unknown' && log.damage.ranges.length > 0;
        if (!isForgotten && !isUnknown) throw error;
      }
    });
    if (!isDone || result === undefined) return;
    if (!result.isDuplicate || result.baseOffset !== batch.baseOffset) {
      violated(`batch ${batch.id} at ${batch.baseOffset} was appended again, ${result.baseOffset}`);
    }
  }

  async roll(): Promise<void> {
    await this.settle();
    const log = await this.#started();
    await this.#isDone(() => log.roll());
  }

  async beginLeaderEpoch(): Promise<void> {
    await this.settle();
    const log = await this.#started();
    this.#leaderEpoch += 1;
    const isAssigned = await this.#isDone(() => log.leadership.assignEpoch(this.#leaderEpoch));
    if (isAssigned) this.#assignedEpoch = this.#leaderEpoch;
  }

  /** While it is held the high watermark stays, as when followers do not answer. */
  async holdHighWatermark(isHeld: boolean): Promise<void> {
    const log = await this.#started();
    this.#isHighWatermarkHeld = isHeld;
    this.#moveHighWatermark(log);
  }

  /** Cuts the log at most `back` offsets before its end, not below the high watermark. */
  async truncate(back: number): Promise<void> {
    await this.settle();
    const log = await this.#started();
    const offset = Math.max(this.#highWatermark, log.offsets.logEnd - back);
    // A replica with damage is not truncated: it fetches everything again.
    if (offset >= log.offsets.logEnd || log.damage.ranges.length > 0) return;
    this.#model.truncate(offset, false);
    this.#assignedEpoch = 0;
    // The producers' clients lost acknowledged records: they begin a new epoch.
    for (const producer of this.#producers) producer.bumpEpoch();
    if (!(await this.#isDone(() => log.trimmer.truncateTo(offset)))) return;
    if (log.offsets.logEnd > offset) {
      violated(`cut at ${offset}, the log ends at ${log.offsets.logEnd}`);
    }
    this.#model.truncate(log.offsets.logEnd, true);
  }

  /** Deletes a share of the records below the high watermark. */
  async deleteRecords(share: number): Promise<void> {
    await this.settle();
    const log = await this.#started();
    const { logStart, highWatermark } = log.offsets;
    const offset = logStart + Math.floor((highWatermark - logStart) * share);
    this.#deletedTo = Math.max(this.#deletedTo, offset);
    if (!(await this.#isDone(() => log.trimmer.deleteRecordsBefore(offset)))) return;
    this.#model.logStart = Math.max(this.#model.logStart, offset);
  }

  /** The next write to the log finds no room after some bytes. */
  diskFull(afterBytes: number): void {
    this.#disk.failNext('writev', 'ENOSPC', { path: '.log', afterBytes });
  }

  /** The next sync of the log fails. */
  syncFails(): void {
    this.#disk.failNext('datasync', 'EIO', { path: '.log' });
  }

  /**
   * Compares the log with the model: every record, and reads from some offsets and by some times.
   */
  async check(): Promise<void> {
    await this.settle();
    const log = await this.#started();
    const operationsToCrash = this.#operationsToCrash;
    this.#operationsToCrash = Number.POSITIVE_INFINITY;
    const seen = await observeLog(log, this.nowMs);
    if (this.#violation !== undefined) throw this.#violation;
    if (this.#attempts.size > 0 && !this.#isHighWatermarkHeld) violated('an append has no answer');
    this.#checkRetention(seen);
    this.#model.check(seen);
    this.#model.logStart = seen.logStart;
    for (const producer of this.#producers) producer.settle();
    await checkReads(log, seen, this.#random);
    await checkTimes(log, seen, this.#random);
    this.#operationsToCrash = operationsToCrash;
  }

  /** Checks that no record was deleted without a request before its retention ended. */
  #checkRetention(seen: ObservedLog): void {
    const { config } = this.#options;
    const from = Math.max(this.#model.logStart, this.#deletedTo);
    if (seen.logStart <= from) return;
    if (!config['cleanup.policy'].includes('delete')) {
      violated('records were deleted for no reason');
    }
    // Retention by size has no rule for a single record, and compacted records do not count in
    // their segment.
    if (config['retention.bytes'] >= 0 || config['cleanup.policy'] !== 'delete') return;
    const youngest = this.nowMs - config['retention.ms'];
    for (const { id, baseOffset = -1, records, fate } of this.#model.batches) {
      const isDeleted = baseOffset >= from && baseOffset < seen.logStart;
      if (!isDeleted || fate !== 'acknowledged') continue;
      const isYoung = records.some(({ timestamp = 0 }) => timestamp >= youngest);
      if (isYoung) violated(`batch ${id} was deleted before retention.ms`);
    }
  }

  #producer(index: number): HistoryProducer {
    return this.#producers[index % PRODUCERS] as HistoryProducer;
  }

  #sendNew(log: Log, producer: HistoryProducer, records: readonly PlainRecord[]): void {
    const isInOrder = producer.isInOrder;
    const batch = this.#model.add(records, producer.take(records.length));
    this.#send(log, [batch], (_, error) => {
      if (outcomeOf(error) === 'failed') {
        this.#failed(batch, error);
        if (isStorageError(error)) {
          producer.failed(batch);
        } else if (isInOrder) {
          violated(`batch ${batch.id}: ${String(error)}`);
        } else if (producer.isOurs(batch)) {
          // A batch that was sent before it has failed: like a client, it begins again.
          producer.bumpEpoch();
        }
      } else {
        batch.fate = 'unknown';
        producer.unknown(batch);
      }
    });
  }

  #sendAgain(log: Log, producer: HistoryProducer, batch: HistoryBatch): void {
    this.#send(log, [batch], (_, error) => {
      // That this try has failed says nothing of the first.
      if (outcomeOf(error) === 'applied') producer.applied(batch);
      else producer.unknown(batch);
    });
  }

  #send(
    log: Log,
    batches: readonly HistoryBatch[],
    refused: (batch: HistoryBatch, error: unknown) => void,
  ): void {
    const life = this.#life;
    const leaderEpoch = this.#leaderEpoch;
    const attempts = batches.map((batch) => {
      batch.leaderEpochs.add(leaderEpoch);
      return { batch, bytes: testBatch(batch.records, batch.producer) };
    });
    for (const attempt of attempts) this.#attempts.add(attempt);
    const buffers = attempts.map(({ bytes }) => bytes);
    const answered = (answer: (batch: HistoryBatch) => void): void => {
      if (this.#life !== life) return;
      for (const attempt of attempts) {
        this.#attempts.delete(attempt);
        // A truncation may have happened first: the records that it removed get no answer.
        if (attempt.batch.fate === 'gone') continue;
        try {
          answer(attempt.batch);
        } catch (error) {
          this.#violation ??= error;
        }
      }
    };
    const acknowledged = ({ baseOffset }: AppendResult): void => {
      let offset = baseOffset;
      answered((batch) => {
        this.#acknowledge(batch, offset);
        offset += batch.records.length;
      });
    };
    log.writer.append(buffers, { leaderEpoch }).then(acknowledged, (error: unknown) => {
      answered((batch) => refused(batch, error));
    });
  }

  #acknowledge(batch: HistoryBatch, baseOffset: number): void {
    this.#model.acknowledge(batch, baseOffset);
    for (const producer of this.#producers) producer.done(batch);
  }

  #failed(batch: HistoryBatch, error: unknown): void {
    if (batch.fate === 'acknowledged') {
      violated(`batch ${batch.id}: ${String(error)}, and was seen`);
    }
    batch.fate = 'failed';
  }

  #moveHighWatermark(log: Log): void {
    if (this.#isHighWatermarkHeld) return;
    const end = log.offsets.syncedEnd;
    // A reader sees them from now on, also if their answers never come.
    for (const { batch, bytes } of this.#attempts) {
      const stamped = new RecordBatch(bytes);
      const isShown = stamped.leaderEpoch > 0 && stamped.nextOffset <= end;
      if (isShown && batch.fate === 'pending') this.#acknowledge(batch, stamped.baseOffset);
    }
    this.#highWatermark = Math.max(this.#highWatermark, end);
    log.updateHighWatermark(end);
  }

  /** True when the task was done: not when the broker died meanwhile or the disk refused. */
  async #isDone(task: () => Promise<unknown>): Promise<boolean> {
    const life = this.#life;
    const outcome = task().then(
      () => 'done' as const,
      (error: unknown) => ({ error }),
    );
    const first = await Promise.race([outcome, this.#death.then(() => 'dead' as const)]);
    if (this.#life !== life || first === 'dead') return false;
    if (first === 'done') return true;
    if (isStorageError(first.error)) return false;
    throw first.error;
  }

  #die(): void {
    this.#operationsToCrash = Number.POSITIVE_INFINITY;
    if (this.#crashMode === 'killed') this.#disk.kill();
    else this.#disk.crash({ random: this.#crashMode === 'lost' ? undefined : this.#random });
    this.#end();
  }

  /** This life of the broker is over. */
  #end(): void {
    this.#life += 1;
    this.#manager = undefined;
    this.#log = undefined;
    this.#died();
    for (const { batch } of this.#attempts) {
      if (batch.fate === 'pending') batch.fate = 'unknown';
      if (batch.fate !== 'unknown') continue;
      for (const producer of this.#producers) producer.unknown(batch);
    }
    this.#attempts.clear();
  }

  /** The log of a broker that runs. Started after a crash it is checked first. */
  async #started(): Promise<Log> {
    for (let starts = 0; starts < STARTS_MAX; starts += 1) {
      if (this.#log !== undefined) return this.#log;
      if (starts > CRASHES_AMID_STARTS_MAX) this.#operationsToCrash = Number.POSITIVE_INFINITY;
      await this.#start();
      if (this.#log !== undefined) await this.check();
    }
    return violated('the broker does not start');
  }

  async #start(): Promise<void> {
    this.#disk.clearFaults();
    this.#scheduler = new FakeScheduler(this.#clock);
    this.#death = new Promise((resolve) => {
      this.#died = resolve;
    });
    const life = this.#life;
    try {
      const manager = await this.#open();
      const log =
        manager.log(TOPIC) ??
        (this.#isCreated
          ? violated('the log has vanished')
          : await manager.createLog(TOPIC, TOPIC_ID, this.#options.config));
      if (this.#life !== life) return;
      this.#isCreated = true;
      this.#begin(manager, log);
    } catch (error) {
      if (this.#life === life) throw error;
    }
  }

  async #open(): Promise<LogManager> {
    const { batchesRemembered, tailCacheBytes, compactionMapBytes } = this.#options;
    const ports = {
      fileSystem: this.#disk.mount(),
      clock: this.#clock,
      scheduler: this.#scheduler,
    };
    const manager = await openLogs('/data', ports, silentLogObserver, {
      producerBatchesRemembered: batchesRemembered,
      tailCacheBytes,
      compactionMapBytes,
      compactionBytesPerSecond: 1e12,
      openFilesMax: 4,
    });
    for (const [name, reason] of manager.unopenedLogs) {
      violated(`${name} was not opened: ${String(reason)}`);
    }
    return manager;
  }

  #begin(manager: LogManager, log: Log): void {
    log.updateConfig(this.#options.config);
    if (!log.isWritable) violated(`the log takes no writes after a start: ${log.failure}`);
    const { latestEpoch: latestLeaderEpoch = 0 } = log.leadership;
    if (latestLeaderEpoch < this.#assignedEpoch) {
      violated(`epoch ${this.#assignedEpoch} is forgotten`);
    }
    // Rounds are synced with their write, or after it while followers fetch from a leader.
    log.writer.onLogEnd({
      isWanted: () => this.#leaderEpoch % 2 === 1,
      moved: () => undefined,
    });
    log.writer.onSyncedEnd(() => {
      if (this.#log === log) this.#moveHighWatermark(log);
    });
    this.#manager = manager;
    this.#log = log;
    this.#moveHighWatermark(log);
  }
}

function outcomeOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.outcome;
  throw error;
}
