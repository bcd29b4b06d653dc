import type { HighWatermark, Offset, TopicConfig, TopicPartition } from '#protocol';
import { LogTrimmer } from './cleaning/log-trimmer.js';
import { LogReader } from './log/log-reader.js';
import type { LogEnvironment, LogOffsets, LogState } from './log/log-state.js';
import { LogWriter } from './log/log-writer.js';
import { DamageRepair } from './recovery/damage-repair.js';
import { LogDamage } from './recovery/log-damage.js';
import { LostRecords } from './recovery/lost-records.js';
import { explainGaps } from './recovery/segment-gaps.js';
import { FollowerAppends } from './replica/follower-appends.js';
import { LogLeadership } from './replica/log-leadership.js';
import type { LogSegment } from './segment/segment.js';

/**
 * The log of one partition on this broker: segments of record batches in the directory
 * `<topic>-<partition>`, with indexes, leader epochs and producer state, in the files of Kafka. Its
 * parts append, read, truncate and repair it. Errors are ProtocolErrors where the contract knows
 * them.
 *
 * Overlap: all methods, also those of the parts, may overlap. Changes of the log (rounds of
 * appends, rolls, truncations, deletions) run one after the other in its write lane; reads run
 * beside them.
 */
export class Log {
  /** The positions of the log. */
  readonly offsets: Readonly<LogOffsets>;
  /** Appends as a leader. */
  readonly writer: Pick<LogWriter, 'append' | 'onLogEnd' | 'onSyncedEnd'>;
  /** Appends as a follower. */
  readonly copies: FollowerAppends;
  readonly reader: Pick<
    LogReader,
    'read' | 'readCached' | 'recheck' | 'committedBatches' | 'offsetForTimestamp'
  >;
  /** Leader epochs, elections, and the role of this log. */
  readonly leadership: LogLeadership;
  /** Deletions of old records and truncations. */
  readonly trimmer: LogTrimmer;
  /** Unreadable and missing records. */
  readonly damage: LogDamage;
  readonly #writer: LogWriter;
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
    const writer = new LogWriter(state, environment);
    const reader = new LogReader(state, environment);
    this.#writer = writer;
    this.offsets = state.offsets;
    this.writer = writer;
    this.reader = reader;
    this.copies = new FollowerAppends(state, environment, writer);
    this.leadership = new LogLeadership(state, environment, writer);
    const parts = { state, environment, writer, reader };
    this.trimmer = new LogTrimmer(parts);
    const repair = new DamageRepair(parts);
    const lostRecords = new LostRecords(parts);
    this.damage = new LogDamage(state, repair, lostRecords, this.trimmer);
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

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.state.segments.sizeBytes;
  }

  /** Segments in the order of their offsets; appends go to the last one. */
  get segments(): readonly LogSegment[] {
    return this.state.segments.all;
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

  /** Sets the high watermark, which is never above the log end; called by replication. */
  updateHighWatermark(offset: Offset): void {
    const { offsets } = this.state;
    offsets.highWatermark = Math.min(offset, offsets.logEnd) as HighWatermark;
    this.#writer.highWatermarkMoved();
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

  /** Begins a new segment, unless the active one is empty. */
  roll(): Promise<void> {
    return this.#writer.exclusive(async () => {
      if (this.isWritable) await this.#writer.roller.roll();
    });
  }

  /** Called by LogManager: rolls by time, and retries failed flushes. */
  async maintain(): Promise<void> {
    await this.trimmer.recordDeletions();
    if (!this.isWritable) return;
    this.#writer.retryRolled();
    this.state.producers.removeExpired(this.#environment.expiryClock.nowMs());
    if (this.#writer.roller.isDue) await this.roll();
  }

  /** Called by LogManager: frees the index memory of segments that are not read. */
  unloadIdleIndexes(): void {
    for (const segment of this.segments.slice(0, -1)) segment.unloadIndexesIfIdle();
  }

  /** Called by LogManager: makes everything durable after the appends under way have finished. */
  async close(): Promise<void> {
    await this.#writer.stop();
    await this.trimmer.settleRemovals();
    this.state.tail.clear();
    this.state.producers.close();
    for (const segment of this.segments) await segment.file.close();
  }

  /**
   * Called by LogManager: ends all use of the files, which are deleted. Appends fail from now on.
   */
  async abandon(): Promise<void> {
    await this.#writer.abandon();
    await this.trimmer.settleRemovals();
    this.state.tail.clear();
    this.state.producers.close();
    for (const segment of this.segments) await segment.file.close();
  }
}
