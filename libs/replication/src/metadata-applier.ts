import {
  type ClusterState,
  minInsyncReplicas,
  type PartitionMetadata,
  type TopicMetadata,
  topicReplicationFactor,
} from '#coordination';
import type { Log, LogManager } from '#log';
import {
  ProtocolError,
  parseTopicConfig,
  type TopicConfig,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import type { Logger } from '#runtime';
import type {
  ClusterReplication,
  IncompleteReplica,
  ReplicationCluster,
} from './cluster-replication.js';
import { contextOf, type MetadataContext } from './metadata-context.js';
import { Partition, type PartitionOptions } from './partition.js';
import type { PartitionTable } from './partition-table.js';
import type { StrayReplicas } from './stray-replicas.js';
import { UnmadeLogs } from './unmade-logs.js';

/**
 * Partitions opened or deleted at the same time: enough to keep a disk busy, few enough for its
 * queue.
 */
const OPENED_AT_ONCE = 16;

interface MetadataApplierOptions {
  readonly brokerId: number;
  readonly logManager: LogManager;
  readonly store: Pick<ReplicationCluster['store'], 'state' | 'dataDirUuid'>;
  readonly logger: Logger;
}

/** The parts of the replica manager that change with the metadata. */
interface MetadataApplierParts {
  readonly table: PartitionTable;
  readonly replication: Pick<ClusterReplication, 'update' | 'leaveIsr'>;
  readonly strays: StrayReplicas;
  readonly partitionOptions: PartitionOptions;
}

/**
 * Applies the cluster's metadata to this broker: creates, opens and removes the logs of partitions,
 * and lets the partitions lead or follow. It is the only way in which metadata comes to a
 * partition, also an ISR that its leader here proposed.
 *
 * Overlap: `applyTopic`, `removeTopic` and `setTopicAside` of one topic must not overlap; their
 * caller applies the metadata's changes in order. Everything else may overlap with everything.
 */
export class MetadataApplier {
  readonly #options: MetadataApplierOptions;
  readonly #table: PartitionTable;
  readonly #replication: MetadataApplierParts['replication'];
  readonly #strays: StrayReplicas;
  readonly #partitionOptions: PartitionOptions;
  /** Replicas whose role could not be written to disk; every check tries again. */
  readonly #unsettled = new Set<Partition>();
  readonly #unmade: UnmadeLogs;

  constructor(options: MetadataApplierOptions, parts: MetadataApplierParts) {
    this.#options = options;
    this.#table = parts.table;
    this.#replication = parts.replication;
    this.#strays = parts.strays;
    this.#partitionOptions = parts.partitionOptions;
    this.#unmade = new UnmadeLogs(options.brokerId);
  }

  /**
   * Names the metadata with which this process starts, before any topic is applied: the logs of its
   * topics may have been made by an earlier process.
   */
  startWith(state: ClusterState): void {
    if (this.#hasOwnDisk(state)) this.#unmade.startWith(state.topics.values());
  }

  /**
   * Applies a topic's metadata to the partitions that this broker keeps: opens or creates logs,
   * leads or follows in new epochs, applies configs. A partition that cannot be opened is offline;
   * the others are served. The log of a partition that is no longer kept here is removed once that
   * is proven; the log of an earlier topic of this name is quarantined.
   */
  async applyTopic(topic: TopicMetadata): Promise<void> {
    const config = parseTopicConfig(topic.configs, topicReplicationFactor(topic));
    this.#table.addTopic(topic.name);
    this.#unmade.seen(topic);
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
    this.#table.removeTopic(name);
    this.#unmade.removed(topicId);
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
    this.#table.removeTopic(name);
    const logs = [...this.#options.logManager.logs()].filter((log) => log.topicId === topicId);
    for (const { topicPartition } of logs) await this.#setLogAside(topicPartition);
  }

  /** Tries again to write the roles that could not be written to disk. */
  settleAll(): void {
    for (const partition of this.#unsettled) {
      if (partition.isClosed) this.#unsettled.delete(partition);
      else void this.#settleAgain(partition);
    }
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
      const partition = this.#table.partition(topic.name, number);
      if (partition !== undefined) {
        partition.log.updateConfig(config);
        const isKnown =
          metadata === partition.metadata &&
          partition.minInsyncReplicas === minInsyncReplicas(topic, metadata) &&
          !this.#unsettled.has(partition);
        if (!isKnown) await this.#settle(partition, topic);
        return;
      }
      await this.#strays.keep(topicPartition);
      const log = await this.#openLog(topicPartition, topic.id, metadata, config);
      const opened = new Partition(log, metadata, this.#partitionOptions);
      await this.#settle(opened, topic);
      this.#table.add(opened);
      this.#replication.update(opened);
    } catch (error) {
      this.#table.takeOffline(topicPartition, error);
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
    const { state } = this.#options.store;
    const known = state.topics.get(name);
    const topic = known?.id === topicId ? known : told;
    const metadata = topic.partitions[partition];
    if (metadata?.replicas.includes(this.#options.brokerId) !== true) return undefined;
    return { metadata, context: contextOf(topic, metadata, state.version) };
  }

  async #settleAgain(partition: Partition): Promise<void> {
    const { store } = this.#options;
    const topic = store.state.topics.get(partition.topicPartition.topic);
    if (topic?.id === partition.topicId) await this.#settle(partition, topic);
  }

  /** Stops serving a partition that this broker no longer keeps. */
  async #leave(topic: TopicMetadata, number: number): Promise<void> {
    const topicPartition = { topic: topic.name, partition: number };
    const partition = this.#table.remove(topicPartition);
    if (partition?.topicId === topic.id) partition.leave();
    else partition?.close();
    const log = this.#options.logManager.log(topicPartition);
    if (log?.topicId === topic.id) this.#strays.add(log);
    else if (log !== undefined) await this.#setLogAside(topicPartition);
  }

  async #setLogAside(topicPartition: TopicPartition): Promise<void> {
    const { logManager, logger } = this.#options;
    try {
      await logManager.setAside(topicPartition);
    } catch (error) {
      const partition = topicPartitionName(topicPartition);
      logger.error(
        { partition, err: error },
        'a log that is not kept here could not be quarantined',
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
    let log = logManager.log(topicPartition);
    if (log !== undefined && log.topicId !== topicId) {
      await logManager.setAside(topicPartition);
      log = undefined;
    }
    if (log === undefined) {
      const failure = logManager.unopenedLogs.get(topicPartitionName(topicPartition));
      if (failure !== undefined) throw failure;
      const wasMade = !metadata.isNew && !this.#isUnmade(topicPartition, topicId);
      if (wasMade) this.#assertMayBeEmpty({ topicPartition, topicId }, metadata);
      log = await logManager.createLog(topicPartition, topicId, config);
      this.#unmade.made(topicId, topicPartition.partition);
      return log;
    }
    this.#unmade.made(topicId, topicPartition.partition);
    log.updateConfig(config);
    return log;
  }

  /**
   * True when this replica's log was never made. The registration of this disk shows that the
   * replica did not come to the ISR with another disk.
   */
  #isUnmade({ partition }: TopicPartition, topicId: string): boolean {
    return this.#hasOwnDisk(this.#options.store.state) && this.#unmade.has(topicId, partition);
  }

  #hasOwnDisk({ brokers }: ClusterState): boolean {
    const { store, brokerId } = this.#options;
    return brokers.get(brokerId)?.dataDirUuid === store.dataDirUuid;
  }

  /**
   * Refuses to replace a missing log that the cluster relies on. A follower that is out of sync may
   * begin with an empty log, which its leader fills. A replica in sync must leave the ISR first,
   * because it could be elected with an empty log.
   */
  #assertMayBeEmpty(replica: IncompleteReplica, metadata: PartitionMetadata): void {
    const { brokerId } = this.#options;
    const isInSync = metadata.isr.includes(brokerId);
    if (!isInSync && metadata.leader !== brokerId) return;
    if (isInSync) this.#replication.leaveIsr(replica);
    throw new ProtocolError('KAFKA_STORAGE_ERROR', "The partition's log is missing on disk.");
  }
}
