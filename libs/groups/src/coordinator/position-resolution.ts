/**
 * Finds the positions that assignments wait for, and commits them. A partition whose leader does
 * not answer is tried again later; meanwhile the other partitions are assigned.
 *
 * Overlap: calls may overlap; one attempt per group is under way at a time.
 */
import type { Offset } from '#protocol';
import type { Logger, Scheduler } from '#runtime';
import type { PendingPosition } from '../state/assign.js';
import type { TopicIdPartition } from '../state/member-assignment.js';

const RETRY_MS = 500;

/** A position that was found. */
export type FoundPosition = TopicIdPartition & { readonly offset: Offset };

interface PositionResolutionOptions {
  /** Positions of partitions by their policy; those that are not known now are left out. */
  readonly find: (
    group: string,
    pending: readonly PendingPosition[],
  ) => Promise<readonly FoundPosition[]>;
  readonly commit: (group: string, found: readonly FoundPosition[]) => Promise<void>;
  readonly pendingOf: (group: string) => readonly PendingPosition[];
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** The attempts of one group. */
interface GroupAttempts {
  underWay: Promise<void> | undefined;
  /** Partitions that the last attempt did not find; they are left alone until the next retry. */
  readonly missed: Set<string>;
  isRetryScheduled: boolean;
}

export class PositionResolution {
  readonly #options: PositionResolutionOptions;
  readonly #groups = new Map<string, GroupAttempts>();
  #isClosed = false;

  constructor(options: PositionResolutionOptions) {
    this.#options = options;
  }

  /** Begins to find what an assignment of the group waits for, if anything. */
  look(group: string): void {
    if (this.#isClosed || this.#groups.get(group)?.underWay !== undefined) return;
    const missed = this.#groups.get(group)?.missed;
    const pending = this.#options
      .pendingOf(group)
      .filter((one) => missed?.has(keyOf(one)) !== true);
    if (pending.length === 0) return;
    const attempts = this.#groups.get(group) ?? {
      underWay: undefined,
      missed: new Set<string>(),
      isRetryScheduled: false,
    };
    this.#groups.set(group, attempts);
    attempts.underWay = this.#attempt(group, attempts, pending);
  }

  /** Resolves when no attempt is under way for a group. */
  async settled(group: string): Promise<void> {
    for (;;) {
      const underWay = this.#groups.get(group)?.underWay;
      if (underWay === undefined) return;
      await underWay;
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Never rejects. */
  async #attempt(
    group: string,
    attempts: GroupAttempts,
    pending: readonly PendingPosition[],
  ): Promise<void> {
    const { find, commit, logger } = this.#options;
    for (const one of pending) attempts.missed.add(keyOf(one));
    try {
      const found = await find(group, pending);
      if (found.length > 0) await commit(group, found);
      for (const one of found) attempts.missed.delete(keyOf(one));
    } catch (error) {
      logger.warn({ err: error, group }, 'positions of a group could not be committed yet');
    }
    attempts.underWay = undefined;
    if (attempts.missed.size > 0) this.#retryLater(group, attempts);
    else this.#groups.delete(group);
    this.look(group);
  }

  #retryLater(group: string, attempts: GroupAttempts): void {
    if (attempts.isRetryScheduled) return;
    attempts.isRetryScheduled = true;
    this.#options.scheduler.after(RETRY_MS, () => {
      attempts.isRetryScheduled = false;
      attempts.missed.clear();
      if (attempts.underWay === undefined) this.#groups.delete(group);
      this.look(group);
    });
  }
}

function keyOf({ topicId, partition }: TopicIdPartition): string {
  return `${topicId} ${partition}`;
}
