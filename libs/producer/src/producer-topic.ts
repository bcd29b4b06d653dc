/**
 * A topic of a producer: its metadata, its partitioner and the senders of its partitions.
 *
 * Metadata is loaded before the first record, again when it is old, and in the background when a
 * broker says that it is wrong.
 *
 * Overlap: all methods may overlap; loads share one request.
 */

import { PartitionSender } from './partition-sender.js';
import { partitionForKey, RoundRobinPartitioner, StickyPartitioner } from './partitioner.js';
import type { BrokerKey, SerializedRecord, TopicMetadata } from './produce-transport.js';
import type { CustomPartitioner, ProducerRecord } from './producer-record.js';
import { retryDelayMs } from './retry-delay.js';
import type { SenderContext, SenderTopic } from './sender-context.js';

export class ProducerTopic implements SenderTopic {
  readonly name: string;
  readonly #context: SenderContext;
  readonly #senders: PartitionSender[] = [];
  readonly #keyless: { next(partitionCount: number, recordBytes: number): number };
  #metadata: TopicMetadata | undefined;
  #loadedMs = 0;
  #load: Promise<void> | undefined;

  constructor(name: string, context: SenderContext) {
    const { runtime, settings } = context;
    this.name = name;
    this.#context = context;
    this.#keyless =
      settings.partitioner === 'roundRobin'
        ? new RoundRobinPartitioner(runtime.random)
        : new StickyPartitioner(settings.batchSize, { below: (count) => this.#pick(count) });
  }

  /** Number of partitions; 0 while it is not known. */
  get partitionCount(): number {
    return this.#metadata?.partitions.length ?? 0;
  }

  /** The senders of the partitions that have had a record. */
  get senders(): readonly PartitionSender[] {
    return this.#senders.filter((sender) => sender !== undefined);
  }

  /** True when the metadata is so old that it should be loaded again. */
  get isStale(): boolean {
    const { clock, settings } = this.#context;
    return clock.monotonicMs() - this.#loadedMs >= settings.metadataMaxAgeMs;
  }

  leaderOf(partition: number): BrokerKey | null {
    return this.#metadata?.partitions[partition]?.leader ?? null;
  }

  senderOf(partition: number): PartitionSender {
    return (this.#senders[partition] ??= new PartitionSender(this, partition, this.#context));
  }

  /**
   * Chooses the partition of a record.
   * @throws an error with code UNKNOWN_TOPIC_OR_PARTITION or INVALID_RECORD
   */
  partitionOf(record: ProducerRecord, serialized: SerializedRecord, sizeBytes: number): number {
    const { settings } = this.#context;
    const count = this.partitionCount;
    if (record.partition !== undefined) return this.#checked(record.partition);
    const { key: keyBytes, value: valueBytes } = serialized;
    if (typeof settings.partitioner === 'function') {
      const context = { topic: this.name, keyBytes, valueBytes, partitions: count };
      return this.#checkedChoice(settings.partitioner, record, context);
    }
    const isKeyed = settings.partitioner === 'sticky' && !settings.partitionerIgnoreKeys;
    if (isKeyed && keyBytes !== null) return partitionForKey(keyBytes, count);
    return this.#keyless.next(count, sizeBytes);
  }

  /**
   * Loads the metadata, trying again for `max.block.ms` while the cluster cannot answer. Rejects
   * with a `ProduceFailure`: UNKNOWN_TOPIC_OR_PARTITION at once when there is no such topic.
   */
  load(): Promise<void> {
    this.#load ??= this.#loadWithRetries().finally(() => {
      this.#load = undefined;
    });
    return this.#load;
  }

  refresh(): void {
    // A send that needs the metadata loads it again, and fails with the error.
    this.load().catch(() => undefined);
  }

  async #loadWithRetries(): Promise<void> {
    const { call, clock, failureOf, runtime, settings, transport } = this.#context;
    const untilMs = clock.monotonicMs() + settings.maxBlockMs;
    for (let attempts = 1; ; attempts += 1) {
      try {
        this.#metadata = await call((signal) => transport.topicMetadata(this.name, signal));
        this.#loadedMs = clock.monotonicMs();
        return;
      } catch (thrown) {
        const error = failureOf(thrown);
        if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION') this.#metadata = undefined;
        if (!error.retriable || clock.monotonicMs() >= untilMs) throw error;
        const delayMs = retryDelayMs(attempts, settings, runtime.random);
        await new Promise<void>((resolve) => {
          runtime.timers.after(delayMs, resolve);
        });
      }
    }
  }

  #checked(partition: number): number {
    if (partition < this.partitionCount) return partition;
    throw this.#context.createError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `Topic "${this.name}" has ${this.partitionCount} partitions and no partition ${partition}.`,
      { retriable: false, outcome: 'failed' },
    );
  }

  #checkedChoice(
    partitioner: CustomPartitioner,
    record: ProducerRecord,
    context: Parameters<CustomPartitioner>[1],
  ): number {
    const refuse = (detail: string, cause?: unknown): never => {
      throw this.#context.createError('INVALID_RECORD', detail, {
        retriable: false,
        outcome: 'failed',
        cause,
      });
    };
    let choice: unknown;
    try {
      choice = partitioner(record, context);
    } catch (error) {
      return refuse(`The partitioner failed for a record of topic "${this.name}".`, error);
    }
    const isInRange = Number(choice) >= 0 && Number(choice) < this.partitionCount;
    if (Number.isInteger(choice) && isInRange) return Number(choice);
    return refuse(
      `The partitioner chose ${String(choice)} for a record of topic "${this.name}", ` +
        `which has the partitions 0 to ${this.partitionCount - 1}.`,
    );
  }

  /**
   * A random partition. Partitions with less waiting are more likely, and those without a leader
   * are left out (KIP-794: inverse to the length of the queue, in batches).
   */
  #pick(count: number): number {
    const { runtime, settings } = this.#context;
    const batches = Array.from({ length: count }, (_, partition) => {
      const bytes = this.#senders[partition]?.waitingBytes ?? 0;
      return Math.ceil(bytes / Math.max(1, settings.batchSize));
    });
    const most = Math.max(...batches);
    const hasLeader = batches.some((_, partition) => this.leaderOf(partition) !== null);
    let total = 0;
    const ends = batches.map((waiting, partition) => {
      if (!hasLeader || this.leaderOf(partition) !== null) total += most + 1 - waiting;
      return total;
    });
    const chosen = runtime.random.below(total);
    return ends.findIndex((end) => chosen < end);
  }
}
