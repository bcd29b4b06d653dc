import { type Offset, ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import type { Timer } from '#runtime';
import { type OffsetCheckpointEntry, offsetCheckpointFile } from './checkpoint-file.js';
import { type CompactionPlan, compactLog, LogChangedError, planCompaction } from './compaction.js';
import type { LogEnvironment, LogState } from './log-state.js';
import type { HashKey } from './offset-map.js';
import { Pace, StoppedError } from './pace.js';
import type { LogSegment } from './segment.js';

/** Name of the file with the first uncompacted offset of each log, in the data directory. */
const CHECKPOINT_NAME = 'cleaner-offset-checkpoint';

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
  /** How often to look for logs that are worth compacting. */
  readonly checkIntervalMs: number;
  /** What compaction may read and write together. */
  readonly bytesPerSecond: number;
  /** How long compaction may keep the event loop to itself. */
  readonly sliceMsMax: number;
  /** Memory of the map from keys to offsets. */
  readonly mapBytesMax: number;
  /** Secret and random, so that clients cannot choose keys of one hash. */
  readonly hashKey: HashKey;
}

/**
 * Compacts the logs of a broker with cleanup.policy `compact`, one at a time, the dirtiest first, when
 * their dirty share is above min.cleanable.dirty.ratio.
 *
 * On disk: `cleaner-offset-checkpoint`. A log that has damage in its way is left alone until a restart.
 */
export class LogCleaner {
  readonly #pace: Pace;
  readonly #checkpointFile: ReturnType<typeof offsetCheckpointFile>;
  /** First uncompacted offset by partition name. */
  readonly #checkpoints = new Map<string, OffsetCheckpointEntry>();
  /** Logs that cannot be compacted. */
  readonly #uncleanable = new WeakSet<LogState>();
  #timer: Timer | undefined;
  #run: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(
    private readonly environment: LogEnvironment,
    dataDirectory: string,
    private readonly logs: () => Iterable<CleanableLog>,
    private readonly settings: CleanerSettings,
  ) {
    const { clock, scheduler, fileSystem } = environment;
    const { bytesPerSecond, sliceMsMax } = settings;
    this.#pace = new Pace({ clock, scheduler, bytesPerSecond, sliceMsMax });
    this.#checkpointFile = offsetCheckpointFile(fileSystem, `${dataDirectory}/${CHECKPOINT_NAME}`);
  }

  /**
   * Reads the checkpoint; nothing runs before `start`. A damaged checkpoint costs compacting again,
   * nothing else, and is warned of.
   */
  static async open(
    environment: LogEnvironment,
    dataDirectory: string,
    logs: () => Iterable<CleanableLog>,
    settings: CleanerSettings,
  ): Promise<LogCleaner> {
    const cleaner = new LogCleaner(environment, dataDirectory, logs, settings);
    const entries = await cleaner.#checkpointFile.read().catch((err: unknown) => {
      environment.logger.warn({ err }, 'the cleaner checkpoint cannot be read: logs begin anew');
      return [];
    });
    for (const entry of entries) {
      cleaner.#checkpoints.set(topicPartitionName(entry.topicPartition), entry);
    }
    return cleaner;
  }

  /** First offset of a log that was not compacted, as far as is known. */
  checkpointed(topicPartition: TopicPartition): Offset | undefined {
    return this.#checkpoints.get(topicPartitionName(topicPartition))?.offset;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#timer = this.environment.scheduler.after(this.settings.checkIntervalMs, () => {
      this.#run = this.compactAll().finally(() => this.start());
    });
  }

  /** Ends compaction at its next pause; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#pace.stop();
    await this.#run;
  }

  /**
   * A log was cut to `offset`: what is appended from there on was not compacted. Await it before
   * anything is appended.
   */
  async truncated(topicPartition: TopicPartition, offset: Offset): Promise<void> {
    const checkpointed = this.checkpointed(topicPartition);
    if (checkpointed === undefined || checkpointed <= offset) return;
    await this.#setCheckpoint(topicPartition, offset);
  }

  /** A log was deleted: one of the same name must not begin with its checkpoint. */
  async forget(topicPartition: TopicPartition): Promise<void> {
    if (!this.#checkpoints.delete(topicPartitionName(topicPartition))) return;
    await this.#checkpointFile.write(this.#checkpoints.values());
  }

  /** Compacts every log that is worth it, until none is. Never rejects. Calls must not overlap. */
  async compactAll(): Promise<void> {
    /** Logs that were tried in this run: one that stays dirty must not keep the others waiting. */
    const tried = new Set<CleanableLog>();
    for (;;) {
      const next = await this.#dirtiest(tried).catch((error: unknown) => this.#failed(error));
      if (next === undefined || this.#isStopped) return;
      tried.add(next.log);
      const isDone = await this.#compact(next.log, next.plan);
      // More keys than the map holds: the log goes on with what is left, if that is worth it.
      if (!isDone) tried.delete(next.log);
    }
  }

  async #dirtiest(
    tried: ReadonlySet<CleanableLog>,
  ): Promise<{ log: CleanableLog; plan: CompactionPlan } | undefined> {
    let best: { log: CleanableLog; plan: CompactionPlan } | undefined;
    for (const log of this.logs()) {
      const { state } = log;
      const isCandidate =
        state.config['cleanup.policy'].includes('compact') &&
        !tried.has(log) &&
        !this.#uncleanable.has(state);
      if (!isCandidate) continue;
      const nowMs = this.environment.clock.nowMs();
      const plan = await planCompaction(state, this.checkpointed(state.topicPartition), nowMs);
      if (plan === undefined) continue;
      if (plan.dirtyRatio <= state.config['min.cleanable.dirty.ratio']) continue;
      if (plan.dirtyRatio > (best?.plan.dirtyRatio ?? 0)) best = { log, plan };
    }
    return best;
  }

  /** Whether nothing of the plan is left to do; also after an error, for now. */
  async #compact(log: CleanableLog, plan: CompactionPlan): Promise<boolean> {
    const { topicPartition } = log.state;
    const { hashKey, mapBytesMax } = this.settings;
    try {
      const cleanEndOffset = await compactLog(log.state, this.environment, plan, {
        pace: this.#pace,
        hashKey,
        mapBytesMax,
        swap: (old, cleaned) => log.replaceSegments(old, cleaned),
      });
      await this.#setCheckpoint(topicPartition, cleanEndOffset);
      return cleanEndOffset >= plan.firstUncleanableOffset;
    } catch (error) {
      const isDamaged = error instanceof ProtocolError && error.code === 'CORRUPT_MESSAGE';
      if (isDamaged) this.#uncleanable.add(log.state);
      this.#failed(error, topicPartition);
      return true;
    }
  }

  async #setCheckpoint(topicPartition: TopicPartition, offset: Offset): Promise<void> {
    this.#checkpoints.set(topicPartitionName(topicPartition), { topicPartition, offset });
    await this.#checkpointFile.write(this.#checkpoints.values());
  }

  #failed(error: unknown, topicPartition?: TopicPartition): undefined {
    if (error instanceof StoppedError || error instanceof LogChangedError) return;
    this.environment.logger.warn({ err: error, ...topicPartition }, 'a compaction failed');
  }
}
