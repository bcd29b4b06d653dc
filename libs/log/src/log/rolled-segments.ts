import type { Offset } from '#protocol';
import { isShortageBeforeSync } from '#runtime';
import type { LogSegment } from '../segment/segment.js';
import type { LogEnvironment, LogState } from './log-state.js';

/**
 * Makes segments that were rolled durable with their indexes, behind the writes' back: only then
 * may the recovery point pass them. What fails is tried again at the next call.
 *
 * `add` and `flush` may be called at any time; the work is done one segment after the other.
 */
export class RolledSegments {
  /** Oldest first. */
  #waiting: LogSegment[] = [];
  #work: Promise<void> = Promise.resolve();
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #events: {
    readonly onFlushed: () => void;
    readonly onSyncFailed: (cause: unknown) => void;
  };

  /**
   * @param onFlushed everything in front of the active segment is durable
   * @param onSyncFailed a sync of log bytes failed: it must not be tried again
   */
  constructor(
    log: LogState,
    environment: LogEnvironment,
    events: {
      readonly onFlushed: () => void;
      readonly onSyncFailed: (cause: unknown) => void;
    },
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(segment: LogSegment): void {
    this.#waiting.push(segment);
    void this.flush();
  }

  /** Segments that are deleted or replaced need no flush. */
  forget(from: Offset, to: Offset): void {
    this.#waiting = this.#waiting.filter(({ baseOffset }) => baseOffset < from || baseOffset >= to);
  }

  /** Resolves when all was tried; never rejects. */
  flush(): Promise<void> {
    this.#work = this.#work.then(() => this.#flushWaiting());
    return this.#work;
  }

  async #flushWaiting(): Promise<void> {
    for (;;) {
      const segment = this.#waiting[0];
      if (segment === undefined || this.#log.failure !== undefined) return;
      if (!(await this.#flushOne(segment))) return;
      this.#waiting = this.#waiting.filter((other) => other !== segment);
      if (this.isEmpty) this.#events.onFlushed();
    }
  }

  /** Whether the segment is durable now. */
  async #flushOne(segment: LogSegment): Promise<boolean> {
    const { syncs, durability, fileSystem, logger } = this.#environment;
    try {
      // With `fsync` every round of it was synced, and the directory when its successor was made.
      if (durability === 'os') await syncs.run(() => segment.datasync());
    } catch (error) {
      if (!isShortageBeforeSync(error)) this.#events.onSyncFailed(error);
      return false;
    }
    try {
      await segment.flushIndexes();
      await fileSystem.syncDirectory(this.#log.directory);
      return true;
    } catch (error) {
      logger.warn(
        { err: error, directory: this.#log.directory, segment: segment.baseOffset },
        'the indexes of a rolled segment could not be written: tried again later',
      );
      return false;
    }
  }
}
