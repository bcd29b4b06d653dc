/**
 * The partitions that this broker keeps: makes and removes their logs as the cluster's metadata says,
 * and serves reads from them.
 *
 * `applyTopic` and `removeTopic` must not overlap with each other (their caller applies the metadata's
 * changes one after the other); everything else may overlap with everything.
 */
import type { PartitionMetadata, TopicMetadata } from '#coordination';
import type { Log, LogManager, OffsetRange } from '#log';
import {
  type LeaderEpoch,
  type Offset,
  ProtocolError,
  parseTopicConfig,
  type TopicConfig,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import { Limiter, type Logger, type Scheduler } from '#runtime';
import { DelayedFetches, readNow } from './delayed-fetches.js';
import {
  type FetchedBatches,
  fetchedBatches,
  outOfRange,
  type PartitionFetch,
  positionFault,
  readBatches,
} from './fetch.js';
import { Partition } from './partition.js';
import { NotLeaderError } from './peers.js';

/** Partitions opened or deleted at the same time: enough to keep a disk busy, few enough for its queue. */
const OPENED_AT_ONCE = 16;

interface ReplicaManagerOptions {
  readonly logManager: LogManager;
  readonly brokerId: number;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly delayedFetchesMax: number;
  readonly diskReadsMax: number;
}

/** A partition that this broker should serve and cannot. */
interface OfflinePartition extends TopicPartition {
  readonly reason: string;
}

interface ListedPosition {
  readonly offset: Offset | null;
  readonly timestamp: number | null;
  readonly leaderEpoch: LeaderEpoch | null;
}

export class ReplicaManager {
  readonly delayedFetches: DelayedFetches;
  /** What is not cached is read in turn, over all partitions: a read holds the memory it reads into. */
  readonly diskReads: Limiter;
  readonly #options: ReplicaManagerOptions;
  readonly #partitions = new Map<string, (Partition | undefined)[]>();
  readonly #offline = new Map<string, OfflinePartition>();

  constructor(options: ReplicaManagerOptions) {
    this.#options = options;
    this.delayedFetches = new DelayedFetches(options.scheduler, options.delayedFetchesMax);
    this.diskReads = new Limiter(options.diskReadsMax);
  }

  partition(topic: string, partition: number): Partition | undefined {
    return this.#partitions.get(topic)?.[partition];
  }

  *partitions(): Iterable<Partition> {
    for (const ofTopic of this.#partitions.values()) {
      for (const partition of ofTopic) if (partition !== undefined) yield partition;
    }
  }

  /** The partitions that should be served and cannot be. */
  offline(): Iterable<OfflinePartition> {
    return this.#offline.values();
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR when it is offline */
  partitionOrThrow(topic: string, partition: number): Partition {
    const found = this.partition(topic, partition);
    if (found !== undefined) return found;
    throw this.notServed({ topic, partition });
  }

  /**
   * A partition that this broker leads.
   * @throws NotLeaderError, also when it keeps no replica; ProtocolError KAFKA_STORAGE_ERROR when the
   *   replica is offline
   */
  leaderOrThrow(target: TopicPartition): Partition {
    const partition = this.partition(target.topic, target.partition);
    if (partition?.isLeader === true) return partition;
    if (this.#offline.has(topicPartitionName(target))) throw this.notServed(target);
    const { leader, leaderEpoch } = partition?.metadata ?? { leader: null, leaderEpoch: -1 };
    throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', leader, leaderEpoch);
  }

  /** Why a partition is not served: it does not exist, or it is offline. */
  notServed(target: TopicPartition): ProtocolError {
    const offline = this.#offline.get(topicPartitionName(target));
    return offline === undefined
      ? new ProtocolError(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `There is no partition ${target.partition} of topic "${target.topic}".`,
        )
      : new ProtocolError(
          'KAFKA_STORAGE_ERROR',
          `Partition ${target.partition} of topic "${target.topic}" is offline: ` +
            'its log could not be opened. The other partitions are served.',
        );
  }

  /**
   * Brings the partitions that this broker keeps of a topic to what its metadata says: opens or makes
   * logs, leads in new epochs, takes over configs. A partition that cannot be opened is offline; the
   * others are served.
   */
  async applyTopic(topic: TopicMetadata): Promise<void> {
    const config = parseTopicConfig(topic.configs, topic.partitions[0]?.replicas.length ?? 1);
    const served = this.#partitions.get(topic.name) ?? [];
    this.#partitions.set(topic.name, served);
    const numbers = topic.partitions.keys();
    const openNext = async (): Promise<void> => {
      for (const partition of numbers) {
        const metadata = topic.partitions[partition];
        if (metadata?.replicas.includes(this.#options.brokerId) !== true) continue;
        await this.#applyPartition(topic, partition, metadata, config);
      }
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openNext));
  }

  /** Stops serving a deleted topic and removes its logs, those that were offline too. */
  async removeTopic(name: string, topicId: string): Promise<void> {
    const { logManager } = this.#options;
    const served = this.#partitions.get(name) ?? [];
    this.#partitions.delete(name);
    for (const [key, offline] of this.#offline) {
      if (offline.topic === name) this.#offline.delete(key);
    }
    for (const partition of served) partition?.close();
    const logs = [...logManager.logs()].filter((log) => log.topicId === topicId).values();
    const deleteNext = async (): Promise<void> => {
      for (const log of logs) await this.#deleteLog(log);
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, deleteNext));
  }

  /** Hot for readers at the tail: answers without I/O and with one promise when the cache has it. */
  fetch(target: TopicPartition, fetch: PartitionFetch): Promise<FetchedBatches> {
    const partition = this.partition(target.topic, target.partition);
    if (partition === undefined) return Promise.reject(this.notServed(target));
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
    const partition = this.partitionOrThrow(target.topic, target.partition);
    const { log, highWatermark, leaderEpoch } = partition;
    if (at === 'latest') return { offset: highWatermark, timestamp: null, leaderEpoch };
    if (at === 'earliest') {
      const offset = log.logStartOffset;
      return { offset, timestamp: null, leaderEpoch: log.leaderEpochAt(offset) ?? leaderEpoch };
    }
    const found = await log.offsetForTimestamp(at.timestampMs, highWatermark);
    return found ?? { offset: null, timestamp: null, leaderEpoch: null };
  }

  /**
   * Removes all records below `beforeOffset`.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE beyond the high watermark, POLICY_VIOLATION where the
   *   topic is only compacted: its old records are state, not history
   */
  async deleteRecords(target: TopicPartition, beforeOffset: Offset): Promise<Offset> {
    const partition = this.partitionOrThrow(target.topic, target.partition);
    if (partition.log.config['cleanup.policy'] === 'compact') {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `Records of topic "${target.topic}" cannot be deleted: its cleanup.policy is "compact".`,
      );
    }
    if (beforeOffset > partition.highWatermark) {
      throw outOfRange(
        partition,
        `Records up to offset ${beforeOffset} cannot be deleted: ` +
          `the high watermark is ${partition.highWatermark}.`,
      );
    }
    return partition.log.deleteRecordsBefore(beforeOffset);
  }

  /**
   * Gives up the synced records that are missing at the end of a log.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE when these are not exactly those
   */
  giveUpLostRecords(target: TopicPartition, lost: OffsetRange): Promise<void> {
    return this.partitionOrThrow(target.topic, target.partition).log.giveUpLostRecords(lost);
  }

  /** Stops serving all partitions; their logs are the log manager's to close. */
  close(): void {
    this.delayedFetches.end();
    for (const partition of this.partitions()) partition.close();
    this.#partitions.clear();
  }

  /** A log that cannot be deleted now is at the next start: its topic's deletion is on record. */
  async #deleteLog(log: Log): Promise<void> {
    try {
      await this.#options.logManager.deleteLog(log.topicPartition);
    } catch (error) {
      this.#options.logger.error(
        { partition: topicPartitionName(log.topicPartition), err: error },
        'the log of a deleted topic could not be removed: tried again at the next start',
      );
    }
  }

  async #applyPartition(
    topic: TopicMetadata,
    number: number,
    metadata: PartitionMetadata,
    config: TopicConfig,
  ): Promise<void> {
    const topicPartition = { topic: topic.name, partition: number };
    try {
      const partition = this.partition(topic.name, number);
      if (partition !== undefined) {
        partition.log.updateConfig(config);
        if (metadata.leaderEpoch > partition.leaderEpoch) await this.#lead(partition, metadata);
        else partition.updateMetadata(metadata);
        return;
      }
      const log = await this.#openLog(topicPartition, topic.id, metadata, config);
      const { diskReads } = this;
      const opened = new Partition(log, metadata, diskReads, (one) => {
        this.delayedFetches.wake(one);
      });
      await this.#lead(opened, metadata);
      const served = this.#partitions.get(topic.name);
      if (served !== undefined) served[number] = opened;
      this.#offline.delete(topicPartitionName(topicPartition));
    } catch (error) {
      this.#takeOffline(topicPartition, error);
    }
  }

  /** A disk that is full must not keep a partition from being read. */
  async #lead(partition: Partition, metadata: PartitionMetadata): Promise<void> {
    try {
      await partition.becomeLeader(metadata);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#options.logger.warn(
        { partition: topicPartitionName(partition.topicPartition), err: error },
        'the leader epoch could not be recorded: the first append tries again',
      );
    }
  }

  async #openLog(
    topicPartition: TopicPartition,
    topicId: string,
    metadata: PartitionMetadata,
    config: TopicConfig,
  ): Promise<Log> {
    const { logManager } = this.#options;
    const log = logManager.log(topicPartition);
    if (log === undefined) {
      const failure = logManager.unopenedLogs.get(topicPartitionName(topicPartition));
      if (failure !== undefined) throw failure;
      if (metadata.isNew) return logManager.createLog(topicPartition, topicId, config);
      throw new ProtocolError('KAFKA_STORAGE_ERROR', "The partition's log is missing on disk.");
    }
    if (log.topicId !== topicId) {
      throw new ProtocolError(
        'KAFKA_STORAGE_ERROR',
        "The partition's directory belongs to another topic of the same name.",
      );
    }
    log.updateConfig(config);
    return log;
  }

  #takeOffline(topicPartition: TopicPartition, error: unknown): void {
    const reason = offlineReason(error);
    this.#offline.set(topicPartitionName(topicPartition), { ...topicPartition, reason });
    this.#options.logger.error(
      { partition: topicPartitionName(topicPartition), err: error },
      'the partition is offline',
    );
  }
}

/** Whether a fetch that may wait need not: enough bytes, or no more would fit. */
function isEnough(result: FetchedBatches, fetch: PartitionFetch): boolean {
  const last = result.batches.at(-1);
  if (last === undefined) return false;
  if (fetch.minBytes <= 1 || last.nextOffset < result.highWatermark) return true;
  let bytes = 0;
  for (const batch of result.batches) bytes += batch.sizeBytes;
  return bytes >= Math.min(fetch.minBytes, fetch.maxBytes);
}

/** For health answers: no paths, which messages of the system have. */
function offlineReason(error: unknown): string {
  if (error instanceof ProtocolError) return error.message;
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `Its log could not be opened${code}.`;
}
