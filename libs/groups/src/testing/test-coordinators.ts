import { silentLogger } from '#runtime';
import { SeededRandom } from '#runtime/testing';
import type { DeadLetterBatch, DeadLetterTopics } from '../coordinator/dead-letter-writer.js';
import { GroupCoordinators } from '../coordinator/group-coordinators.js';
import { GROUP_DEFAULTS, type GroupSettings } from '../coordinator/group-settings.js';
import type { FoundPosition } from '../coordinator/position-resolution.js';
import type { PendingPosition } from '../state/assign.js';
import type { LedPartition } from './led-partition.js';

/** A topic whose partitions have an end that a test moves. */
interface TestTopic {
  id: string;
  partitionCount: number;
  endOffset: number;
  hasLeader: boolean;
}

/** Dead-letter topics in memory: each batch is kept once. */
class TestDeadLetters implements DeadLetterTopics {
  readonly batches = new Map<string, DeadLetterBatch>();
  /** Makes the next writes fail, after they were done. */
  failures = 0;
  #producers = 0;

  target(topic: string, sourcePartition: number) {
    return Promise.resolve({ topic, topicId: `${topic}-id`, partition: sourcePartition });
  }

  isCurrent(): boolean {
    return true;
  }

  newProducer() {
    this.#producers += 1;
    return Promise.resolve({ producerId: this.#producers, producerEpoch: 0 });
  }

  write(batch: DeadLetterBatch): Promise<void> {
    const { producerId, sequence } = batch.plan;
    this.batches.set(`${producerId} ${sequence}`, batch);
    if (this.failures === 0) return Promise.resolve();
    this.failures -= 1;
    return Promise.reject(new Error('the answer is lost'));
  }
}

/** The coordinators of a broker that leads the only partition of the offsets topic. */
export class TestCoordinators {
  readonly led: LedPartition;
  readonly topics = new Map<string, TestTopic>();
  coordinators: GroupCoordinators;
  readonly deadLetters = new TestDeadLetters();
  readonly #settings: Partial<GroupSettings>;

  constructor(led: LedPartition, settings: Partial<GroupSettings> = {}) {
    this.led = led;
    this.#settings = settings;
    this.coordinators = this.#open();
  }

  addTopic(name: string, partitionCount: number, endOffset = 0): void {
    const id = `${name}-${this.topics.size}`;
    this.topics.set(name, { id, partitionCount, endOffset, hasLeader: true });
    this.coordinators.topicChanged(name);
  }

  /** Loads everything from the log again, as another process would. */
  async restart(): Promise<void> {
    await this.coordinators.close();
    this.coordinators = this.#open();
  }

  #open(): GroupCoordinators {
    const { partition, clock, scheduler } = this.led;
    return new GroupCoordinators({
      offsetsKeptMax: 1000,
      offsetsKeptBytes: 64 * 1024 * 1024,
      offsetMetadataBytesMax: 4096,
      offsetsRetentionMinutes: 1000,
      ...GROUP_DEFAULTS,
      ...this.#settings,
      topics: {
        topic: (name) =>
          name === partition.topicPartition.topic
            ? { id: 'offsets-id', partitionCount: 1, ledPartition: () => this.led.partition }
            : this.#topic(name),
        names: () => this.topics.keys(),
        ensureOffsetsTopic: () => Promise.resolve(),
      },
      findPositions: (pending) => Promise.resolve(this.#find(pending)),
      deadLetters: this.deadLetters,
      clock,
      expiryClock: clock,
      scheduler,
      random: new SeededRandom(3),
      logger: silentLogger,
    });
  }

  #topic(name: string) {
    const topic = this.topics.get(name);
    if (topic === undefined) return undefined;
    return { id: topic.id, partitionCount: topic.partitionCount, ledPartition: () => undefined };
  }

  #find(pending: readonly PendingPosition[]): FoundPosition[] {
    return pending.flatMap((one) => {
      const topic = this.topics.get(one.topic);
      if (topic?.hasLeader !== true) return [];
      return [{ ...one, offset: one.reset === 'latest' ? topic.endOffset : 0 }];
    });
  }
}
