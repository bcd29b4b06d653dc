/**
 * The topics that this broker knows. Follows the coordination store's changes and applies those of
 * one topic in order, so that a topic that is deleted and created again is wholly removed in
 * between.
 *
 * A topic is visible here once its partitions are open, and until its deletion begins to be
 * applied.
 *
 * Overlap: changes of different topics are applied concurrently, up to a limit; changes of one
 * topic one after the other. Reads never wait.
 */
import {
  type ClusterState,
  type CoordinationStore,
  confirmPartitions,
  type MetadataChange,
  type TopicMetadata,
} from '#coordination';
import type { LogManager } from '#log';
import { ProtocolError, topicPartitionName } from '#protocol';
import type { ReplicaManager } from '#replication';
import { Limiter, type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import type { TopicChanged } from './broker.js';
import { Topic } from './topic.js';

/** Topics whose changes are applied at the same time. */
const APPLIED_AT_ONCE = 16;

export interface TopicRegistryOptions {
  readonly store: CoordinationStore;
  readonly replicas: ReplicaManager;
  readonly logManager: LogManager;
  readonly brokerId: number;
  readonly batchSizeBytes: number;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Called when a topic's logs are removed, before a topic of its name can be created again. */
  readonly deleted: () => Promise<void>;
}

export class TopicRegistry {
  readonly #options: TopicRegistryOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #listeners = new Set<(change: TopicChanged) => void>();
  /** A promise for each topic that resolves when the changes received so far are applied. */
  readonly #lastChanges = new Map<string, Promise<void>>();
  readonly #applying = new Limiter(APPLIED_AT_ONCE);
  /** Delays of topics that lack descriptors or memory, by topic name. */
  readonly #shortageBackoffs = new Map<string, RetryBackoff>();
  #stopListening: () => void = () => undefined;
  #isClosed = false;

  constructor(options: TopicRegistryOptions) {
    this.#options = options;
  }

  /** Opens all topics of the store, finishes interrupted deletions and follows changes. */
  async open(): Promise<void> {
    const { store } = this.#options;
    await this.#removeLeftOvers();
    this.#options.replicas.applier.startWith(store.state);
    this.#stopListening = store.onChange((change, state) => this.#follow(change, state));
    for (const topic of store.state.topics.values()) {
      this.#applyNext(topic.name, () => this.#applyTopic(topic));
    }
    await this.settled();
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  all(): Iterable<Topic> {
    return this.#topics.values();
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  getOrThrow(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw unknownTopicError(name);
    return topic;
  }

  /** See `Broker.onTopicChange`. */
  onChange(listener: (change: TopicChanged) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when all changes received so far are applied. */
  async settled(): Promise<void> {
    while (this.#lastChanges.size > 0) await Promise.all(this.#lastChanges.values());
  }

  /** Follows no further changes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopListening();
    await this.settled();
  }

  #follow(change: MetadataChange, state: ClusterState): void {
    switch (change.kind) {
      case 'topic':
        this.#applyNext(change.topic.name, () => this.#applyTopic(change.topic));
        return;
      case 'partitions': {
        const topic = state.topics.get(change.topic);
        // The topic is gone by the end of the same commit: nothing is left to apply.
        if (topic?.id !== change.topicId) return;
        this.#applyNext(change.topic, () => this.#applyTopic(topic));
        return;
      }
      case 'topic-deleted': {
        const { name, id } = change.topic;
        this.#applyNext(name, () => this.#removeTopic(name, id));
        return;
      }
      case 'topic-forgotten': {
        const { name, id } = change.topic;
        this.#applyNext(name, () => this.#setTopicAside(name, id));
        return;
      }
      case 'broker':
      case 'broker-removed':
      case 'controller':
        return;
    }
  }

  /** Applies changes of one topic in order, those of several topics concurrently. */
  #applyNext(topic: string, apply: () => Promise<void>): void {
    const before = this.#lastChanges.get(topic) ?? Promise.resolve();
    const change = this.#applyAfter(before, topic, apply).finally(() => {
      if (this.#lastChanges.get(topic) === change) this.#lastChanges.delete(topic);
    });
    this.#lastChanges.set(topic, change);
  }

  /** Never rejects. */
  async #applyAfter(
    before: Promise<void>,
    topic: string,
    apply: () => Promise<void>,
  ): Promise<void> {
    await before;
    try {
      await this.#applying.run(apply);
    } catch (error) {
      const { logger } = this.#options;
      logger.error({ err: error, topic }, 'a change of a topic could not be applied');
    }
  }

  async #applyTopic(metadata: TopicMetadata): Promise<void> {
    const { replicas } = this.#options;
    await replicas.applier.applyTopic(metadata);
    const existing = this.#topics.get(metadata.name);
    if (existing === undefined) {
      this.#topics.set(metadata.name, new Topic(metadata, replicas.table, this.#options));
    } else {
      existing.update(metadata);
    }
    this.#tell({ topic: metadata.name, kind: 'present' });
    void this.#confirmNew(metadata);
    if (replicas.table.isShortOf(metadata.name)) this.#applyAgainLater(metadata);
    else this.#shortageBackoffs.delete(metadata.name);
  }

  /** Opens partitions without a restart once a shortage of descriptors or memory is over. */
  #applyAgainLater({ name, id }: TopicMetadata): void {
    const { scheduler, store, random } = this.#options;
    const backoff = this.#shortageBackoffs.get(name) ?? new RetryBackoff(random);
    this.#shortageBackoffs.set(name, backoff);
    scheduler.after(backoff.nextDelayMs(), () => {
      const newest = store.state.topics.get(name);
      if (this.#isClosed || newest?.id !== id) return;
      this.#applyNext(name, () => this.#applyTopic(newest));
    });
  }

  /**
   * Confirms that the logs of new partitions led here exist. The next change of the topic retries
   * it.
   */
  async #confirmNew({ name, id, partitions }: TopicMetadata): Promise<void> {
    const { replicas, store, brokerId, logger } = this.#options;
    const created = [...partitions.entries()]
      .filter(([, { isNew, leader }]) => isNew && leader === brokerId)
      .map(([number]) => number)
      .filter((number) => replicas.table.partition(name, number) !== undefined);
    if (created.length === 0) return;
    try {
      await store.update((state) => confirmPartitions(state, name, id, created, brokerId));
    } catch (error) {
      logger.warn({ err: error, topic: name }, 'new partitions could not be confirmed');
    }
  }

  async #removeTopic(name: string, id: string): Promise<void> {
    this.#hide(name, id);
    await this.#options.replicas.applier.removeTopic(name, id);
    await this.#options.deleted();
  }

  /**
   * Quarantines a topic that a rebuild of the cluster's metadata lost; its creation was never
   * answered.
   */
  async #setTopicAside(name: string, id: string): Promise<void> {
    const { replicas, logger } = this.#options;
    logger.warn({ topic: name, topicId: id }, 'a topic that was just created was lost with Redis');
    this.#hide(name, id);
    await replicas.applier.setTopicAside(name, id);
  }

  #hide(name: string, id: string): void {
    const topic = this.#topics.get(name);
    if (topic?.id !== id) return;
    this.#topics.delete(name);
    this.#shortageBackoffs.delete(name);
    for (const entry of topic.markDeleted()) entry.fail(unknownTopicError(name));
    this.#tell({ topic: name, kind: 'deleted' });
  }

  #tell(change: TopicChanged): void {
    for (const listener of this.#listeners) listener(change);
  }

  /**
   * Handles logs on disk that belong to no topic. The log of a deleted topic is removed, because
   * its deletion is recorded. Any other log is left in place and reported: nothing proves that it
   * may be removed.
   */
  async #removeLeftOvers(): Promise<void> {
    const { store, logManager, logger } = this.#options;
    const { topics, deletedTopics } = store.state;
    for (const log of logManager.logs()) {
      if (topics.get(log.topicPartition.topic)?.id === log.topicId) continue;
      const partition = topicPartitionName(log.topicPartition);
      if (deletedTopics.has(log.topicId)) {
        logger.info({ partition }, 'removing the log of a deleted topic');
        await this.#options.replicas.applier.removeTopic(log.topicPartition.topic, log.topicId);
      } else {
        logger.warn({ partition, topicId: log.topicId }, 'no topic has this log: it stays on disk');
      }
    }
  }
}

export function unknownTopicError(name: string): ProtocolError {
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${name}".`);
}
