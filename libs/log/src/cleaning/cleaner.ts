import { type Offset, ProtocolError, type TopicPartition } from '#protocol';
import { StoppedError, Throttler } from '../background/throttler.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import { missingBetween } from '../recovery/segment-gaps.js';
import type { LogSegment } from '../segment/segment.js';
import { type CompactionPlan, compactLog, LogChangedError, planCompaction } from './compaction.js';
import type { HashKey } from './offset-map.js';

/** The side of a log that the cleaner uses. */
export interface CleanableLog {
  readonly state: LogState;
  readonly trimmer: {
    /**
     * Replaces consecutive segments by their compacted segment, in the log's write lane.
     * @returns false when some of them are no longer in the log
     */
    replaceSegments(old: readonly LogSegment[], cleaned: LogSegment): Promise<boolean>;
  };
}

export interface CleanerSettings {
  /** Bytes per second that compaction may read and write together. */
  readonly bytesPerSecond: number;
  /** Longest time in ms that compaction may occupy the event loop. */
  readonly sliceMsMax: number;
  /** Bytes of the map from keys to offsets. */
  readonly mapBytesMax: number;
  /** Random secret, so that clients cannot choose keys with equal hashes. */
  readonly hashKey: HashKey;
}

interface DirtyLog {
  readonly log: CleanableLog;
  readonly plan: CompactionPlan;
}

/**
 * Compacts the logs of a broker with cleanup.policy `compact`, one at a time, the dirtiest first,
 * when their dirty share is above min.cleanable.dirty.ratio. The progress of a log is its
 * `cleanedEnd`, kept in `cleaner-offset-checkpoint`. A log whose damage blocks compaction is
 * skipped until a restart.
 *
 * Overlap: `compactAll` calls must not overlap; `stop` may come at any time. Logs accept reads and
 * writes during compaction.
 */
export class LogCleaner {
  readonly #throttler: Throttler;
  /** Logs that cannot be compacted until a restart. */
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
    this.#throttler = new Throttler({ clock, scheduler, bytesPerSecond, sliceMsMax });
  }

  /** Ends a compaction in progress at its next pause, without harm, and begins no other. */
  stop(): void {
    this.#isStopped = true;
    this.#throttler.stop();
  }

  /** Compacts every log that is dirty enough. Never rejects. Calls must not overlap. */
  async compactAll(): Promise<void> {
    /** Logs finished in this pass: a log that stays dirty must not delay the others. */
    const done = new Set<LogState>();
    while (!this.#isStopped) {
      const dirtiest = await this.#dirtiest(done);
      if (dirtiest === undefined) return;
      const { log, plan } = dirtiest;
      const cleanedEnd = await this.#compact(log, plan);
      // When there are more keys than the map holds, the rest of the log is compacted if it is
      // dirty enough.
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
      // A compacted segment would span the offsets of the lost ones and hide the loss.
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

  /** @returns the new cleaned end; undefined after an error */
  async #compact(log: CleanableLog, plan: CompactionPlan): Promise<Offset | undefined> {
    const { hashKey, mapBytesMax } = this.#settings;
    try {
      const cleanedEnd = await compactLog(log.state, this.#environment, plan, {
        throttler: this.#throttler,
        hashKey,
        mapBytesMax,
        swap: (old, cleaned) => log.trimmer.replaceSegments(old, cleaned),
      });
      // The log may have been truncated after the last swap.
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
