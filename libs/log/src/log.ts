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
 * `<topic>-<partition>` (kafka-format 1), with indexes, leader epochs and producer state.
 *
 * All methods may overlap. What changes the log runs one after the other in its write lane (rounds
 * of appends, rolls, truncations, deletions); reads run beside it. Errors are ProtocolErrors where
 * the contract knows them.
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
   * Made by the loader, from what stands on disk.
   * @param state for the parts of this lib that work on logs: retention and compaction
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

  /** A follower's log takes copies alone, and what is deleted of it is its leader's decision. */
  get role(): 'leader' | 'follower' {
    return this.state.role;
  }

  /** Whether its config is the topic's; until then nothing of it is deleted. */
  get isConfigured(): boolean {
    return this.state.isConfigured;
  }

  /** Takes effect with the next append, roll or check. */
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

  /** Where recovery would begin now. */
  get recoveryPoint(): Offset {
    return this.state.offsets.recoveryPoint;
  }

  /** From here on every offset stands in the log; below, compaction may have left gaps. */
  get compactedEndOffset(): Offset {
    return this.state.denseFrom;
  }

  /** The compacted end to write down; undefined while the log says nothing about gaps. */
  get recordedCompactedEnd(): Offset | undefined {
    const { denseFrom, offsets, unexplainedGaps } = this.state;
    const isUnused = offsets.logEnd === 0 && denseFrom === 0;
    return isUnused || unexplainedGaps !== undefined ? undefined : denseFrom;
  }

  /** First offset that compaction has not looked at. */
  get cleanedEndOffset(): Offset {
    return this.state.cleanedEnd;
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.state.segments.sizeBytes;
  }

  /** In the order of their offsets; the last one is appended to. */
  get segments(): readonly LogSegment[] {
    return this.state.segments.all;
  }

  get latestLeaderEpoch(): LeaderEpoch | undefined {
    return this.state.epochs.latestEpoch;
  }

  /** What is known to be unreadable of what is not deleted, in the order of the offsets. */
  get damagedRanges(): readonly DamagedRange[] {
    const { damage, offsets } = this.state;
    return damage.ranges.filter(({ endOffset }) => endOffset > offsets.logStart);
  }

  /**
   * From which offset on a leader's batches are needed to repair this log; undefined: it is whole.
   */
  get repairOffset(): Offset | undefined {
    return this.#damageRepair.repairOffset;
  }

  /** Whether appends are taken; not after a sync failed or committed records were found missing. */
  get isWritable(): boolean {
    return this.state.failure === undefined;
  }

  /** Why `isWritable` is false, as a sentence for an operator. */
  get failure(): string | undefined {
    return this.state.failure?.what;
  }

  /** The synced records that recovery found missing at the end, until they are given up. */
  get lostRecords(): OffsetRange | undefined {
    return this.state.failure?.lost;
  }

  /** Records missing at the start that nobody deleted, until they are given up or deleted. */
  get lostStart(): OffsetRange | undefined {
    return missingStart(this.state);
  }

  /** Records missing between two segments that nobody deleted, until they are abandoned. */
  get lostBetween(): readonly OffsetRange[] {
    return missingBetween(this.state);
  }

  /**
   * Appends batches as the leader: stamps offsets and the epoch into their bytes, which must not be
   * touched until this settles. All batches of a call stand next to each other, or none is written.
   * A batch with a producer id must come alone; a retry of one is answered with the first offsets
   * once those are below the high watermark. Resolves when they are durable. Rejects with
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
   * Whole batches below `endOffset`: the one that has `offset`, or the next there is, and what fits
   * into `maxBytes` after it. Empty when there is none. The first may begin below `offset`. Whether
   * `offset` is in the log is the caller's check.
   * @throws ProtocolError CORRUPT_MESSAGE (members damagedStartOffset, damagedEndOffset) when
   *   `offset` is in a damaged range; KAFKA_STORAGE_ERROR when the disk does not answer
   */
  read(offset: Offset, maxBytes: number, endOffset: Offset): Promise<readonly RecordBatch[]> {
    return this.#reader.read(offset, maxBytes, endOffset);
  }

  /**
   * What clients are shown of batches that were read: none of the records of a transaction of
   * Kafka's that was not committed (see committed-batches.ts).
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

  /** What was checked of the bytes around `offset` is checked again when they are read next. */
  recheck(offset: Offset): void {
    this.state.segments.holding(offset).verified.truncateTo(0);
  }

  /** As `read`, from memory and at once; undefined when `offset` is not in the tail cache. */
  readCached(
    offset: Offset,
    maxBytes: number,
    endOffset: Offset,
  ): readonly RecordBatch[] | undefined {
    return this.#reader.readCached(offset, maxBytes, endOffset);
  }

  /** The first record below `endOffset` with this timestamp (ms) or a later one. */
  offsetForTimestamp(timestampMs: number, endOffset: Offset): Promise<FoundTimestamp | undefined> {
    return this.#reader.offsetForTimestamp(timestampMs, endOffset);
  }

  /**
   * First offset that was, or would be, written in an epoch; undefined when the log has no such
   * epoch.
   */
  leaderEpochStart(epoch: LeaderEpoch): Offset | undefined {
    return this.state.epochs.entries.findLast((entry) => entry.epoch === epoch)?.startOffset;
  }

  leaderEpochAt(offset: Offset): LeaderEpoch | undefined {
    return this.state.epochs.epochForOffset(offset);
  }

  /** The end of the greatest epoch at or below `epoch`; undefined when `epoch` is not known yet. */
  endOffsetForEpoch(epoch: LeaderEpoch): EpochEndOffset | undefined {
    return this.state.epochs.endOffsetFor(epoch, this.state.offsets.logEnd);
  }

  /**
   * The end of the greatest epoch at or below `epoch` that is the same election here, as far as ids
   * are known; undefined when the log has no epoch as low. Above all known epochs it is the log
   * end.
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

  /** Id of the election by which an epoch of the log was made, where known. */
  electionIdOf(epoch: LeaderEpoch): string | undefined {
    return this.state.elections.idOf(epoch);
  }

  /**
   * Takes part in an election, unless it is an older one than the newest it has taken part in;
   * durable when it resolves: from then on nothing is done here for a leader of an earlier epoch
   * (replication-safety 4.1).
   * @returns whether the election is the accepted one now
   */
  tryAcceptElection(election: Election): Promise<boolean> {
    return this.#writer.exclusive(async () => {
      const { elections, epochs } = this.state;
      if (election.epoch < this.acceptedElection.epoch) return false;
      const known = epochs.entries.map(({ epoch }) => epoch);
      try {
        await this.#environment.reserve.run(() => elections.accept(election, known));
      } catch (error) {
        throw writeFailed(error);
      }
      return true;
    });
  }

  /**
   * Follows another broker from now on: appends of a leader are refused at once. Resolves when what
   * was being written is, and epochs are forgotten that nothing was written in.
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
   * Appends a leader's batches as they are. Each piece has whole batches one after the other, and
   * must not be touched any more. Synced when it resolves; where it rejects the first of them may
   * be appended.
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the leader is not followed any more,
   *   CORRUPT_MESSAGE on a wrong CRC or batches that do not follow the log end: nothing is
   *   appended; KAFKA_STORAGE_ERROR
   */
  appendAsFollower(pieces: readonly Buffer[], leader: LeaderLog): Promise<void> {
    return this.#followerAppends.append(pieces, leader);
  }

  /** Begins a leader epoch at the log end; durable when it resolves. Appends of older ones fail. */
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

  /** Set by replication; never above the log end. */
  updateHighWatermark(offset: Offset): void {
    const { offsets } = this.state;
    offsets.highWatermark = Math.min(offset, offsets.logEnd) as HighWatermark;
    this.#writer.highWatermarkMoved();
  }

  /**
   * Calls `listener` after every write, when the log end has moved and the synced end may not have.
   */
  onLogEnd(listener: () => void): void {
    this.#writer.onLogEnd(listener);
  }

  /** Calls `listener` whenever the synced end has moved, before the appends are answered. */
  onSyncedEnd(listener: (end: SyncedEndOffset) => void): void {
    this.#writer.onSyncedEnd(listener);
  }

  /** Warns once of records that retention by time can't go by; for retention. */
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
   * Removes whole segments below `offset` and the high watermark, never the active one; how many.
   */
  deleteSegmentsBefore(offset: Offset): Promise<number> {
    return this.#trimmer.deleteSegmentsBefore(offset);
  }

  /**
   * Puts a compacted segment (see compaction.ts) in the place of consecutive ones.
   * @returns false when the log has changed meanwhile: nothing was done
   */
  replaceSegments(old: readonly LogSegment[], cleaned: LogSegment): Promise<boolean> {
    return this.#trimmer.replaceSegments(old, cleaned);
  }

  /**
   * Cuts the log at `offset`, not below the log start, or the batch that has it, and forgets the
   * epochs that begin there; durable when it resolves.
   * @param leader for a follower, whose log this one is cut for
   * @throws ProtocolError LEADER_NOT_AVAILABLE when that leader is not followed any more
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
   * Abandons exactly these records, which must be `lostRecords`, `lostStart` or one of
   * `lostBetween`. Offsets at the end hold nothing from now on and the log takes writes again;
   * those between two segments hold nothing either; after those at the start the log begins behind
   * them. Durable when it resolves; again for the same range does nothing.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE for any other range; KAFKA_STORAGE_ERROR
   */
  async giveUpLostRecords(range: OffsetRange): Promise<void> {
    if (isSameRange(this.lostStart, range)) {
      await this.#trimmer.deleteRecordsBefore(range.endOffset);
      this.#lostRecords.logAbandonedStart(range);
      return;
    }
    await this.#lostRecords.giveUp(range);
  }

  /**
   * Puts a leader's batches in the place of the damage at `offset`, which `repairOffset` has given;
   * durable when it resolves. The damaged bytes are kept beside the log.
   * @returns false when the batches do not fit: the log has to be cut there
   * @throws ProtocolError as `appendAsFollower`
   */
  repairAsFollower(offset: Offset, pieces: readonly Buffer[], leader: LeaderLog): Promise<boolean> {
    return this.#damageRepair.repair(offset, pieces, leader);
  }

  /**
   * Cuts a follower's log where its first damage begins, or where synced records are missing at its
   * end, so that it can be filled again; durable when it resolves. The damaged bytes are kept
   * beside it.
   * @throws ProtocolError LEADER_NOT_AVAILABLE when that leader is not followed any more,
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

  /** For LogManager: the roll by time, and what a failed flush left to do. */
  async maintain(): Promise<void> {
    await this.#trimmer.recordDeletions();
    if (!this.isWritable) return;
    this.#writer.retryRolled();
    this.state.producers.removeExpired(this.#environment.expiryClock.nowMs());
    if (this.#writer.roller.isDue) await this.roll();
  }

  /** For LogManager: gives back memory of segments that nobody reads. */
  unloadIdleIndexes(): void {
    for (const segment of this.segments.slice(0, -1)) segment.unloadIndexesIfIdle();
  }

  /** For LogManager: makes everything durable; appends that are under way are finished first. */
  async close(): Promise<void> {
    await this.#writer.stop();
    await this.#trimmer.settleRemovals();
    this.state.tail.clear();
    this.state.producers.close();
    for (const segment of this.segments) await segment.file.close();
  }

  /** For LogManager: ends all use of the files, which are deleted. Appends fail from now on. */
  async abandon(): Promise<void> {
    await this.#writer.abandon();
    await this.#trimmer.settleRemovals();
    this.state.tail.clear();
    this.state.producers.close();
    for (const segment of this.segments) await segment.file.close();
  }
}
