/**
 * The indexes of delayed records of the partitions that this broker leads, each in its partition's
 * directory. The ones used last stay open; the others save what they have and are opened again
 * when a queue group asks.
 *
 * Overlap: calls may overlap; each index runs its own one after the other.
 */
import { DelayedIndex, type DueAnswer, type DueQuestion } from '#groups';
import type { Log } from '#log';
import type { TopicPartition } from '#protocol';
import type { ReplicaManager } from '#replication';
import type { FileSystem, Logger } from '#runtime';

export interface DelayedRecordsSettings {
  /** Indexes that are open at the same time. */
  readonly delayedIndexesMax: number;
  /** Delayed records of one index that are in memory. */
  readonly delayedTailRecordsMax: number;
}

const DEFAULTS: DelayedRecordsSettings = {
  delayedIndexesMax: 64,
  delayedTailRecordsMax: 65_536,
};

interface DelayedRecordsOptions {
  readonly settings: Partial<DelayedRecordsSettings>;
  readonly replicas: ReplicaManager;
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
}

/** Open indexes now; totals count from the start. */
export interface DelayedRecordsStatus {
  readonly indexes: number;
  /** Delayed records in open indexes, due ones that are still in the log too. */
  readonly records: number;
  readonly memoryBytes: number;
  /** Logs that were read from the oldest pending record on. */
  readonly rebuildsTotal: number;
  /** Indexes closed because others were asked for. */
  readonly evictedTotal: number;
}

export class DelayedRecords {
  readonly #options: DelayedRecordsOptions;
  readonly #indexesMax: number;
  readonly #tailRecordsMax: number;
  /** Indexes by the log of their partition, the one used last at the end. */
  readonly #indexes = new Map<Log, DelayedIndex>();
  #closedRebuilds = 0;
  #evictedTotal = 0;

  constructor(options: DelayedRecordsOptions) {
    const { settings } = options;
    this.#options = options;
    this.#indexesMax = settings.delayedIndexesMax ?? DEFAULTS.delayedIndexesMax;
    this.#tailRecordsMax = settings.delayedTailRecordsMax ?? DEFAULTS.delayedTailRecordsMax;
  }

  get status(): DelayedRecordsStatus {
    let records = 0;
    let memoryBytes = 0;
    let rebuildsTotal = this.#closedRebuilds;
    for (const index of this.#indexes.values()) {
      records += index.count;
      memoryBytes += index.memoryBytes;
      rebuildsTotal += index.rebuildsTotal;
    }
    const indexes = this.#indexes.size;
    return { indexes, records, memoryBytes, rebuildsTotal, evictedTotal: this.#evictedTotal };
  }

  /**
   * Lists delayed records of a partition that are due. See `DelayedIndex.list`.
   * @throws NotLeaderError; what reading the log throws
   */
  async list(target: TopicPartition, question: DueQuestion): Promise<DueAnswer> {
    const { log, leaderEpoch } = this.#options.replicas.table.leaderOrThrow(target);
    return { ...(await this.#indexOf(log).list(question)), leaderEpoch };
  }

  /** Saves all indexes, so that the next process does not read the logs again. */
  async close(): Promise<void> {
    const indexes = [...this.#indexes];
    this.#indexes.clear();
    await Promise.all(indexes.map(([log, index]) => this.#save(log, index)));
  }

  #indexOf(log: Log): DelayedIndex {
    const { fileSystem } = this.#options;
    const tailRecordsMax = this.#tailRecordsMax;
    const { directory } = log;
    const index =
      this.#indexes.get(log) ??
      new DelayedIndex({ log: this.#indexed(log), fileSystem, directory, tailRecordsMax });
    this.#indexes.delete(log);
    this.#indexes.set(log, index);
    this.#evict();
    return index;
  }

  #indexed(log: Log) {
    const { replicas } = this.#options;
    const { topic, partition } = log.topicPartition;
    return {
      get logStartOffset() {
        return log.offsets.logStart;
      },
      get highWatermark() {
        return log.offsets.highWatermark;
      },
      get logEndOffset() {
        return log.offsets.logEnd;
      },
      epochAt: (offset: number) => log.leadership.epochAt(offset),
      read: async (offset: number, maxBytes: number) => {
        const target = { topic, partition };
        return (await replicas.fetch(target, { offset, maxBytes, minBytes: 1, waitMs: 0 })).batches;
      },
    };
  }

  #evict(): void {
    for (const [log, index] of this.#indexes) {
      if (this.#indexes.size <= this.#indexesMax) return;
      this.#indexes.delete(log);
      this.#closedRebuilds += index.rebuildsTotal;
      this.#evictedTotal += 1;
      void this.#save(log, index);
    }
  }

  /** The files are a cache of the log: without the last part it is read again. */
  async #save({ topicPartition }: Log, index: DelayedIndex): Promise<void> {
    try {
      await index.save();
    } catch (error) {
      const { logger } = this.#options;
      const message = 'an index of delayed records was not saved: the next one reads the log again';
      logger.warn({ err: error, ...topicPartition }, message);
    }
  }
}
