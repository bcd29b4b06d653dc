import type {
  HighWatermark,
  LeaderEpoch,
  LogEndOffset,
  LogStartOffset,
  Offset,
  SyncedEndOffset,
  TopicConfig,
  TopicPartition,
} from '#protocol';
import { LogTrimmer } from './cleaning/log-trimmer.js';
import type { Election } from './leader-epoch/leader-elections.js';
import type { EpochEndOffset } from './leader-epoch/leader-epoch-cache.js';
import type { AppendResult } from './log/append-round.js';
import { type ElectionEndOffset, endOffsetForElection } from './log/election-end-offset.js';
import { type FoundTimestamp, LogReader } from './log/log-reader.js';
import type { LogEnvironment, LogState } from './log/log-state.js';
import { LogWriter } from './log/log-writer.js';
import { writeFailed } from './log/storage-error.js';
import { committedBatches, isOfTransaction } from './record-batch/committed-batches.js';
import type { DamagedRange, OffsetRange } from './record-batch/damage.js';
import type { RecordBatch } from './record-batch/record-batch.js';
import { DamageRepair } from './recovery/damage-repair.js';
import { isSameRange, LostRecords, missingStart } from './recovery/lost-records.js';
import { explainGaps, missingBetween } from './recovery/segment-gaps.js';
import { FollowerAppends, type LeaderLog } from './replica/follower-appends.js';
import type { LogSegment } from './segment/segment.js';

/**
 * The log of one partition on this broker: segments of record batches in the directory
 * `<topic>-<partition>` (kafka-format 1), with indexes, leader epochs and producer state. Errors
 * are ProtocolErrors where the contract knows them.
 *
 * Overlap: all methods may overlap. Changes of the log (rounds of appends, rolls, truncations,
 * deletions) run one after the other in its write lane; reads run concurrently.
 */
export class Log {
  readonly #writer: LogWriter;
  readonly #reader: LogReader;
  readonly #trimmer: LogTrimmer;
  readonly #followerAppends: FollowerAppends;
  readonly #lostRecords: LostRecords;
  readonly #damageRepair: DamageRepair;
  #hasWarnedOfFuture = false;
  readonly #environment: LogEnvironment;

  /**
   * Created by the loader from the state on disk.
   * @param state for the parts of this library that work on logs: retention and compaction
   */
  constructor(
    readonly state: LogState,
    environment: LogEnvironment,
  ) {
    this.#environment = environment;

    this.#writer = new LogWriter(state, environment);
    this.#reader = new LogReader(state, environment);
    this.#trimmer = new LogTrimmer(state, environment, this.#writer, this.#reader);
    this.#followerAppends = new FollowerAppends(state, environment, this.#writer);
    this.#lostRecords = new LostRecords(state, environment, this.#writer, this.#reader);
    this.#damageRepair = new DamageRepair(state, environment, this.#writer, this.#reader);
  }

  get topicPartition(): TopicPartition {
    return this.state.topicPartition;
  }

  get topicId(): string {
    return this.state.topicId;
  }

  get directory(): string {
    return this.state.directory;
  }

  get config(): TopicConfig {
    return this.state.config;
  }

  /** A follower's log accepts copies only, and deletions are its leader's decision. */
  get role(): 'leader' | 'follower' {
    return this.state.role;
  }

  /** True when its config is the topic's; nothing is deleted by a default config. */
  get isConfigured(): boolean {
    return this.state.isConfigured;
  }

  /** Sets the config, which applies from the next append, roll or check on. */
  updateConfig(config: TopicConfig): void {
    this.state.config = config;
    this.state.isConfigured = true;
    explainGaps(this.state, this.#environment);
  }

  /** First offset that may still be read. */
  get logStartOffset(): LogStartOffset {
    return this.state.offsets.logStart;
  }

  /** Offset of the next record. */
  get logEndOffset(): LogEndOffset {
    return this.state.offsets.logEnd;
  }

  /** First offset that is not known to be on disk; with `os` durability the log end. */
  get syncedEndOffset(): SyncedEndOffset {
    return this.state.offsets.syncedEnd;
  }

  /** First offset that is not committed, as far as this broker knows. */
  get highWatermark(): HighWatermark {
    return this.state.offsets.highWatermark;
  }

  /** Offset from which recovery would begin now. */
  get recoveryPoint(): Offset {
    return this.state.offsets.recoveryPoint;
  }

  /** First offset from which on no offset is missing; compaction may have left gaps below it. */
  get compactedEndOffset(): Offset {
    return this.state.denseFrom;
  }

  /** The compacted end to record; undefined while it is unknown whether the log has gaps. */
  get recordedCompactedEnd(): Offset | undefined {
    const { denseFrom, offsets, unexplainedGaps } = this.state;
    const isUnused = offsets.logEnd === 0 && denseFrom === 0;
    return isUnused || unexplainedGaps !== undefined ? undefined : denseFrom;
  }

  /** First offset that is not compacted. */
  get cleanedEndOffset(): Offset {
    return this.state.cleanedEnd;
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.state.segments.sizeBytes;
  }

  /** Segments in the order of their offsets; appends go to the last one. */
  get segments(): readonly LogSegment[] {
    return this.state.segments.all;
  }

  get latestLeaderEpoch(): LeaderEpoch | undefined {
    return this.state.epochs.latestEpoch;
  }

  /** Known unreadable ranges that are not deleted, in the order of the offsets. */
  get damagedRanges(): readonly DamagedRange[] {
    const { damage, offsets } = this.state;
    return damage.ranges.filter(({ endOffset }) => endOffset > offsets.logStart);
  }

  /**
   * Offset from which on a leader's batches are needed to repair this log; undefined when it is
   * whole.
   */
  get repairOffset(): Offset | undefined {
    return this.#damageRepair.repairOffset;
  }

  /**
   * True when appends are accepted; false after a failed sync and while committed records are
   * missing.
   */
  get isWritable(): boolean {
    return this.state.failure === undefined;
  }

  /** Reason why `isWritable` is false, as a sentence for an operator. */
  get failure(): string | undefined {
    return this.state.failure?.what;
  }

  /** Synced records that recovery found missing at the end, until their loss is accepted. */
  get lostRecords(): OffsetRange | undefined {
    return this.state.failure?.lost;
  }

  /**
   * Records missing at the start that were not deleted, until their loss is accepted or they are
   * deleted.
   */
  get lostStart(): OffsetRange | undefined {
    return missingStart(this.state);
  }

  /** Records missing between two segments that were not deleted, until their loss is accepted. */
  get lostBetween(): readonly OffsetRange[] {
    return missingBetween(this.state);
  }

  /**
   * Appends batches as the leader: stamps offsets and the epoch into their bytes, which the caller
   * must not touch until this settles. The batches of a call are written consecutively, or none is.
   * A batch with a producer id must come alone; a retry of such a batch is answered with the first
   * offsets once those are below the high watermark. Resolves when they are durable. Rejects with
   * ProtocolError: KAFKA_STORAGE_ERROR (failed, or unknown after a failed sync),
   * INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER,
   * LEADER_NOT_AVAILABLE for an epoch that has ended.
   */
  append(
    batches: readonly Buffer[],
    options: { readonly leaderEpoch: LeaderEpoch },
  ): Promise<AppendResult> {
    return this.#writer.append(batches, options.leaderEpoch);
  }

  /**
   * Reads whole batches below `endOffset`: the one that contains `offset`, or the next, and those
   * after it that fit into `maxBytes`. Empty when there is none. The first may begin below
   * `offset`. The caller checks that `offset` is in the log.
   * @throws ProtocolError CORRUPT_MESSAGE (members damagedStartOffset, damagedEndOffset) when
   *   `offset` is in a damaged range; KAFKA_STORAGE_ERROR when the read fails
   */
  read(offset: Offset, maxBytes: number, endOffset: Offset): Promise<readonly RecordBatch[]> {
    return this.#reader.read(offset, maxBytes, endOffset);
  }

  /**
   * Filters batches that were read for clients: it hides the records of Kafka's transactions that
   * were not committed (see committed-batches.ts).
   * @param endOffset as in `read`
   * @param isLogComplete whether the leader's log has no more than this one
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the first batch is of a transaction that is not
   *   decided here; KAFKA_STORAGE_ERROR
   */
  committedBatches(
    batches: readonly RecordBatch[],
    endOffset: Offset,
    isLogComplete: boolean,
  ): readonly RecordBatch[] | Promise<readonly RecordBatch[]> {
    if (!batches.some(isOfTransaction)) return batches;
    const markers = this.#reader.transactions;
    return committedBatches(batches, { markers, endOffset, isLogComplete });
  }

  /** Lets the next read of the bytes around `offset` check their CRC again. */
  recheck(offset: Offset): void {
    this.state.segments.holding(offset).verified.truncateTo(0);
  }

  /**
   * Works like `read`, from memory and at once; undefined when `offset` is not in the tail cache.
   */
  readCached(
    offset: Offset,
    maxBytes: number,
    endOffset: Offset,
  ): readonly RecordBatch[] | undefined {
    return this.#reader.readCached(offset, maxBytes, endOffset);
  }

  /** Finds the first record below `endOffset` with this timestamp (ms) or a later one. */
  offsetForTimestamp(timestampMs: number, endOffset: Offset): Promise<FoundTimestamp | undefined> {
    return this.#reader.offsetForTimestamp(timestampMs, endOffset);
  }

  /**
   * Returns the first offset that was, or would be, written in an epoch; undefined when the log has
   * no such epoch.
   */
  leaderEpochStart(epoch: LeaderEpoch): Offset | undefined {
    return this.state.epochs.entries.findLast((entry) => entry.epoch === epoch)?.startOffset;
  }

  leaderEpochAt(offset: Offset): LeaderEpoch | undefined {
    return this.state.epochs.epochForOffset(offset);
  }

  /**
   * Returns the end of the greatest epoch at or below `epoch`; undefined when `epoch` is not known
   * yet.
   */
  endOffsetForEpoch(epoch: LeaderEpoch): EpochEndOffset | undefined {
    return this.state.epochs.endOffsetFor(epoch, this.state.offsets.logEnd);
  }

  /**
   * Returns the end of the greatest epoch at or below `epoch` that is the same election here, as
   * far as ids are known; undefined when the log has no epoch as low. Above all known epochs it is
   * the log end.
   */
  endOffsetForElection(
    epoch: LeaderEpoch,
    electionId: string | undefined,
  ): ElectionEndOffset | undefined {
    return endOffsetForElection(this.state, epoch, electionId);
  }

  /** The newest leader epoch that this replica has taken part in, with its election where known. */
  get acceptedElection(): { readonly epoch: LeaderEpoch; readonly electionId: string | undefined } {
    const { elections, epochs } = this.state;
    const latest = epochs.latestEpoch ?? -1;
    const { accepted } = elections;
    if (accepted !== undefined && accepted.epoch >= latest) return accepted;
    return { epoch: latest, electionId: elections.idOf(latest) };
  }

  /** Returns the id of the election that began an epoch of the log, where known. */
  electionIdOf(epoch: LeaderEpoch): string | undefined {
    return this.state.elections.idOf(epoch);
  }

  /**
   * Takes part in an election, unless it is older than the newest it has taken part in; durable
   * when it resolves: from then on the log accepts nothing from a leader of an earlier epoch
   * (replication-safety 4.1).
   * @returns whether the election is the accepted one now
   */
  tryAcceptElection(election: Election): Promise<boolean> {
    return this.#writer.exclusive(async () => {
      const { elections, epochs } = this.state;
      if (election.epoch < this.acceptedElection.epoch) return false;
      const epochsInLog = epochs.entries.map(({ epoch }) => epoch);
      try {
        await this.#environment.reserve.run(() => elections.accept(election, epochsInLog));
      } catch (error) {
        throw writeFailed(error);
      }
      return true;
    });
  }

  /**
   * Makes the log a follower's: appends of a leader are refused at once. Resolves when the current
   * write has ended and epochs without a record are removed.
   */
  stopLeading(): Promise<void> {
    this.#writer.stopLeading();
    return this.#writer.exclusive(async () => {
      const { epochs, offsets } = this.state;
      epochs.truncateFromEnd(offsets.logEnd);
      try {
        await epochs.flush();
      } catch (error) {
        throw writeFailed(error);
      }
    });
  }

  /**
   * Appends a leader's batches unchanged. Each piece has consecutive whole batches and must not be
   * modified afterwards. Synced when it resolves; after a rejection some of the first batches may
   * be appended.
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader,
   *   CORRUPT_MESSAGE on a wrong CRC or batches that do not follow the log end: nothing is
   *   appended; KAFKA_STORAGE_ERROR
   */
  appendAsFollower(pieces: readonly Buffer[], leader: LeaderLog): Promise<void> {
    return this.#followerAppends.append(pieces, leader);
  }

  /**
   * Begins a leader epoch at the log end; durable when it resolves. Appends of older epochs fail.
   */
  assignLeaderEpoch(epoch: LeaderEpoch): Promise<void> {
    return this.#writer.exclusive(async () => {
      const { epochs, offsets } = this.state;
      this.state.role = 'leader';
      if (epoch <= (epochs.latestEpoch ?? -1)) return;
      try {
        await epochs.assign(epoch, offsets.logEnd);
      } catch (error) {
        throw writeFailed(error);
      }
    });
  }

  /** Sets the high watermark, which is never above the log end; called by replication. */
  updateHighWatermark(offset: Offset): void {
    const { offsets } = this.state;
    offsets.highWatermark = Math.min(offset, offsets.logEnd) as HighWatermark;
    this.#writer.highWatermarkMoved();
  }

  /** Calls `listener` after every write, before its sync. */
  onLogEnd(listener: () => void): void {
    this.#writer.onLogEnd(listener);
  }

  /** Calls `listener` whenever the synced end has moved, before the appends are answered. */
  onSyncedEnd(listener: (end: SyncedEndOffset) => void): void {
    this.#writer.onSyncedEnd(listener);
  }

  /** Warns once about records with a future timestamp; called by retention. */
  futureTimestampSeen(segmentBaseOffset: Offset, timestampMs: number): void {
    if (this.#hasWarnedOfFuture) return;
    this.#hasWarnedOfFuture = true;
    this.#environment.logger.warn(
      { ...this.topicPartition, segment: segmentBaseOffset, timestamp: timestampMs },
      'a record has a timestamp in the future: retention counts its segment from its last write',
    );
  }

  /**
   * Removes the records below `offset`; durable when it resolves to the log start offset.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE above the high watermark; KAFKA_STORAGE_ERROR
   */
  deleteRecordsBefore(offset: Offset): Promise<Offset> {
    return this.#trimmer.deleteRecordsBefore(offset);
  }

  /**
   * Removes whole segments below `offset` and the high watermark, never the active one; returns
   * their number.
   */
  deleteSegmentsBefore(offset: Offset): Promise<number> {
    return this.#trimmer.deleteSegmentsBefore(offset);
  }

  /**
   * Replaces consecutive segments by a compacted one (see compaction.ts).
   * @returns false without a change when the log has changed
   */
  replaceSegments(old: readonly LogSegment[], cleaned: LogSegment): Promise<boolean> {
    return this.#trimmer.replaceSegments(old, cleaned);
  }

  /**
   * Truncates the log to `offset`, at least the log start, or to the base of the batch that
   * contains it, and removes the epochs that begin there; durable when it resolves.
   * @param leader for a follower: the leader that this log is truncated for
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader
   */
  async truncateTo(offset: Offset, leader?: Election): Promise<void> {
    await this.#trimmer.truncateTo(offset, leader);
    this.#reader.transactions.clear();
  }

  /**
   * Removes all records: the log is empty and begins at `offset`; durable when it resolves.
   * @param leader as in `truncateTo`
   */
  async truncateFullyAndStartAt(offset: Offset, leader?: Election): Promise<void> {
    await this.#trimmer.truncateFullyAndStartAt(offset, leader);
    this.#reader.transactions.clear();
  }

  /**
   * Accepts the loss of exactly these records, which must be `lostRecords`, `lostStart` or one of
   * `lostBetween`. Offsets at the end and between two segments stay empty, and the log accepts
   * writes again; after a loss at the start the log begins after it. Durable when it resolves; a
   * repeated call for the same range does nothing.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE for any other range; KAFKA_STORAGE_ERROR
   */
  async acceptDataLoss(range: OffsetRange): Promise<void> {
    if (isSameRange(this.lostStart, range)) {
      await this.#trimmer.deleteRecordsBefore(range.endOffset);
      this.#lostRecords.logAbandonedStart(range);
      return;
    }
    await this.#lostRecords.accept(range);
  }

  /**
   * Replaces the damage at `offset`, which `repairOffset` returned, by a leader's batches; durable
   * when it resolves. The damaged bytes are quarantined beside the log.
   * @returns false when the batches do not fit: the log has to be truncated there
   * @throws ProtocolError as `appendAsFollower`
   */
  repairAsFollower(offset: Offset, pieces: readonly Buffer[], leader: LeaderLog): Promise<boolean> {
    return this.#damageRepair.repair(offset, pieces, leader);
  }

  /**
   * Truncates a follower's log at its first damage, or where synced records are missing at its end,
   * so that replication fills it again; durable when it resolves. The damaged bytes are quarantined
   * beside it.
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader,
   *   KAFKA_STORAGE_ERROR
   */
  async cutDamage(leader: Election): Promise<void> {
    const start = await this.#damageRepair.keepForCut(leader);
    if (start === undefined) return;
    const { logStart } = this.state.offsets;
    if (start > logStart) await this.#trimmer.truncateTo(start, leader);
    else await this.#trimmer.truncateFullyAndStartAt(logStart, leader);
  }

  /** Begins a new segment, unless the active one is empty. */
  roll(): Promise<void> {
    return this.#writer.exclusive(async () => {
      if (this.isWritable) await this.#writer.roller.roll();
    });
  }

  /** Called by LogManager: rolls by time, and retries failed flushes. */
  async maintain(): Promise<void> {
    await this.#trimmer.recordDeletions();
    if (!this.isWritable) return;
    this.#writer.retryRolled();
    this.state.producers.removeExpired(this.#environment.expiryClock.nowMs());
    if (this.#writer.roller.isDue) await this.roll();
  }

  /** Called by LogManager: frees the index memory of segments that are not read. */
  unloadIdleIndexes(): void {
    for (const segment of this.segments.slice(0, -1)) segment.unloadIndexesIfIdle();
  }

  /** Called by LogManager: makes everything durable after the appends in progress have finished. */
  async close(): Promise<void> {
    await this.#writer.stop();
    await this.#trimmer.settleRemovals();
    this.state.tail.clear();
    this.state.producers.close();
    for (const segment of this.segments) await segment.file.close();
  }

  /**
   * Called by LogManager: ends all use of the files, which are deleted. Appends fail from now on.
   */
  async abandon(): Promise<void> {
    await this.#writer.abandon();
    await this.#trimmer.settleRemovals();
    this.state.tail.clear();
    this.state.producers.close();
    for (const segment of this.segments) await segment.file.close();
  }
}
