/**
 * The partitions that this broker keeps: creates and removes their logs as the cluster's metadata
 * says, and serves reads from them.
 *
 * Overlap: `applyTopic` and `removeTopic` of one topic must not overlap; their caller applies the
 * metadata's changes in order. Everything else may overlap with everything.
 */
import {
  minInsyncReplicas,
  type PartitionMetadata,
  type TopicMetadata,
  topicReplicationFactor,
} from '#coordination';
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
import {
  type Clock,
  isShortage,
  Limiter,
  type Logger,
  type Random,
  type Scheduler,
} from '#runtime';
import { applyNewerMetadata } from './apply-newer-metadata.js';
import {
  ClusterReplication,
  type LackingReplica,
  REPLICATION_DEFAULTS,
  type ReplicationCluster,
  type ReplicationSettings,
} from './cluster-replication.js';
import { committedEndKnown } from './committed-end.js';
import { DelayedFetches, readNow } from './delayed-fetches.js';
import {
  type FetchedBatches,
  fetchedBatches,
  offsetForTimestamp,
  outOfRange,
  type PartitionFetch,
  positionFault,
  readBatches,
} from './fetch.js';
import { contextOf, type MetadataContext } from './metadata-context.js';
import { Partition, type PartitionOptions } from './partition.js';
import { NotLeaderError, type PeerHandlers } from './peers.js';
import { StrayReplicas } from './stray-replicas.js';

/**
 * Partitions opened or deleted at the same time: enough to keep a disk busy, few enough for its
 * queue.
 */
const OPENED_AT_ONCE = 16;

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

/** A partition that this broker should serve and cannot. */
interface OfflinePartition extends TopicPartition {
  readonly reason: string;
  /** The operating system had no descriptor or memory free: opening it again may succeed. */
  readonly isShortage: boolean;
}

interface ListedPosition {
  readonly offset: Offset | null;
  readonly timestamp: number | null;
  readonly leaderEpoch: LeaderEpoch | null;
}

export class ReplicaManager {
  readonly delayedFetches: DelayedFetches;
  /** Serialises reads from disk over all partitions up to a limit: each read holds its memory. */
  readonly diskReads: Limiter;
  readonly #options: ReplicaManagerOptions;
  readonly #partitions = new Map<string, (Partition | undefined)[]>();
  readonly #offline = new Map<string, OfflinePartition>();
  readonly #replication: ClusterReplication;
  readonly #left: StrayReplicas;
  /** Replicas whose role could not be written to disk; every check tries again. */
  readonly #unsettled = new Set<Partition>();
  readonly #partitionOptions: PartitionOptions;

  constructor(options: ReplicaManagerOptions) {
    this.#options = options;
    this.delayedFetches = new DelayedFetches(options.scheduler, options.delayedFetchesMax);
    this.diskReads = new Limiter(options.diskReadsMax);
    const { cluster } = options;
    this.#left = new StrayReplicas({ ...options, ...cluster });
    this.#replication = new ClusterReplication({
      ...REPLICATION_DEFAULTS,
      ...options,
      partition: (topic, partition) => this.partition(topic, partition),
      partitions: () => this.partitions(),
      onState: (partition, state) => applyNewerMetadata(partition, state),
      onCheck: () => {
        this.#settleAll();
        void this.#left.removeProven();
      },
    });
    this.#partitionOptions = {
      member: this.#replication.member,
      diskReads: this.diskReads,
      onHighWatermark: (partition) => {
        this.delayedFetches.wake(partition);
        this.#replication.wake(partition);
      },
    };
  }

  /** The methods that other brokers call for their replicas. */
  handlers(): PeerHandlers {
    return this.#replication.handlers();
  }

  /** Bytes that were fetched for replicas that a reassignment adds, since the start. */
  get reassignmentBytesTotal(): number {
    return this.#replication.reassignmentBytesTotal;
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

  /**
   * True when partitions of a topic are offline because descriptors or memory were short;
   * `applyTopic` tries again.
   */
  isShortOf(topic: string): boolean {
    for (const offline of this.#offline.values()) {
      if (offline.topic === topic && offline.isShortage) return true;
    }
    return false;
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR when it is offline */
  partitionOrThrow(topic: string, partition: number): Partition {
    const found = this.partition(topic, partition);
    if (found !== undefined) return found;
    throw this.notServed({ topic, partition });
  }

  /**
   * A partition that this broker leads.
   * @throws NotLeaderError, also when it keeps no replica; ProtocolError KAFKA_STORAGE_ERROR when
   *   the replica is offline
   */
  leaderOrThrow(target: TopicPartition): Partition {
    const partition = this.partition(target.topic, target.partition);
    if (partition?.isLeader === true) return partition;
    if (this.#offline.has(topicPartitionName(target))) throw this.notServed(target);
    const { leader, leaderEpoch } = partition?.metadata ?? { leader: null, leaderEpoch: -1 };
    throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', leader, leaderEpoch);
  }

  /** The error for a partition that is not served: it does not exist, or it is offline. */
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
   * Applies a topic's metadata to the partitions that this broker keeps: opens or creates logs,
   * leads or follows in new epochs, applies configs. A partition that cannot be opened is offline;
   * the others are served. The log of a partition that is no longer kept here is removed once that
   * is proven; the log of an earlier topic of this name is quarantined.
   */
  async applyTopic(topic: TopicMetadata): Promise<void> {
    const config = parseTopicConfig(topic.configs, topicReplicationFactor(topic));
    const served = this.#partitions.get(topic.name) ?? [];
    this.#partitions.set(topic.name, served);
    const numbers = topic.partitions.keys();
    const openNext = async (): Promise<void> => {
      for (const partition of numbers) {
        const metadata = topic.partitions[partition];
        if (metadata?.replicas.includes(this.#options.brokerId) === true) {
          await this.#applyPartition(topic, partition, metadata, config);
        } else await this.#leave(topic, partition);
      }
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openNext));
  }

  /** Stops serving a deleted topic and removes its logs, those that were offline too. */
  async removeTopic(name: string, topicId: string): Promise<void> {
    const { logManager } = this.#options;
    this.#stopServing(name);
    const logs = [...logManager.logs()].filter((log) => log.topicId === topicId).values();
    const deleteNext = async (): Promise<void> => {
      for (const log of logs) await this.#deleteLog(log);
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, deleteNext));
    await logManager.removeStrays(topicId);
  }

  /**
   * Stops serving a topic that the cluster no longer knows although nobody deleted it. Its logs are
   * quarantined, because nothing proves that they may be removed.
   */
  async setTopicAside(name: string, topicId: string): Promise<void> {
    this.#stopServing(name);
    const logs = [...this.#options.logManager.logs()].filter((log) => log.topicId === topicId);
    for (const { topicPartition } of logs) await this.#setLogAside(topicPartition);
  }

  /**
   * Hot for readers at the tail: answers without I/O and with one promise when the cache has it.
   */
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
      await committedEndKnown(partition, this.#options.scheduler);
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
    return partition.log.trimmer.deleteRecordsBefore(beforeOffset);
  }

  /**
   * Accepts the loss of synced records that are missing at the end of a log.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE when the missing records are not exactly those
   */
  acceptDataLoss(target: TopicPartition, lost: OffsetRange): Promise<void> {
    return this.partitionOrThrow(target.topic, target.partition).log.damage.acceptLoss(lost);
  }

  /** Stops serving all partitions; their logs are the log manager's to close. */
  close(): void {
    this.#replication.close();
    this.#left.close();
    this.delayedFetches.end();
    for (const partition of this.partitions()) partition.close();
    this.#partitions.clear();
  }

  /**
   * Deletes a log. A failure is retried at the next start: the deletion of the topic is recorded.
   */
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
        const isKnown =
          metadata === partition.metadata &&
          partition.minInsyncReplicas === minInsyncReplicas(topic, metadata) &&
          !this.#unsettled.has(partition);
        if (!isKnown) await this.#settle(partition, topic);
        return;
      }
      await this.#left.keep(topicPartition);
      const log = await this.#openLog(topicPartition, topic.id, metadata, config);
      const opened = new Partition(log, metadata, this.#partitionOptions);
      await this.#settle(opened, topic);
      const served = this.#partitions.get(topic.name);
      if (served !== undefined) served[number] = opened;
      this.#offline.delete(topicPartitionName(topicPartition));
      this.#replication.update(opened);
    } catch (error) {
      this.#takeOffline(topicPartition, error);
    }
  }

  /** Lets this broker lead or follow as the newest metadata says. */
  async #settle(partition: Partition, told: TopicMetadata): Promise<void> {
    await partition.changes.run(async () => {
      const newest = this.#newest(partition, told);
      if (partition.isClosed || newest === undefined) return;
      const { metadata, context } = newest;
      if (metadata.leaderEpoch < partition.leaderEpoch) return;
      try {
        await this.#takePart(partition, metadata, context);
        this.#unsettled.delete(partition);
      } catch (error) {
        // A disk that is full must not keep a partition from being read.
        if (!(error instanceof ProtocolError)) throw error;
        if (error.code === 'KAFKA_STORAGE_ERROR') this.#unsettled.add(partition);
        this.#options.logger.warn(
          { partition: topicPartitionName(partition.topicPartition), err: error },
          'a leader epoch could not begin here',
        );
      }
    });
    this.#replication.update(partition);
  }

  async #takePart(
    partition: Partition,
    metadata: PartitionMetadata,
    context: MetadataContext,
  ): Promise<void> {
    const isToLead = metadata.leader === this.#options.brokerId;
    const isNewEpoch =
      metadata.leaderEpoch > partition.leaderEpoch ||
      metadata.electionId !== partition.metadata.electionId;
    const isSettled = isToLead ? partition.isLeader : partition.mayFetch;
    if (isSettled && !isNewEpoch) partition.updateMetadata(metadata, context);
    else if (isToLead) await partition.becomeLeader(metadata, context);
    else await partition.becomeFollower(metadata, context);
  }

  /** The newest metadata of a partition; undefined when this broker no longer keeps it. */
  #newest(
    { topicPartition: { topic: name, partition }, topicId }: Partition,
    told: TopicMetadata,
  ): { readonly metadata: PartitionMetadata; readonly context: MetadataContext } | undefined {
    const { state } = this.#options.cluster.store;
    const known = state.topics.get(name);
    const topic = known?.id === topicId ? known : told;
    const metadata = topic.partitions[partition];
    if (metadata?.replicas.includes(this.#options.brokerId) !== true) return undefined;
    return { metadata, context: contextOf(topic, metadata, state.version) };
  }

  #settleAll(): void {
    for (const partition of this.#unsettled) {
      if (partition.isClosed) this.#unsettled.delete(partition);
      else void this.#settleAgain(partition);
    }
  }

  async #settleAgain(partition: Partition): Promise<void> {
    const { store } = this.#options.cluster;
    const topic = store.state.topics.get(partition.topicPartition.topic);
    if (topic?.id === partition.topicId) await this.#settle(partition, topic);
  }

  /** Stops serving a partition that this broker no longer keeps. */
  async #leave(topic: TopicMetadata, number: number): Promise<void> {
    const topicPartition = { topic: topic.name, partition: number };
    const served = this.#partitions.get(topic.name);
    const partition = served?.[number];
    if (served !== undefined) served[number] = undefined;
    this.#offline.delete(topicPartitionName(topicPartition));
    if (partition?.topicId === topic.id) partition.leave();
    else partition?.close();
    const log = this.#options.logManager.log(topicPartition);
    if (log?.topicId === topic.id) this.#left.add(log);
    else if (log !== undefined) await this.#setLogAside(topicPartition);
  }

  #stopServing(topic: string): void {
    const served = this.#partitions.get(topic) ?? [];
    this.#partitions.delete(topic);
    for (const [key, offline] of this.#offline) {
      if (offline.topic === topic) this.#offline.delete(key);
    }
    for (const partition of served) partition?.close();
  }

  async #setLogAside(topicPartition: TopicPartition): Promise<void> {
    const { logManager, logger } = this.#options;
    try {
      await logManager.setAside(topicPartition);
    } catch (error) {
      const partition = topicPartitionName(topicPartition);
      logger.error({ partition, err: error }, 'a log that is not kept here could not be set aside');
    }
  }

  async #openLog(
    topicPartition: TopicPartition,
    topicId: string,
    metadata: PartitionMetadata,
    config: TopicConfig,
  ): Promise<Log> {
    const { logManager } = this.#options;
    let log = logManager.log(topicPartition);
    if (log !== undefined && log.topicId !== topicId) {
      await logManager.setAside(topicPartition);
      log = undefined;
    }
    if (log === undefined) {
      const failure = logManager.unopenedLogs.get(topicPartitionName(topicPartition));
      if (failure !== undefined) throw failure;
      if (!metadata.isNew) this.#assertMayBeEmpty({ topicPartition, topicId }, metadata);
      return logManager.createLog(topicPartition, topicId, config);
    }
    log.updateConfig(config);
    return log;
  }

  /**
   * Refuses to replace a missing log that the cluster relies on. A follower that is out of sync may
   * begin with an empty log, which its leader fills. A replica in sync must leave the ISR first,
   * because it could be elected with an empty log.
   */
  #assertMayBeEmpty(replica: LackingReplica, metadata: PartitionMetadata): void {
    const { brokerId } = this.#options;
    const isInSync = metadata.isr.includes(brokerId);
    if (!isInSync && metadata.leader !== brokerId) return;
    if (isInSync) this.#replication.leaveIsr(replica);
    throw new ProtocolError('KAFKA_STORAGE_ERROR', "The partition's log is missing on disk.");
  }

  #takeOffline(topicPartition: TopicPartition, error: unknown): void {
    const reason = offlineReason(error);
    this.#offline.set(topicPartitionName(topicPartition), {
      ...topicPartition,
      reason,
      isShortage: isShortage(error),
    });
    this.#options.logger.error(
      { partition: topicPartitionName(topicPartition), err: error },
      'the partition is offline',
    );
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

/** The reason in health answers, without the paths that system errors contain. */
function offlineReason(error: unknown): string {
  if (error instanceof ProtocolError) return error.message;
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `Its log could not be opened${code}.`;
}
