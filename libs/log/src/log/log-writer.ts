import { type LeaderEpoch, type LogEndOffset, type Offset, type SyncedEndOffset } from '#protocol';
import { DiskReserveError, type FileHandle, isShortageBeforeSync, SerialQueue } from '#runtime';
import type { RecordBatch } from '../record-batch/record-batch.js';
import type { LogSegment } from '../segment/segment.js';
import {
  type AppendResult,
  AppendRound,
  batchesToAppend,
  type PendingAppend,
} from './append-round.js';
import { DuplicateAnswers } from './duplicate-answers.js';
import type { LogEnvironment, LogState } from './log-state.js';
import { RolledSegments } from './rolled-segments.js';
import { type RoundFailure, RoundStorage } from './round-storage.js';
import { SegmentRoller, takeProducerSnapshot } from './segment-roller.js';
import {
  closedLogError,
  failedWriteError,
  notLeadingError,
  writesOfflineError,
} from './storage-error.js';

/** Reason of a log that is offline because of a bug and not of the disk. */
const UNEXPECTED = 'an unexpected fault';
const FAILURE_WARNING_INTERVAL_MS = 60_000;

/** Learns of the end of a log. */
export interface LogEndListener {
  /** True while the log end is of use before it is synced: followers fetch from this log. */
  isWanted(): boolean;
  moved(): void;
}

/**
 * Appends to a log by group commit.
 *
 * A round is one `writev` and, with `fsync` durability, one `datasync`; both are one call where the
 * system has it and no follower fetches from the log. Appends that arrive during a round wait for
 * the next one, which takes them together. A round begins as a microtask, so that all appends of
 * one task are in it. The accumulator calls `append` at the end of a turn of the event loop, so a
 * round does not wait for further appends. While followers fetch, the log end is ahead of the
 * synced end between the write and the end of the sync.
 *
 * With many partitions nearly every request has a round of its own: the path of a round avoids
 * closures and promises.
 *
 * After a failed write the file is cut back and synced and the producer state is reverted. The log
 * is as before, and the next round may succeed. When that fails, or a sync fails, the log goes
 * *offline*: the content of the disk is unknown, and a repeated sync may succeed without having
 * written, because the kernel forgets pages that it failed to write. Reads continue.
 *
 * Overlap: all calls may overlap. Everything that changes the log runs in one lane, one task after
 * the other: `exclusive` puts a task of another class into it.
 */
export class LogWriter {
  readonly #lane = new SerialQueue();
  readonly #rolled: RolledSegments;
  /** Begins new segments; used in the lane only. */
  readonly roller: SegmentRoller;
  readonly #storage: RoundStorage;
  readonly #duplicates = new DuplicateAnswers();
  readonly #syncedEndListeners: ((end: SyncedEndOffset) => void)[] = [];
  #logEndListener: LogEndListener | undefined;
  #pending: PendingAppend[] = [];
  /** True when a round is scheduled or running. */
  #isRoundUnderWay = false;
  #isStopped = false;
  #whenIdle: (() => void)[] = [];
  /** Writes that failed since the last line about one. */
  #failuresUnlogged = 0;
  #nextWarningMs = Number.NEGATIVE_INFINITY;
  readonly #runRound = (): Promise<void> => this.#round();
  readonly #log: LogState;
  readonly #environment: LogEnvironment;

  constructor(log: LogState, environment: LogEnvironment) {
    this.#log = log;
    this.#environment = environment;

    this.#storage = new RoundStorage(log, environment, (round) => this.#written(round));
    this.#rolled = new RolledSegments(log, environment, {
      onFlushed: () => this.#advanceRecoveryPoint(),
      onSyncFailed: (cause) => this.goOffline('a sync failed', cause),
    });
    this.roller = new SegmentRoller(log, environment, {
      syncsWrites: () => this.#syncsWrites,
      onRolled: (segment) => this.#rolled.add(segment),
      onSyncFailed: (cause) => this.goOffline('a sync of its directory failed', cause),
    });
  }

  /**
   * Appends batches as the leader: stamps offsets and the epoch into their bytes, which the caller
   * must not touch until this settles. The batches of a call are written consecutively, or none is.
   * A batch with a producer id must come alone; a retry of one is answered with the first offsets
   * once those are below the high watermark. Resolves when they are durable. Rejects with
   * ProtocolError: KAFKA_STORAGE_ERROR (failed, or unknown after a failed sync),
   * INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER,
   * LEADER_NOT_AVAILABLE for an epoch that has ended.
   */
  append(
    buffers: readonly Buffer[],
    { leaderEpoch }: { readonly leaderEpoch: LeaderEpoch },
  ): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      if (this.#log.failure !== undefined) throw writesOfflineError(this.#log.failure, 'failed');
      if (this.#isStopped) throw closedLogError();
      if (this.#log.role !== 'leader') throw notLeadingError();
      const batches = batchesToAppend(buffers, this.#environment.unpacker);
      let sizeBytes = 0;
      for (const bytes of buffers) sizeBytes += bytes.length;
      this.#pending.push({ batches, leaderEpoch, sizeBytes, resolve, reject });
      this.#askForRound();
    });
  }

  /** Calls `listener` whenever the synced end has moved, before the appends are answered. */
  onSyncedEnd(listener: (end: SyncedEndOffset) => void): void {
    this.#syncedEndListeners.push(listener);
  }

  /** Tells `listener` of every write, before its sync while it asks for that. One listener. */
  onLogEnd(listener: LogEndListener): void {
    this.#logEndListener = listener;
  }

  /**
   * Refuses all appends from now on, including waiting ones and retries of batches that may still
   * be lost. The current round is answered when it ends.
   */
  stopLeading(): void {
    this.#log.role = 'follower';
    this.#rejectPending(notLeadingError());
    this.#duplicates.rejectFrom(0, notLeadingError('unknown'));
  }

  /** True when the log is being closed or deleted; nothing may be written then. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Writes batches unchanged, in the lane of a follower. They must follow the log end and fit into
   * the active segment. They are synced when it resolves.
   */
  async writeCopies(batches: readonly RecordBatch[]): Promise<void> {
    const { active } = this.#log.segments;
    const handle = await this.#acquired(active);
    const round = this.#newRound(Number.POSITIVE_INFINITY);
    try {
      round.copy(batches);
      if (!(await this.#persistRound(round, handle))) throw round.failure;
    } finally {
      active.file.release();
    }
  }

  async #acquired({ file }: LogSegment): Promise<FileHandle> {
    file.syncWrites(this.#syncsWrites);
    try {
      return await file.acquire();
    } catch (error) {
      this.#storageFailed(error);
      throw failedWriteError(error);
    }
  }

  highWatermarkMoved(): void {
    this.#duplicates.highWatermarkMoved(this.#log.offsets.highWatermark);
  }

  /** Runs a task while no round and no other task runs; earlier rounds run first. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#lane.run(task);
  }

  /** Called in the lane: waits until every rolled segment is flushed or its flush has failed. */
  async settleRolled(): Promise<void> {
    await this.#rolled.flush();
  }

  /**
   * Called in the lane: removes segments with a base offset in [from, to) from the pending flushes.
   */
  forgetRolled(from: Offset, to: Offset): void {
    this.#rolled.forget(from, to);
    if (this.#rolled.isEmpty) this.#advanceRecoveryPoint();
  }

  /** Called in the lane: adapts to a log that was truncated to `logEnd` and synced. */
  truncated(error: unknown): void {
    const { offsets } = this.#log;
    this.#duplicates.rejectFrom(offsets.logEnd, error);
    this.#notifySyncedEnd();
  }

  /** Refuses every write until the log is opened again. */
  goOffline(what: string, cause: unknown): void {
    if (this.#log.failure !== undefined) return;
    const failure = { what, cause };
    this.#log.failure = failure;
    this.#rejectPending(writesOfflineError(failure, 'failed'));
    this.#duplicates.rejectFrom(0, writesOfflineError(failure, 'unknown'));
    const { topicPartition } = this.#log;
    this.#environment.logger.error(
      { err: cause, ...topicPartition },
      `the partition takes no writes until a restart: ${what}`,
    );
    this.#environment.observer.storageFailed(topicPartition, true);
  }

  /**
   * Ends all writing without a sync because the log is deleted: with its topic, or because other
   * brokers keep the partition. Only the metadata tells which.
   */
  async abandon(): Promise<void> {
    await this.#endWrites();
    await this.#lane.run(() => this.#rolled.flush());
  }

  /** Refuses further appends, finishes accepted ones and makes everything durable. */
  async stop(): Promise<void> {
    await this.#endWrites();
    await this.#lane.run(() => this.#flushAll());
  }

  /** Refuses further appends, and ends what waits for a high watermark that no longer moves. */
  async #endWrites(): Promise<void> {
    this.#isStopped = true;
    await this.#idle();
    this.#duplicates.rejectFrom(0, closedLogError('unknown'));
  }

  async #idle(): Promise<void> {
    while (this.#isRoundUnderWay) {
      await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    }
  }

  async #flushAll(): Promise<void> {
    const log = this.#log;
    if (log.failure !== undefined) return;
    await this.#rolled.flush();
    const { active } = log.segments;
    try {
      await this.#environment.syncs.run(() => active.datasync());
    } catch (error) {
      if (isShortageBeforeSync(error)) throw error;
      this.goOffline('a sync failed', error);
      return;
    }
    await active.flushIndexes();
    await this.#environment.fileSystem.syncDirectory(log.directory);
    await log.epochs.flush();
    await takeProducerSnapshot(log, this.#environment, 'stop');
    if (this.#rolled.isEmpty) log.offsets.recoveryPoint = log.offsets.logEnd;
  }

  /** Retries failed flushes of rolled segments. */
  retryRolled(): void {
    if (!this.#rolled.isEmpty) void this.#rolled.flush();
  }

  #askForRound(): void {
    if (this.#isRoundUnderWay || this.#pending.length === 0) return;
    this.#isRoundUnderWay = true;
    void this.#lane.run(this.#runRound);
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    try {
      if (this.#isRoundPrepared() || (await this.#prepareRound())) await this.#writeRound();
    } catch (error) {
      this.#log.producers.undoTo();
      this.goOffline(UNEXPECTED, error);
    } finally {
      this.#isRoundUnderWay = false;
      this.#askForRound();
      if (!this.#isRoundUnderWay) for (const wake of this.#whenIdle.splice(0)) wake();
    }
  }

  /** True when the first append needs no preparation; true for all but a few rounds. */
  #isRoundPrepared(): boolean {
    const log = this.#log;
    const [first] = this.#pending;
    return (
      first !== undefined &&
      log.failure === undefined &&
      this.#environment.reserve.isWhole &&
      first.leaderEpoch <= (log.epochs.latestEpoch ?? -1) &&
      !log.epochs.lacksEntry &&
      !this.#mustRollFor(first)
    );
  }

  #mustRollFor(first: PendingAppend): boolean {
    const { segments, offsets } = this.#log;
    // A record takes more than one byte: a round has fewer offsets than bytes.
    const bytes = Math.max(first.sizeBytes, this.#environment.roundBytesMax);
    const endMax = offsets.logEnd + bytes;
    const isFull = segments.active.mustRollFor(first.sizeBytes, endMax, this.#segmentBytesMax);
    return isFull || this.roller.isDue || this.roller.isUnfinished;
  }

  /**
   * Rolls and assigns the leader epoch when the first append needs it.
   * @returns false when the appends were refused
   */
  async #prepareRound(): Promise<boolean> {
    const log = this.#log;
    const [first] = this.#pending;
    if (first === undefined || log.failure !== undefined) return false;
    const { logEnd } = log.offsets;
    try {
      if (!this.#environment.reserve.isWhole) throw new DiskReserveError();
      if (this.#mustRollFor(first)) await this.roller.roll();
      if (first.leaderEpoch > (log.epochs.latestEpoch ?? -1)) {
        await log.epochs.assign(first.leaderEpoch, logEnd);
      } else if (log.epochs.lacksEntry) await log.epochs.flush();
      return true;
    } catch (error) {
      this.#storageFailed(error);
      this.#rejectPending(failedWriteError(error));
      return false;
    }
  }

  async #writeRound(): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const { active } = log.segments;
    active.file.syncWrites(this.#syncsWrites);
    const acquired = active.file.acquire();
    const handle = acquired instanceof Promise ? await this.#opened(acquired) : acquired;
    if (handle === undefined) return;
    const bytesMax = Math.min(environment.roundBytesMax, this.#segmentBytesMax - active.sizeBytes);
    const round = this.#newRound(bytesMax);
    try {
      this.#pending = this.#pending.slice(round.assemble(this.#pending));
      if (round.buffers.length > 0 && !(await this.#persistRound(round, handle))) return;
      for (const { append, result } of round.answers) append.resolve(result);
      for (const { append, result } of round.duplicates) {
        const { resolve, reject } = append;
        this.#duplicates.add({ result, resolve, reject }, log.offsets.highWatermark);
      }
      // Leading may have ended while the round was written: no high watermark answers them then.
      if (log.role !== 'leader') this.#duplicates.rejectFrom(0, notLeadingError('unknown'));
    } catch (error) {
      round.fail(writesOfflineError({ what: UNEXPECTED, cause: error }, 'unknown'));
      throw error;
    } finally {
      active.file.release();
    }
  }

  /**
   * @returns the active segment's file; undefined when it could not be opened and the appends were
   *   refused
   */
  async #opened(acquired: Promise<FileHandle>): Promise<FileHandle | undefined> {
    try {
      return await acquired;
    } catch (error) {
      this.#storageFailed(error);
      this.#rejectPending(failedWriteError(error));
      return undefined;
    }
  }

  #newRound(bytesMax: number): AppendRound {
    const log = this.#log;
    const environment = this.#environment;
    const limits = {
      logEndOffset: log.offsets.logEnd,
      leaderEpoch: log.epochs.latestEpoch ?? 0,
      bytesMax,
      nowMs: environment.clock.nowMs(),
    };
    return new AppendRound(limits, log.producers);
  }

  /** True when rounds must be durable once they are written: nobody reads them before. */
  get #syncsWrites(): boolean {
    return this.#environment.durability === 'fsync' && this.#logEndListener?.isWanted() !== true;
  }

  /** @returns whether the appends of the round are in the log */
  async #persistRound(round: AppendRound, handle: FileHandle): Promise<boolean> {
    const log = this.#log;
    const failure = await this.#storage.persist(round, handle);
    if (failure !== undefined) {
      this.#roundFailed(round, failure);
      return false;
    }
    log.offsets.syncedEnd = round.nextOffset as SyncedEndOffset;
    this.#advanceRecoveryPoint();
    this.#notifySyncedEnd();
    return true;
  }

  /** Answers the appends of a failed round: as not applied, or as unknown. */
  #roundFailed(round: AppendRound, failure: RoundFailure): void {
    this.#log.producers.undoTo();
    if (failure.isUndone) {
      this.#storageFailed(failure.cause);
      round.fail(failedWriteError(failure.cause));
    } else {
      this.goOffline(failure.what, failure.cause);
      round.fail(writesOfflineError(failure, 'unknown'));
    }
  }

  /** Moves the log end to the end of a written round. */
  #written(round: AppendRound): void {
    const log = this.#log;
    const environment = this.#environment;
    const segment = log.segments.active;
    log.producers.commit();
    segment.firstAppendMs ??= environment.clock.nowMs();
    for (const batch of round.batches) {
      const { lastOffset, maxTimestamp, sizeBytes } = batch;
      segment.appended({ position: segment.sizeBytes, sizeBytes, lastOffset, maxTimestamp });
      log.tail.append(batch);
    }
    log.offsets.logEnd = round.nextOffset as LogEndOffset;
    this.#logEndListener?.moved();
    environment.observer.appended(round.recordCount, round.batchBytes);
  }

  #storageFailed(error: unknown): void {
    if (this.#log.failure !== undefined) return;
    const { topicPartition } = this.#log;
    this.#environment.reserve.writeFailed(error);
    this.#warnOfFailure(error);
    this.#environment.observer.storageFailed(topicPartition, false);
  }

  /** Logs a failed write, unless one was logged not long ago: a full disk fails every write. */
  #warnOfFailure(error: unknown): void {
    const { clock, logger } = this.#environment;
    const nowMs = clock.monotonicMs();
    this.#failuresUnlogged += 1;
    if (nowMs < this.#nextWarningMs) return;
    const failures = this.#failuresUnlogged;
    this.#failuresUnlogged = 0;
    this.#nextWarningMs = nowMs + FAILURE_WARNING_INTERVAL_MS;
    logger.warn({ err: error, ...this.#log.topicPartition, failures }, 'a write failed');
  }

  #rejectPending(error: unknown): void {
    for (const append of this.#pending.splice(0)) append.reject(error);
  }

  #notifySyncedEnd(): void {
    for (const listener of this.#syncedEndListeners) listener(this.#log.offsets.syncedEnd);
  }

  #advanceRecoveryPoint(): void {
    const { offsets, segments } = this.#log;
    if (!this.#rolled.isEmpty) return;
    offsets.recoveryPoint =
      this.#environment.durability === 'fsync'
        ? offsets.syncedEnd
        : Math.max(offsets.recoveryPoint, segments.active.baseOffset);
  }

  get #segmentBytesMax(): number {
    return this.#environment.segmentBudget.segmentBytesMax(this.#log.config['segment.bytes']);
  }
}
