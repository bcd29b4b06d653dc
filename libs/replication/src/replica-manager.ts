import type { LogManager, OffsetRange } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import { type Clock, Limiter, type Logger, type Random, type Scheduler } from '#runtime';
import {
  ClusterReplication,
  REPLICATION_DEFAULTS,
  type ReplicationCluster,
  type ReplicationSettings,
} from './cluster-replication.js';
import { waitForCommittedEnd } from './committed-end.js';
import { DelayedFetches, readNow } from './delayed-fetches.js';
import {
  type FetchedBatches,
  fetchedBatches,
  offsetForTimestamp,
  offsetOutOfRangeError,
  type PartitionFetch,
  positionFault,
  readBatches,
} from './fetch.js';
import { MetadataApplier } from './metadata-applier.js';
import type { Partition } from './partition.js';
import { PartitionTable } from './partition-table.js';
import { StrayReplicas } from './stray-replicas.js';

interface ReplicaManagerOptions extends Partial<ReplicationSettings> {
  readonly logManager: LogManager;
  readonly brokerId: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly delayedFetchesMax: number;
  readonly diskReadsMax: number;
  readonly cluster: ReplicationCluster;
}

interface ListedPosition {
  readonly offset: Offset | null;
  readonly timestamp: number | null;
  readonly leaderEpoch: LeaderEpoch | null;
}

/**
 * The replicas of this broker: the table of its partitions, the applier of the cluster's metadata
 * to them, and their replication with other brokers. It serves reads and deletions of records.
 *
 * Overlap: everything may overlap with everything, except calls of `applier` for one topic.
 */
export class ReplicaManager {
  readonly table: PartitionTable;
  readonly applier: MetadataApplier;
  readonly replication: Pick<ClusterReplication, 'handlers' | 'reassignmentBytesTotal'>;
  readonly delayedFetches: DelayedFetches;
  /** Serialises reads from disk over all partitions up to a limit: each read holds its memory. */
  readonly diskReads: Limiter;
  readonly #replication: ClusterReplication;
  readonly #strays: StrayReplicas;
  readonly #scheduler: Scheduler;

  constructor(options: ReplicaManagerOptions) {
    const { cluster, scheduler } = options;
    this.#scheduler = scheduler;
    this.table = new PartitionTable(options.logger);
    this.delayedFetches = new DelayedFetches(scheduler, options.delayedFetchesMax);
    this.diskReads = new Limiter(options.diskReadsMax);
    this.#strays = new StrayReplicas({ ...options, ...cluster });
    this.#replication = new ClusterReplication({
      ...REPLICATION_DEFAULTS,
      ...options,
      partition: (topic, partition) => this.table.partition(topic, partition),
      partitions: () => this.table.partitions(),
      onCheck: () => {
        this.applier.settleAll();
        void this.#strays.removeProven();
      },
    });
    this.replication = this.#replication;
    this.applier = this.#newApplier(options);
  }

  /**
   * Hot for readers at the tail: answers without I/O and with one promise when the cache has it.
   */
  fetch(target: TopicPartition, fetch: PartitionFetch): Promise<FetchedBatches> {
    const partition = this.table.partition(target.topic, target.partition);
    if (partition === undefined) return Promise.reject(this.table.notServed(target));
    if (fetch.waitMs === 0) return readNow(partition, fetch);
    const fault = positionFault(partition, fetch);
    if (fault !== undefined) return Promise.reject(fault);
    const read = readBatches(partition, fetch);
    if (read instanceof Promise) {
      // Not in the cache: the reader is behind the tail.
      return read.then((batches) => fetchedBatches(partition, batches));
    }
    const result = fetchedBatches(partition, read);
    return isEnough(result, fetch)
      ? Promise.resolve(result)
      : this.delayedFetches.wait(partition, fetch);
  }

  /** A partition's position: where it begins, where committed records end, or by time. */
  async listOffset(
    target: TopicPartition,
    at: 'earliest' | 'latest' | { readonly timestampMs: number },
  ): Promise<ListedPosition> {
    const partition = this.table.partitionOrThrow(target.topic, target.partition);
    const { log, leaderEpoch } = partition;
    if (at === 'earliest') {
      const offset = log.offsets.logStart;
      return {
        offset,
        timestamp: null,
        leaderEpoch: log.leadership.epochAt(offset) ?? leaderEpoch,
      };
    }
    if (!partition.isCommittedEndKnown) {
      await waitForCommittedEnd(partition, this.#scheduler);
    }
    const { highWatermark } = partition;
    if (at === 'latest') return { offset: highWatermark, timestamp: null, leaderEpoch };
    const found = await offsetForTimestamp(partition, at.timestampMs);
    return found ?? { offset: null, timestamp: null, leaderEpoch: null };
  }

  /**
   * Removes all records below `beforeOffset`.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE beyond the high watermark, POLICY_VIOLATION where the
   *   topic is only compacted: its old records are state, not history
   */
  async deleteRecords(target: TopicPartition, beforeOffset: Offset): Promise<Offset> {
    const partition = this.table.partitionOrThrow(target.topic, target.partition);
    if (partition.log.config['cleanup.policy'] === 'compact') {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `Records of topic "${target.topic}" cannot be deleted: its cleanup.policy is "compact".`,
      );
    }
    if (beforeOffset > partition.highWatermark) {
      throw offsetOutOfRangeError(
        partition,
        `Records up to offset ${beforeOffset} cannot be deleted: ` +
          `the high watermark is ${partition.highWatermark}.`,
      );
    }
    return partition.log.trimmer.deleteRecordsBefore(beforeOffset);
  }

  /**
   * Accepts the loss of synced records that are missing at the end of a log.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE when the missing records are not exactly those
   */
  acceptDataLoss(target: TopicPartition, lost: OffsetRange): Promise<void> {
    return this.table.partitionOrThrow(target.topic, target.partition).log.damage.acceptLoss(lost);
  }

  /** Stops serving all partitions; their logs are the log manager's to close. */
  close(): void {
    this.#replication.close();
    this.#strays.close();
    this.delayedFetches.end();
    this.table.close();
  }

  #newApplier(options: ReplicaManagerOptions): MetadataApplier {
    const { table, diskReads } = this;
    const replication = this.#replication;
    const partitionOptions = {
      member: replication.member,
      diskReads,
      onHighWatermark: (partition: Partition) => {
        this.delayedFetches.wake(partition);
        replication.wake(partition);
      },
    };
    const parts = { table, replication, strays: this.#strays, partitionOptions };
    return new MetadataApplier({ ...options, ...options.cluster }, parts);
  }
}

/** True when a fetch needs no wait: it has enough bytes, or no more would fit. */
function isEnough(result: FetchedBatches, fetch: PartitionFetch): boolean {
  const last = result.batches.at(-1);
  if (last === undefined) return false;
  if (fetch.minBytes <= 1 || last.nextOffset < result.highWatermark) return true;
  let bytes = 0;
  for (const batch of result.batches) bytes += batch.sizeBytes;
  return bytes >= Math.min(fetch.minBytes, fetch.maxBytes);
}
