import { ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import { isShortage, type Logger } from '#runtime';
import type { Partition } from './partition.js';
import { NotLeaderError } from './peers.js';

/** A partition that this broker should serve and cannot. */
interface OfflinePartition extends TopicPartition {
  readonly reason: string;
  /** The operating system had no descriptor or memory free: opening it again may succeed. */
  readonly isShortage: boolean;
}

/** The partitions that this broker serves, and those that it should serve and cannot. */
export class PartitionTable {
  readonly #partitions = new Map<string, (Partition | undefined)[]>();
  readonly #offline = new Map<string, OfflinePartition>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
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
   * True when partitions of a topic are offline because descriptors or memory were short: applying
   * the topic's metadata again may open them.
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

  /** Lets partitions of a topic be added until `removeTopic`. */
  addTopic(topic: string): void {
    if (!this.#partitions.has(topic)) this.#partitions.set(topic, []);
  }

  /** Serves a partition, unless its topic was removed meanwhile. */
  add(partition: Partition): void {
    const { topic, partition: number } = partition.topicPartition;
    const served = this.#partitions.get(topic);
    if (served !== undefined) served[number] = partition;
    this.#offline.delete(topicPartitionName(partition.topicPartition));
  }

  /** Stops serving a partition, also one that is offline. @returns the partition, not yet closed */
  remove(target: TopicPartition): Partition | undefined {
    const served = this.#partitions.get(target.topic);
    const partition = served?.[target.partition];
    if (served !== undefined) served[target.partition] = undefined;
    this.#offline.delete(topicPartitionName(target));
    return partition;
  }

  /** Stops serving a topic and closes its partitions. */
  removeTopic(topic: string): void {
    const served = this.#partitions.get(topic) ?? [];
    this.#partitions.delete(topic);
    for (const [key, offline] of this.#offline) {
      if (offline.topic === topic) this.#offline.delete(key);
    }
    for (const partition of served) partition?.close();
  }

  /** Records that a partition cannot be served. */
  takeOffline(target: TopicPartition, error: unknown): void {
    const name = topicPartitionName(target);
    const { topic, partition } = target;
    const reason = offlineReason(error);
    this.#offline.set(name, { topic, partition, reason, isShortage: isShortage(error) });
    this.#logger.error({ partition: name, err: error }, 'the partition is offline');
  }

  /** Closes all partitions. */
  close(): void {
    for (const partition of this.partitions()) partition.close();
    this.#partitions.clear();
  }
}

/** The reason in health answers, without the paths that system errors contain. */
function offlineReason(error: unknown): string {
  if (error instanceof ProtocolError) return error.message;
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `Its log could not be opened${code}.`;
}
