/**
 * Lists the queue groups of one coordinator in the metadata of their topics, before they have a
 * first position there, and takes groups that are gone off the lists.
 *
 * Overlap: calls may overlap; changes of the lists are made one after the other.
 */
import type { Partition } from '#replication';
import { type Logger, SerialQueue } from '#runtime';
import type { PendingPosition } from '../state/assign.js';
import type { FoundPosition } from './position-resolution.js';

/** The leadership by which a broker coordinates a group. */
interface CoordinatorTerm {
  /** Partition of the offsets topic. */
  readonly partition: number;
  readonly leaderEpoch: number;
}

/** The lists of queue groups in the metadata of topics. */
export interface QueueLists {
  /**
   * Adds a group to the lists of topics.
   * @returns the version of the metadata that has it
   * @throws ProtocolError COORDINATOR_NOT_AVAILABLE after the term
   */
  add(
    group: string,
    topics: readonly { readonly topic: string; readonly topicId: string }[],
    term: CoordinatorTerm,
  ): Promise<number>;
  /** Takes a group off all lists. @throws as add */
  remove(group: string, term: CoordinatorTerm): Promise<void>;
  /** True when a topic lists the group, as far as this broker knows. */
  has(group: string): boolean;
}

/**
 * Finds positions of partitions by their policy; those that are not known now are left out.
 * @param metadataVersion leaders answer only once they know this version
 */
export type FindPositions = (
  pending: readonly PendingPosition[],
  metadataVersion?: number,
) => Promise<readonly FoundPosition[]>;

interface QueueListingsOptions {
  readonly lists: QueueLists;
  readonly find: FindPositions;
  readonly partition: Partition;
  readonly isQueue: (group: string) => boolean;
  /** Asks the log of the group. */
  readonly isForgotten: (group: string) => Promise<boolean>;
  readonly logger: Logger;
}

export class QueueListings {
  readonly #options: QueueListingsOptions;
  readonly #queue = new SerialQueue();

  constructor(options: QueueListingsOptions) {
    this.#options = options;
  }

  /** Finds positions; those of a queue group once its topics list it. */
  async find(
    group: string,
    pending: readonly PendingPosition[],
  ): Promise<readonly FoundPosition[]> {
    const { lists, find, isQueue } = this.#options;
    if (!isQueue(group)) return find(pending);
    const topics = new Map(pending.map(({ topic, topicId }) => [topic, { topic, topicId }]));
    const version = await this.#queue.run(() => lists.add(group, [...topics.values()], this.#term));
    return find(pending, version);
  }

  /** Takes a group off the lists if nothing of it is left. Never rejects. */
  async forget(group: string): Promise<void> {
    const { lists, isForgotten, logger } = this.#options;
    if (!lists.has(group)) return;
    try {
      await this.#queue.run(async () => {
        // The group may have been used again in the meantime: then it stays.
        if (await isForgotten(group)) await lists.remove(group, this.#term);
      });
    } catch (error) {
      logger.warn(
        { err: error, group },
        'a queue group could not be removed from the lists of its topics yet',
      );
    }
  }

  get #term(): CoordinatorTerm {
    const { topicPartition, leaderEpoch } = this.#options.partition;
    return { partition: topicPartition.partition, leaderEpoch };
  }
}
