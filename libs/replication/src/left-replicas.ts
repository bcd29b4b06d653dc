/**
 * Logs of partitions that other brokers keep by now: they are removed here once a majority of the
 * brokers has it on disk that this one keeps them no more. Until then a rebuild of the registry
 * could bring it back as a replica, in sync with what is in its log.
 *
 * They stay open and unserved meanwhile, over restarts, too: whoever applies the metadata tells of
 * them again. A partition that comes back is opened after a removal that has begun.
 */
import type { CoordinationStore } from '#coordination';
import type { Log, LogManager } from '#log';
import { type TopicPartition, topicPartitionName } from '#protocol';
import type { Logger } from '#runtime';

/** How long a majority of the journals is waited for at once: it is asked again regularly. */
const JOURNALED_WAIT_MS = 200;

interface LeftReplicasOptions {
  readonly brokerId: number;
  readonly logManager: LogManager;
  readonly store: Pick<CoordinationStore, 'state' | 'whenJournaled'>;
  readonly logger: Logger;
}

export class LeftReplicas {
  readonly #options: LeftReplicasOptions;
  /** By partition name: logs that are to go. */
  readonly #left = new Map<string, Log>();
  readonly #removals = new Map<string, Promise<void>>();
  #isProving = false;
  #isClosed = false;

  constructor(options: LeftReplicasOptions) {
    this.#options = options;
  }

  /** This broker does not keep a partition any more. */
  add(log: Log): void {
    this.#left.set(topicPartitionName(log.topicPartition), log);
    void this.removeProven();
  }

  /**
   * Resolves when no removal of the partition is under way; none begins from then on unless it is
   * left.
   */
  async keep(topicPartition: TopicPartition): Promise<void> {
    const name = topicPartitionName(topicPartition);
    this.#left.delete(name);
    await this.#removals.get(name);
  }

  /** Removes what may go by now; to be called again for what may not. Never rejects. */
  async removeProven(): Promise<void> {
    const { store, logger } = this.#options;
    if (this.#isProving || this.#isClosed || this.#left.size === 0) return;
    this.#isProving = true;
    const leaving = [...this.#left];
    try {
      await store.whenJournaled(store.state.version, JOURNALED_WAIT_MS);
      for (const [name, log] of leaving) {
        if (this.#isClosed || this.#left.get(name) !== log) continue;
        if (this.#isKept(log)) this.#left.delete(name);
        else await this.#remove(name, log);
      }
    } catch (error) {
      logger.debug({ err: error }, 'replicas that are not kept here cannot be removed yet');
    } finally {
      this.#isProving = false;
    }
  }

  /** Removes nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  #isKept({ topicPartition, topicId }: Log): boolean {
    const { store, brokerId } = this.#options;
    const topic = store.state.topics.get(topicPartition.topic);
    const replicas = topic?.partitions[topicPartition.partition]?.replicas ?? [];
    // A topic that is gone is the business of whoever applies its deletion.
    return topic?.id !== topicId || replicas.includes(brokerId);
  }

  async #remove(name: string, log: Log): Promise<void> {
    this.#left.delete(name);
    const removal = this.#delete(log);
    this.#removals.set(name, removal);
    await removal;
    this.#removals.delete(name);
  }

  /**
   * Never rejects: a log that cannot be deleted now is told of again with the next change or start.
   */
  async #delete({ topicPartition }: Log): Promise<void> {
    const { logManager, logger } = this.#options;
    const partition = topicPartitionName(topicPartition);
    try {
      await logManager.deleteLog(topicPartition);
      logger.info({ partition }, 'the replica was removed: other brokers keep the partition');
    } catch (error) {
      logger.error(
        { partition, err: error },
        'a replica that is not kept here could not be removed',
      );
    }
  }
}
