/**
 * Removes the groups that were not used for offsets.retention.minutes.
 *
 * Overlap: checks do not overlap.
 */
import { RepeatedTask } from '#log';
import type { Clock, Logger, Scheduler } from '#runtime';
import { decideExpiry } from '../state/decide-removal.js';
import type { GroupCoordinator } from './group-coordinator.js';
import type { LoadedCoordinators } from './loaded-coordinators.js';

/** Kafka's offsets.retention.check.interval.ms. */
const CHECK_INTERVAL_MS = 600_000;
const MINUTE_MS = 60_000;

interface GroupExpiryOptions {
  readonly loaded: LoadedCoordinators;
  readonly offsetsRetentionMinutes: number;
  /** The time by which offsets expire. */
  readonly expiryClock: Pick<Clock, 'nowMs'>;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

export class GroupExpiry {
  readonly #options: GroupExpiryOptions;
  readonly #task: RepeatedTask;
  #expiredTotal = 0;

  constructor(options: GroupExpiryOptions) {
    this.#options = options;
    this.#task = new RepeatedTask(options.scheduler, options.logger, {
      name: 'offset-expiry',
      intervalMs: CHECK_INTERVAL_MS,
      run: () => this.#expire(),
    });
  }

  /** Number of offsets that were removed, since the start. */
  get expiredTotal(): number {
    return this.#expiredTotal;
  }

  /** Ends the checks. */
  stop(): Promise<void> {
    return this.#task.stop();
  }

  /**
   * Expires unused groups in all partitions; a failing partition (a full disk, for example) does
   * not stop the others.
   */
  async #expire(): Promise<void> {
    const { loaded, expiryClock, offsetsRetentionMinutes } = this.#options;
    const sinceMs = expiryClock.nowMs() - offsetsRetentionMinutes * MINUTE_MS;
    const failures: unknown[] = [];
    for (const number of loaded.ledNumbers()) {
      try {
        await this.#expireGroups(await loaded.get(number), sinceMs);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #expireGroups(coordinator: GroupCoordinator, sinceMs: number): Promise<void> {
    for (const { name, offsets } of coordinator.table.all()) {
      const { count } = offsets;
      const isExpired = await coordinator.run({
        group: name,
        decide: (group) => decideExpiry(group, sinceMs),
        answer: ({ isForgotten }) => isForgotten,
      });
      if (isExpired) this.#expiredTotal += count;
    }
  }
}
