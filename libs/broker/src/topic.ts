import { type TopicMetadata, topicReplicationFactor } from '#coordination';
import { type PartitionQueue, RoundRobinPartitioner, StickyPartitioner } from '#producer';
import { isInternalTopic, parseTopicConfig, type TopicConfig } from '#protocol';
import type { Partition, PartitionTable } from '#replication';
import type { Random } from '#runtime';
import type { TopicLimits } from './broker.js';
import type { ProduceEntry } from './pending-produce.js';

/** Those that this broker keeps. */
type ServedPartitions = Pick<PartitionTable, 'partition'>;

/**
 * A topic as this broker works with it: metadata, parsed config, and what producing to it keeps
 * between requests. Replaced by a new object when the topic is deleted and made again.
 */
export class Topic {
  readonly name: string;
  readonly id: string;
  readonly isInternal: boolean;
  readonly sticky: StickyPartitioner;
  readonly roundRobin: RoundRobinPartitioner;
  /** Queues by partition number. A queue is created when its partition is first produced to. */
  readonly queues: (PartitionQueue<ProduceEntry> | undefined)[] = [];
  readonly #replicas: ServedPartitions;
  #metadata: TopicMetadata;
  #config: TopicConfig;
  #limits: TopicLimits;
  #isDeleted = false;

  constructor(
    metadata: TopicMetadata,
    replicas: ServedPartitions,
    options: { readonly batchSizeBytes: number; readonly random: Random },
  ) {
    this.name = metadata.name;
    this.id = metadata.id;
    this.isInternal = isInternalTopic(metadata.name);
    this.sticky = new StickyPartitioner(options.batchSizeBytes, options.random);
    this.roundRobin = new RoundRobinPartitioner(options.random);
    this.#replicas = replicas;
    this.#metadata = metadata;
    this.#config = configOf(metadata);
    this.#limits = limitsOf(metadata.partitions.length, this.#config);
  }

  get metadata(): TopicMetadata {
    return this.#metadata;
  }

  get config(): TopicConfig {
    return this.#config;
  }

  get limits(): TopicLimits {
    return this.#limits;
  }

  get partitionCount(): number {
    return this.#limits.partitions;
  }

  get isDeletedOnAck(): boolean {
    return this.#config['sluice.delete.on.ack'];
  }

  /** Names of the queue groups that have positions in the topic. */
  get queueGroups(): readonly string[] {
    return this.#metadata.queueGroups ?? [];
  }

  /** True once it was deleted: a caller that waited for it looks it up again or fails. */
  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** Undefined when this broker does not serve it now. */
  partition(partition: number): Partition | undefined {
    return this.#replicas.partition(this.name, partition);
  }

  /** Undefined when this broker does not lead it now. */
  ledPartition(partition: number): Partition | undefined {
    const served = this.partition(partition);
    return served?.isLeader === true ? served : undefined;
  }

  update(metadata: TopicMetadata): void {
    this.#metadata = metadata;
    this.#config = configOf(metadata);
    this.#limits = limitsOf(metadata.partitions.length, this.#config);
  }

  /** Nothing is sent from its queues any more. @returns the entries that were not sent yet */
  markDeleted(): ProduceEntry[] {
    this.#isDeleted = true;
    return this.queues.flatMap((queue) => queue?.removeAll() ?? []);
  }
}

/** The limits that records for a topic with these configs are checked against. */
export function limitsOf(partitions: number, config: TopicConfig): TopicLimits {
  const isCreateTime = config['message.timestamp.type'] === 'CreateTime';
  const unlimited = Number.POSITIVE_INFINITY;
  return {
    partitions,
    timestampBeforeMaxMs: isCreateTime ? config['message.timestamp.before.max.ms'] : unlimited,
    timestampAfterMaxMs: isCreateTime ? config['message.timestamp.after.max.ms'] : unlimited,
    delayMaxMs: keepsForever(config) ? unlimited : config['retention.ms'],
    maxMessageBytes: config['max.message.bytes'],
    compacted: config['cleanup.policy'] !== 'delete',
  };
}

/** True when records are not deleted for their age. */
function keepsForever(config: TopicConfig): boolean {
  return config['retention.ms'] < 0 || !config['cleanup.policy'].includes('delete');
}

function configOf(metadata: TopicMetadata): TopicConfig {
  return parseTopicConfig(metadata.configs, topicReplicationFactor(metadata));
}
