import { type FileHandle, isDiskFailure, retryDuringShortage } from '#runtime';
import type { AppendRound } from './append-round.js';
import type { LogEnvironment, LogState } from './log-state.js';

/** A round that is not durable. */
export interface RoundFailure {
  /** True when the file is durably as it was before; else the content of the disk is unknown. */
  readonly isUndone: boolean;
  readonly what: string;
  readonly cause: unknown;
}

/**
 * Brings rounds of appends to the disk.
 *
 * Overlap: calls must not overlap; they are made in the log's write lane.
 */
export class RoundStorage {
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #onWritten: (round: AppendRound) => void;

  /** @param onWritten called when the log end moves: after the sync if the write has one */
  constructor(log: LogState, environment: LogEnvironment, onWritten: (round: AppendRound) => void) {
    this.#log = log;
    this.#environment = environment;
    this.#onWritten = onWritten;
  }

  /**
   * Writes a round to the end of the active segment and, with `fsync` durability, syncs it. A
   * failed write is cut off again.
   * @returns the failure; undefined when the round is in the log
   */
  async persist(round: AppendRound, handle: FileHandle): Promise<RoundFailure | undefined> {
    const isSynced = this.#environment.durability === 'fsync';
    if (isSynced && handle.syncsWrites) return this.#writeSynced(round, handle);
    try {
      await handle.writev(round.buffers, this.#log.segments.active.sizeBytes);
    } catch (error) {
      return this.#undo(handle, error);
    }
    this.#onWritten(round);
    return isSynced ? this.#sync(round, handle) : undefined;
  }

  /**
   * Writes a round with a call that also syncs it. A fault is undone, whether the write or its sync
   * reported it: the bytes before the round were synced earlier, and those of the round are cut
   * off. After an error of the disk itself (EIO) nothing is known, as after a failed sync.
   */
  async #writeSynced(round: AppendRound, handle: FileHandle): Promise<RoundFailure | undefined> {
    const { sizeBytes } = this.#log.segments.active;
    try {
      await this.#timed(round, () => handle.writev(round.buffers, sizeBytes));
    } catch (error) {
      return isDiskFailure(error) ? syncFailed(error) : this.#undo(handle, error);
    }
    this.#onWritten(round);
    return undefined;
  }

  async #sync(round: AppendRound, handle: FileHandle): Promise<RoundFailure | undefined> {
    try {
      await this.#timed(round, () => handle.datasync());
      return undefined;
    } catch (error) {
      return syncFailed(error);
    }
  }

  /** Runs the call that makes a round durable, as one of a bounded number, and measures it. */
  #timed({ sizeBytes }: AppendRound, sync: () => Promise<void>): Promise<void> {
    const { clock, observer, syncs } = this.#environment;
    return syncs.run(async () => {
      const startMs = clock.monotonicMs();
      await sync();
      observer.synced(clock.monotonicMs() - startMs, sizeBytes);
    });
  }

  /** Removes, durably, the bytes of a failed write. */
  async #undo(handle: FileHandle, cause: unknown): Promise<RoundFailure> {
    const { scheduler, syncs } = this.#environment;
    try {
      const { sizeBytes } = this.#log.segments.active;
      await retryDuringShortage(scheduler, () => handle.truncate(sizeBytes));
      await syncs.run(() => handle.datasync());
      return { isUndone: true, what: 'a write failed', cause };
    } catch (error) {
      return { isUndone: false, what: 'a failed write could not be undone', cause: error };
    }
  }
}

function syncFailed(cause: unknown): RoundFailure {
  return { isUndone: false, what: 'a sync failed', cause };
}
