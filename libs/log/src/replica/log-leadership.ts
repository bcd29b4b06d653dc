import type { LeaderEpoch, Offset } from '#protocol';
import type { Election } from '../leader-epoch/leader-elections.js';
import type { EpochEndOffset } from '../leader-epoch/leader-epoch-cache.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import type { LogWriter } from '../log/log-writer.js';
import { failedWriteError } from '../log/storage-error.js';

/** End of an epoch in a log, and the election that began it. */
export interface ElectionEndOffset extends EpochEndOffset {
  readonly electionId: string | undefined;
}

/**
 * The leader epochs and elections of a log, and its role in them: the log of a leader or of a
 * follower.
 *
 * Overlap: all methods may overlap; each runs its change in the log's write lane.
 */
export class LogLeadership {
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #writer: LogWriter;

  constructor(log: LogState, environment: LogEnvironment, writer: LogWriter) {
    this.#log = log;
    this.#environment = environment;
    this.#writer = writer;
  }

  /** The newest epoch of the log; undefined before its first. */
  get latestEpoch(): LeaderEpoch | undefined {
    return this.#log.epochs.latestEpoch;
  }

  /** The newest leader epoch that this replica has taken part in, with its election where known. */
  get acceptedElection(): { readonly epoch: LeaderEpoch; readonly electionId: string | undefined } {
    const { elections, epochs } = this.#log;
    const latest = epochs.latestEpoch ?? -1;
    const { accepted } = elections;
    if (accepted !== undefined && accepted.epoch >= latest) return accepted;
    return { epoch: latest, electionId: elections.idOf(latest) };
  }

  /**
   * Returns the first offset that was, or would be, written in an epoch; undefined when the log has
   * no such epoch.
   */
  epochStart(epoch: LeaderEpoch): Offset | undefined {
    return this.#log.epochs.entries.findLast((entry) => entry.epoch === epoch)?.startOffset;
  }

  /** Returns the start of the first epoch after `epoch`; undefined when there is none yet. */
  epochStartAfter(epoch: LeaderEpoch): Offset | undefined {
    return this.#log.epochs.entries.find((entry) => entry.epoch > epoch)?.startOffset;
  }

  /** Returns the epoch that an offset was written in; undefined below the first known epoch. */
  epochAt(offset: Offset): LeaderEpoch | undefined {
    return this.#log.epochs.epochForOffset(offset);
  }

  /**
   * Returns the end of the greatest epoch at or below `epoch`; undefined when `epoch` is not known
   * yet.
   */
  epochEnd(epoch: LeaderEpoch): EpochEndOffset | undefined {
    return this.#log.epochs.endOffsetFor(epoch, this.#log.offsets.logEnd);
  }

  /**
   * Returns the end of the greatest epoch at or below `epoch` that is the same election here, as
   * far as ids are known; undefined when the log has no epoch as low. Above all known epochs it is
   * the log end.
   */
  electionEnd(epoch: LeaderEpoch, electionId: string | undefined): ElectionEndOffset | undefined {
    const { epochs, elections, offsets } = this.#log;
    const ownId = elections.idOf(epoch);
    const isOther = ownId !== undefined && electionId !== undefined && ownId !== electionId;
    const latest = epochs.latestEpoch ?? -1;
    const asked = Math.min(isOther ? epoch - 1 : epoch, latest);
    const end = epochs.endOffsetFor(asked, offsets.logEnd);
    return end === undefined ? undefined : { ...end, electionId: elections.idOf(end.epoch) };
  }

  /** Returns the id of the election that began an epoch of the log, where known. */
  electionIdOf(epoch: LeaderEpoch): string | undefined {
    return this.#log.elections.idOf(epoch);
  }

  /**
   * Takes part in an election, unless it is older than the newest it has taken part in; durable
   * when it resolves: from then on the log accepts nothing from a leader of an earlier epoch
   * (replication-safety 4.1).
   * @returns whether the election is the accepted one now
   */
  tryAccept(election: Election): Promise<boolean> {
    return this.#writer.exclusive(async () => {
      const { elections, epochs } = this.#log;
      if (election.epoch < this.acceptedElection.epoch) return false;
      const epochsInLog = epochs.entries.map(({ epoch }) => epoch);
      try {
        await this.#environment.reserve.run(() => elections.accept(election, epochsInLog));
      } catch (error) {
        throw failedWriteError(error);
      }
      return true;
    });
  }

  /**
   * Begins a leader epoch at the log end; durable when it resolves. Appends of older epochs fail.
   */
  assignEpoch(epoch: LeaderEpoch): Promise<void> {
    return this.#writer.exclusive(async () => {
      const { epochs, offsets } = this.#log;
      this.#log.role = 'leader';
      if (epoch <= (epochs.latestEpoch ?? -1)) return;
      try {
        await epochs.assign(epoch, offsets.logEnd);
      } catch (error) {
        throw failedWriteError(error);
      }
    });
  }

  /**
   * Makes the log a follower's: appends of a leader are refused at once. Resolves when the current
   * write has ended and epochs without a record are removed.
   */
  stopLeading(): Promise<void> {
    this.#writer.stopLeading();
    return this.#writer.exclusive(async () => {
      const { epochs, offsets } = this.#log;
      epochs.truncateFromEnd(offsets.logEnd);
      try {
        await epochs.flush();
      } catch (error) {
        throw failedWriteError(error);
      }
    });
  }
}
