import type { Offset } from '#protocol';
import { isShortageBeforeSync } from '#runtime';
import type { LogSegment } from '../segment/segment.js';
import type { LogEnvironment, LogState } from './log-state.js';

/**
 * Rolled segments that are not durable yet with their indexes: they are flushed in the background,
 * and only then may the recovery point pass them. A failed flush is retried at the next call.
 *
 * Overlap: `add` and `flush` may be called at any time; segments are flushed one after the other.
 */
export class RolledSegments {
  /** Pending segments, oldest first. */
  #waiting: LogSegment[] = [];
  #work: Promise<void> = Promise.resolve();
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #events: {
    readonly onFlushed: () => void;
    readonly onSyncFailed: (cause: unknown) => void;
  };

  /**
   * @param onFlushed called when everything before the active segment is durable
   * @param onSyncFailed called when a sync of log bytes failed, which must not be repeated
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

  /** Removes deleted or replaced segments, which need no flush. */
  forget(from: Offset, to: Offset): void {
    this.#waiting = this.#waiting.filter(({ baseOffset }) => baseOffset < from || baseOffset >= to);
  }

  /** Resolves when every flush was attempted; never rejects. */
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

  /** True when the segment is durable now. */
  async #flushOne(segment: LogSegment): Promise<boolean> {
    const { syncs, durability, fileSystem, logger } = this.#environment;
    try {
      // With `fsync` every round of it was synced, and the directory when its successor was
      // created.
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
