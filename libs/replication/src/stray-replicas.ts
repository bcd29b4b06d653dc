import type { CoordinationStore } from '#coordination';
import type { Log, LogManager } from '#log';
import { type TopicPartition, topicPartitionName } from '#protocol';
import type { Logger } from '#runtime';

/** Longest wait for a majority of the journals, in ms; the check is repeated regularly. */
const JOURNALED_WAIT_MS = 200;

interface StrayReplicasOptions {
  readonly brokerId: number;
  readonly logManager: LogManager;
  readonly store: Pick<CoordinationStore, 'state' | 'whenJournaled'>;
  readonly logger: Logger;
}

/**
 * Replicas here of partitions that only other brokers keep now. A log is removed once a majority of
 * the brokers has on disk that this broker no longer keeps it. Until then a rebuild of the registry
 * could make this broker a replica again, in sync with the records of its log.
 *
 * Meanwhile the logs stay open and are not served. After a restart they are added again when the
 * metadata is applied.
 *
 * Overlap: all calls may overlap; one run of `removeProven` is in progress at a time. A partition
 * that comes back waits in `keep` for a removal that has begun.
 */
export class StrayReplicas {
  readonly #options: StrayReplicasOptions;
  /** Logs to remove, by partition name. */
  readonly #strays = new Map<string, Log>();
  readonly #removals = new Map<string, Promise<void>>();
  #isProving = false;
  #isClosed = false;

  constructor(options: StrayReplicasOptions) {
    this.#options = options;
  }

  /** Adds the log of a partition that this broker no longer keeps. */
  add(log: Log): void {
    this.#strays.set(topicPartitionName(log.topicPartition), log);
    void this.removeProven();
  }

  /**
   * Keeps the log of a partition. Resolves when no removal of it is in progress; none begins later
   * unless it is added again.
   */
  async keep(topicPartition: TopicPartition): Promise<void> {
    const name = topicPartitionName(topicPartition);
    this.#strays.delete(name);
    await this.#removals.get(name);
  }

  /** Removes the logs that may go now; call it again for the others. Never rejects. */
  async removeProven(): Promise<void> {
    const { store, logger } = this.#options;
    if (this.#isProving || this.#isClosed || this.#strays.size === 0) return;
    this.#isProving = true;
    const leavingStrays = [...this.#strays];
    try {
      await store.whenJournaled(store.state.version, JOURNALED_WAIT_MS);
      for (const [name, log] of leavingStrays) {
        if (this.#isClosed || this.#strays.get(name) !== log) continue;
        if (this.#isKept(log)) this.#strays.delete(name);
        else await this.#remove(name, log);
      }
    } catch (error) {
      logger.debug({ err: error }, 'stray replicas cannot be removed yet: tried again');
    } finally {
      this.#isProving = false;
    }
  }

  /** Stops removing logs. */
  close(): void {
    this.#isClosed = true;
  }

  #isKept({ topicPartition, topicId }: Log): boolean {
    const { store, brokerId } = this.#options;
    const topic = store.state.topics.get(topicPartition.topic);
    const replicas = topic?.partitions[topicPartition.partition]?.replicas ?? [];
    // The logs of a deleted topic go when its deletion is applied.
    return topic?.id !== topicId || replicas.includes(brokerId);
  }

  async #remove(name: string, log: Log): Promise<void> {
    this.#strays.delete(name);
    const removal = this.#delete(log);
    this.#removals.set(name, removal);
    await removal;
    this.#removals.delete(name);
  }

  /**
   * Never rejects: a log that cannot be deleted now is added again with the next change of the
   * metadata or at the next start.
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
        'a stray replica could not be removed: tried again with the next change of the metadata',
      );
    }
  }
}
