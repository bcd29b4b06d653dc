import { type Offset, ProtocolError, type TopicPartition } from '#protocol';
import { StoppedError, Throttler } from '../background/throttler.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import { missingBetween } from '../recovery/segment-gaps.js';
import type { LogSegment } from '../segment/segment.js';
import { type CompactionPlan, compactLog, LogChangedError, planCompaction } from './compaction.js';
import type { HashKey } from './offset-map.js';

/** What the cleaner needs of a log. */
export interface CleanableLog {
  readonly state: LogState;
  /**
   * Puts a compacted segment in the place of those it was made of, in the log's write lane.
   * @returns false when they are no longer all of the log
   */
  replaceSegments(old: readonly LogSegment[], cleaned: LogSegment): Promise<boolean>;
}

export interface CleanerSettings {
  /** What compaction may read and write together. */
  readonly bytesPerSecond: number;
  /** How long compaction may keep the event loop to itself. */
  readonly sliceMsMax: number;
  /** Memory of the map from keys to offsets. */
  readonly mapBytesMax: number;
  /** Secret and random, so that clients cannot choose keys of one hash. */
  readonly hashKey: HashKey;
}

interface DirtyLog {
  readonly log: CleanableLog;
  readonly plan: CompactionPlan;
}

/**
 * Compacts the logs of a broker with cleanup.policy `compact`, one at a time, the dirtiest first,
 * when their dirty share is above min.cleanable.dirty.ratio. How far a log is compacted is its
 * `cleanedEnd`, kept in `cleaner-offset-checkpoint`. A log that has damage in its way is left alone
 * until a restart.
 */
export class LogCleaner {
  readonly #pace: Throttler;
  /** Logs that cannot be compacted. */
  readonly #uncleanable = new WeakSet<LogState>();
  #isStopped = false;
  readonly #environment: LogEnvironment;
  readonly #logs: () => Iterable<CleanableLog>;
  readonly #settings: CleanerSettings;

  constructor(
    environment: LogEnvironment,
    logs: () => Iterable<CleanableLog>,
    settings: CleanerSettings,
  ) {
    this.#environment = environment;
    this.#logs = logs;
    this.#settings = settings;

    const { clock, scheduler } = environment;
    const { bytesPerSecond, sliceMsMax } = settings;
    this.#pace = new Throttler({ clock, scheduler, bytesPerSecond, sliceMsMax });
  }

  /** Ends a compaction under way at its next pause, with no harm, and begins none any more. */
  stop(): void {
    this.#isStopped = true;
    this.#pace.stop();
  }

  /** Compacts every log that is worth it. Never rejects. Calls must not overlap. */
  async compactAll(): Promise<void> {
    /** Logs that are done with for now: one that stays dirty must not keep the others waiting. */
    const done = new Set<LogState>();
    while (!this.#isStopped) {
      const dirtiest = await this.#dirtiest(done);
      if (dirtiest === undefined) return;
      const { log, plan } = dirtiest;
      const cleanedEnd = await this.#compact(log, plan);
      // With more keys than the map holds the log goes on with what is left, if that is worth it.
      const isDone = cleanedEnd === undefined || cleanedEnd >= plan.firstUncleanableOffset;
      if (isDone) done.add(log.state);
    }
  }

  async #dirtiest(done: ReadonlySet<LogState>): Promise<DirtyLog | undefined> {
    let dirtiest: DirtyLog | undefined;
    for (const log of this.#logs()) {
      const { state } = log;
      if (done.has(state) || !this.#isCleanable(state)) continue;
      const plan = await this.#planOf(state);
      if (plan === undefined) continue;
      if (plan.dirtyRatio <= state.config['min.cleanable.dirty.ratio']) continue;
      if (plan.dirtyRatio > (dirtiest?.plan.dirtyRatio ?? 0)) dirtiest = { log, plan };
    }
    return dirtiest;
  }

  #isCleanable(log: LogState): boolean {
    return (
      log.isConfigured &&
      log.failure === undefined &&
      log.config['cleanup.policy'].includes('compact') &&
      // A compacted segment would cover the place of the lost ones, and nobody could tell any more.
      missingBetween(log).length === 0 &&
      !this.#uncleanable.has(log)
    );
  }

  async #planOf(log: LogState): Promise<CompactionPlan | undefined> {
    try {
      return await planCompaction(log, this.#environment.expiryClock.nowMs());
    } catch (error) {
      this.#failed(error, log.topicPartition);
      return undefined;
    }
  }

  /** @returns how far the log is compacted now; undefined after an error */
  async #compact(log: CleanableLog, plan: CompactionPlan): Promise<Offset | undefined> {
    const { hashKey, mapBytesMax } = this.#settings;
    try {
      const cleanedEnd = await compactLog(log.state, this.#environment, plan, {
        pace: this.#pace,
        hashKey,
        mapBytesMax,
        swap: (old, cleaned) => log.replaceSegments(old, cleaned),
      });
      // A truncation may have come after the last segment was put in place.
      log.state.cleanedEnd = Math.min(cleanedEnd, log.state.segments.active.baseOffset);
      await this.#environment.checkpoints.persistCleanedEnds();
      return cleanedEnd;
    } catch (error) {
      const isDamaged = error instanceof ProtocolError && error.code === 'CORRUPT_MESSAGE';
      if (isDamaged) this.#uncleanable.add(log.state);
      this.#failed(error, log.state.topicPartition);
      return undefined;
    }
  }

  #failed(error: unknown, topicPartition: TopicPartition): void {
    if (error instanceof StoppedError || error instanceof LogChangedError) return;
    this.#environment.logger.warn({ err: error, ...topicPartition }, 'a compaction failed');
  }
}
