import { silentLogger } from '#runtime';
import { SeededRandom } from '#runtime/testing';
import type { DeadLetterBatch, DeadLetterTopics } from '../coordinator/dead-letter-writer.js';
import { GroupCoordinators } from '../coordinator/group-coordinators.js';
import { GROUP_DEFAULTS, type GroupSettings } from '../coordinator/group-settings.js';
import type { FoundPosition } from '../coordinator/position-resolution.js';
import type { QueueLists } from '../coordinator/queue-listings.js';
import type {
  DeadLetterPage,
  DeadLetterRead,
  FoundDeadLetter,
  RedriveTopics,
} from '../coordinator/redriver.js';
import { offsetsIn } from '../queue/offset-ranges.js';
import type { RedrivePlan } from '../queue/redrive-state.js';
import type { PendingPosition } from '../state/assign.js';
import type { LedPartition } from './led-partition.js';

/** A topic whose partitions have an end that a test moves. */
interface TestTopic {
  id: string;
  partitionCount: number;
  isDeletedOnAck: boolean;
  queueGroups: readonly string[];
  endOffset: number;
  hasLeader: boolean;
  leaderEpoch: number;
  /** Start of the leader epoch. */
  epochStart: number;
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

/** A dead-letter topic in memory: all of its letters are of one group. */
class TestRedrives implements RedriveTopics {
  /** Source topic by offset. */
  readonly letters: string[] = [];
  /** Offsets below it are gone. */
  logStart = 0;
  /** Topics that are there. */
  readonly topics = new Set(['jobs']);
  /** Offsets of dead letters in the order in which they were put back, by producer and sequence. */
  readonly batches = new Map<string, number[]>();
  /** Makes the next writes fail, after they were done. */
  failures = 0;
  #producers = 0;

  readLetters(_place: object, { from, lettersMax }: DeadLetterRead): Promise<DeadLetterPage> {
    const begin = Math.max(from, this.logStart);
    const letters = this.letters
      .map((sourceTopic, offset): FoundDeadLetter => {
        const isThere = this.topics.has(sourceTopic);
        const target = { topic: sourceTopic, topicId: `${sourceTopic}-id`, partition: 0 };
        const sizes = { sizeBytes: 10, batchBytesMax: 25 };
        return { offset, sourceTopic, target: isThere ? target : null, ...sizes };
      })
      .slice(begin, begin + lettersMax);
    const to = (letters.at(-1)?.offset ?? begin - 1) + 1;
    return Promise.resolve({ logStartOffset: this.logStart, to, letters });
  }

  writeRedriven(_place: object, plan: RedrivePlan): Promise<boolean> {
    const offsets = [...offsetsIn(plan.ranges)];
    if (offsets.some((offset) => offset < this.logStart)) return Promise.resolve(false);
    this.batches.set(`${plan.producerId} ${plan.sequence}`, offsets);
    if (this.failures === 0) return Promise.resolve(true);
    this.failures -= 1;
    return Promise.reject(new Error('the answer is lost'));
  }

  newProducer() {
    this.#producers += 1;
    return Promise.resolve({ producerId: this.#producers, producerEpoch: 0 });
  }
}

/** The lists of queue groups, kept with the topics of a test. */
class TestQueueLists implements QueueLists {
  /** Makes the next changes fail. */
  failures = 0;
  readonly #topics: ReadonlyMap<string, TestTopic>;

  constructor(topics: ReadonlyMap<string, TestTopic>) {
    this.#topics = topics;
  }

  add(group: string, topics: readonly { readonly topic: string }[]): Promise<number> {
    return this.#change(() => {
      for (const { topic } of topics) {
        const listing = this.#topics.get(topic);
        if (listing === undefined) continue;
        listing.queueGroups = [...new Set([...listing.queueGroups, group])];
      }
      return 1;
    });
  }

  remove(group: string): Promise<void> {
    return this.#change(() => {
      for (const listing of this.#topics.values()) {
        listing.queueGroups = listing.queueGroups.filter((name) => name !== group);
      }
    });
  }

  has(group: string): boolean {
    return [...this.#topics.values()].some(({ queueGroups }) => queueGroups.includes(group));
  }

  #change<T>(change: () => T): Promise<T> {
    if (this.failures === 0) return Promise.resolve(change());
    this.failures -= 1;
    return Promise.reject(new Error('the metadata cannot be changed'));
  }
}

/** The coordinators of a broker that leads the only partition of the offsets topic. */
export class TestCoordinators {
  readonly led: LedPartition;
  readonly topics = new Map<string, TestTopic>();
  /** Broker epochs of processes that have ended. */
  readonly endedProcesses = new Set<number>();
  /** Principals whose members leave. */
  readonly revokedOwners = new Set<string>();
  /** Topics that no owner of a member may read. */
  readonly forbiddenTopics = new Set<string>();
  coordinators: GroupCoordinators;
  readonly deadLetters = new TestDeadLetters();
  readonly redrives = new TestRedrives();
  readonly lists = new TestQueueLists(this.topics);
  /** Holds positions back that were found. */
  findingEnd: Promise<void> = Promise.resolve();
  readonly #settings: Partial<GroupSettings>;

  constructor(led: LedPartition, settings: Partial<GroupSettings> = {}) {
    this.led = led;
    this.#settings = settings;
    this.coordinators = this.#open();
  }

  addTopic(name: string, partitionCount: number, endOffset = 0): void {
    const id = `${name}-${this.topics.size}`;
    const leader = { hasLeader: true, leaderEpoch: 0, epochStart: 0 };
    const queues = { isDeletedOnAck: false, queueGroups: [] };
    this.topics.set(name, { id, partitionCount, endOffset, ...leader, ...queues });
    this.coordinators.topicChanged(name);
  }

  /** Tells the coordinators that the leadership of the offsets topic may have changed. */
  lead(): void {
    this.coordinators.topicChanged(this.led.partition.topicPartition.topic);
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
            ? {
                id: 'offsets-id',
                partitionCount: 1,
                leaderEpochs: [partition.leaderEpoch],
                isDeletedOnAck: false,
                queueGroups: [],
                ledPartition: () => (partition.isLeader ? partition : undefined),
              }
            : this.#topic(name),
        names: () => this.topics.keys(),
        ensureOffsetsTopic: () => Promise.resolve(),
      },
      findPositions: async (pending) => {
        const found = this.#find(pending);
        await this.findingEnd;
        return found;
      },
      queueLists: this.lists,
      deadLetters: this.deadLetters,
      redriveTopics: this.redrives,
      hasProcessEnded: (brokerEpoch) => this.endedProcesses.has(brokerEpoch),
      mayKeep: ({ principal }, { topics }) =>
        !this.revokedOwners.has(principal) &&
        ![...topics].some((topic) => this.forbiddenTopics.has(topic)),
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
    const { id, partitionCount, leaderEpoch, isDeletedOnAck, queueGroups } = topic;
    const leaderEpochs = Array.from({ length: partitionCount }, () => leaderEpoch);
    const shape = { id, partitionCount, leaderEpochs, isDeletedOnAck, queueGroups };
    return { ...shape, ledPartition: () => undefined };
  }

  #find(pending: readonly PendingPosition[]): FoundPosition[] {
    return pending.flatMap((one) => {
      const topic = this.topics.get(one.topic);
      if (topic?.hasLeader !== true) return [];
      const { leaderEpoch, epochStart, endOffset } = topic;
      const isNewEpoch = one.sinceEpoch !== undefined && one.sinceEpoch < leaderEpoch;
      const latest = isNewEpoch ? epochStart : endOffset;
      return [{ ...one, offset: one.reset === 'latest' ? latest : 0 }];
    });
  }
}
