import { isShortage, isShortageBeforeSync } from '#runtime';
import { LogSegment } from '../segment/segment.js';
import type { LogEnvironment, LogState } from './log-state.js';

/**
 * Begins the new segments of a log.
 *
 * A roll that fails for lack of descriptors or memory leaves the log unchanged and is repeated with
 * the next append. Its file may exist already, so that nothing may be appended to the segment
 * before it until the roll is done: those offsets would lie after the base offset of that file.
 *
 * Overlap: calls must not overlap; they are made in the log's write lane.
 */
export class SegmentRoller {
  /** New segment of a failed roll whose file may exist. */
  #unfinished: LogSegment | undefined;
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #events: {
    readonly syncsWrites: () => boolean;
    readonly onRolled: (segment: LogSegment) => void;
    readonly onSyncFailed: (cause: unknown) => void;
  };

  /**
   * @param syncsWrites true when writes to a new segment must be durable once they end
   * @param onRolled called with the segment that no longer receives appends
   * @param onSyncFailed called when the sync of the directory failed: the log must go offline
   */
  constructor(
    log: LogState,
    environment: LogEnvironment,
    events: {
      readonly syncsWrites: () => boolean;
      readonly onRolled: (segment: LogSegment) => void;
      readonly onSyncFailed: (cause: unknown) => void;
    },
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#events = events;
  }

  /** True when the active segment is older than segment.ms. */
  get isDue(): boolean {
    const { active } = this.#log.segments;
    if (active.sizeBytes === 0 || active.firstAppendMs === undefined) return false;
    const ageMs = this.#environment.clock.nowMs() - active.firstAppendMs;
    return ageMs > this.#log.config['segment.ms'];
  }

  /** True when a roll has begun that must be completed before the next append. */
  get isUnfinished(): boolean {
    return this.#unfinished !== undefined;
  }

  /** Begins a new segment at the log end, unless the active one is empty. */
  async roll(): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const old = log.segments.active;
    if (old.sizeBytes === 0) return;
    const { logEnd } = log.offsets;
    // The snapshot comes first: once the next segment exists, this one and its producers' batches
    // may be deleted.
    await takeProducerSnapshot(log, environment, 'roll');
    const next = LogSegment.open(environment.files, log.directory, logEnd, 0);
    next.file.syncWrites(this.#events.syncsWrites());
    this.#unfinished = next;
    await this.#makeSegment(next);
    this.#unfinished = undefined;
    log.segments.add(next);
    this.#events.onRolled(old);
  }

  /**
   * Removes the file that an unfinished roll may have left, before the log is truncated. The caller
   * syncs the directory.
   */
  async dropUnfinished(): Promise<void> {
    await this.#unfinished?.remove();
    this.#unfinished = undefined;
  }

  async #makeSegment(segment: LogSegment): Promise<void> {
    const environment = this.#environment;
    const log = this.#log;
    let isMade = false;
    try {
      await segment.makeFile();
      isMade = true;
      if (environment.durability !== 'fsync') return;
      // The synced end passes the boundary with the next round: the new name must be durable then.
      await environment.fileSystem.syncDirectory(log.directory);
    } catch (error) {
      // An unused open file would hold a descriptor that others need.
      await segment.file.close().catch(() => undefined);
      if (isMade && !isShortageBeforeSync(error)) this.#events.onSyncFailed(error);
      throw error;
    }
  }
}

/**
 * Takes a producer snapshot at the log end. It saves a scan of the log at the next start, so that a
 * failure only costs that scan; a roll waits for the end of a shortage instead.
 */
export async function takeProducerSnapshot(
  log: LogState,
  environment: LogEnvironment,
  when: 'roll' | 'stop',
): Promise<void> {
  const offset = log.offsets.logEnd;
  try {
    await log.producers.takeSnapshot(offset);
  } catch (error) {
    if (when === 'roll' && isShortage(error)) throw error;
    environment.logger.warn(
      { err: error, ...log.topicPartition, offset },
      'a producer snapshot could not be written',
    );
  }
}
