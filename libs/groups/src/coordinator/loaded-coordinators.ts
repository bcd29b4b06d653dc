import { CONSUMER_OFFSETS_TOPIC, type LeaderEpoch, ProtocolError } from '#protocol';
import type { Partition } from '#replication';
import { Limiter, type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import { partitionForGroup } from '../group-partition.js';
import type { GroupCoordinator } from './group-coordinator.js';
import type { TopicDirectory } from './topic-directory.js';

interface LoadedCoordinatorsOptions {
  readonly topics: TopicDirectory;
  readonly load: (partition: Partition) => Promise<GroupCoordinator>;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/** Partitions that are loaded at the same time while no call waits for them. */
const LOADS_AT_ONCE = 4;

interface LoadedPartition {
  readonly leaderEpoch: LeaderEpoch;
  readonly load: Promise<GroupCoordinator>;
}

/**
 * The coordinators of the partitions that this broker leads, each loaded once per leader epoch:
 * when the leadership begins, or when a call needs it earlier.
 *
 * Overlap: all calls may overlap; a partition is loaded once for all callers that wait for it.
 */
export class LoadedCoordinators {
  readonly #options: LoadedCoordinatorsOptions;
  /** Loads by partition, with the leader epoch that they were loaded in. */
  readonly #loads = new Map<number, LoadedPartition>();
  readonly #loaded = new Set<GroupCoordinator>();
  readonly #loading = new Limiter(LOADS_AT_ONCE);
  readonly #backoff: RetryBackoff;
  #isRetryScheduled = false;
  #isClosed = false;

  constructor(options: LoadedCoordinatorsOptions) {
    this.#options = options;
    this.#backoff = new RetryBackoff(options.random);
  }

  /** True when a topic has this id now. */
  readonly isCurrent = (topic: string, topicId: string): boolean =>
    this.#options.topics.topic(topic)?.id === topicId;

  all(): Iterable<GroupCoordinator> {
    return this.#loaded;
  }

  /** The coordinators whose partitions this broker still leads. */
  *leading(): Iterable<GroupCoordinator> {
    for (const one of this.#loaded) if (one.partition.isLeader) yield one;
  }

  sum(numberOf: (coordinator: GroupCoordinator) => number): number {
    let sum = 0;
    for (const coordinator of this.#loaded) sum += numberOf(coordinator);
    return sum;
  }

  /** The coordinator of a group; undefined when the offsets topic does not exist. */
  async of(group: string): Promise<GroupCoordinator | undefined> {
    const partition = this.partitionOf(group);
    return partition === undefined ? undefined : this.get(partition);
  }

  /** The partition that keeps a group; undefined when the offsets topic does not exist. */
  partitionOf(group: string): number | undefined {
    const topic = this.#options.topics.topic(CONSUMER_OFFSETS_TOPIC);
    return topic === undefined ? undefined : partitionForGroup(group, topic.partitionCount);
  }

  /** @throws ProtocolError COORDINATOR_NOT_AVAILABLE; what loading throws */
  async ofOrThrow(group: string): Promise<GroupCoordinator> {
    const coordinator = await this.of(group);
    if (coordinator === undefined) throw notAvailable();
    return coordinator;
  }

  /** The coordinator of a partition. @throws ProtocolError COORDINATOR_NOT_AVAILABLE */
  get(number: number): Promise<GroupCoordinator> {
    const partition = this.#options.topics.topic(CONSUMER_OFFSETS_TOPIC)?.ledPartition(number);
    const present = this.#loads.get(number);
    if (partition !== undefined && present?.leaderEpoch === partition.leaderEpoch) {
      return present.load;
    }
    // A load in an earlier epoch may lack records that another leader has written since.
    this.#drop(number);
    if (partition === undefined) return Promise.reject(notAvailable());
    const load = this.#load(partition);
    this.#loads.set(number, { leaderEpoch: partition.leaderEpoch, load });
    // A failed load (of a damaged range, for example) is repeated by the next call.
    load.catch(() => {
      if (this.#loads.get(number)?.load === load) this.#loads.delete(number);
    });
    return load;
  }

  /** Numbers of the partitions that this broker leads. */
  ledNumbers(): number[] {
    const topic = this.#options.topics.topic(CONSUMER_OFFSETS_TOPIC);
    const all = Array.from({ length: topic?.partitionCount ?? 0 }, (_, number) => number);
    return all.filter((number) => topic?.ledPartition(number) !== undefined);
  }

  /** The coordinators of all partitions that this broker leads. */
  led(): Promise<GroupCoordinator[]> {
    return Promise.all(this.ledNumbers().map((number) => this.get(number)));
  }

  /**
   * Begins to load the partitions that this broker leads and has not loaded, and drops those that
   * it no longer leads. A load that fails is repeated later. Without a call, too, members that fell
   * silent when their coordinator died lose their partitions in time.
   */
  loadLed(): void {
    const topic = this.#options.topics.topic(CONSUMER_OFFSETS_TOPIC);
    for (const number of this.#loads.keys()) {
      if (topic?.ledPartition(number) === undefined) this.#drop(number);
    }
    for (const number of this.ledNumbers()) {
      const leaderEpoch = topic?.ledPartition(number)?.leaderEpoch;
      if (this.#loads.get(number)?.leaderEpoch !== leaderEpoch) void this.#loadLater(number);
    }
  }

  /** Removes the offsets of deleted topics in all loaded partitions. */
  async removeStale(): Promise<void> {
    await Promise.all(Array.from(this.#loaded, (coordinator) => this.#removeStale(coordinator)));
  }

  close(): void {
    this.#isClosed = true;
    for (const coordinator of this.#loaded) coordinator.close();
  }

  /** Never rejects. */
  async #loadLater(number: number): Promise<void> {
    const { topics, logger } = this.#options;
    try {
      await this.#loading.run(async () => {
        const isLed = topics.topic(CONSUMER_OFFSETS_TOPIC)?.ledPartition(number) !== undefined;
        if (isLed && !this.#isClosed) await this.get(number);
      });
      this.#backoff.reset();
    } catch (error) {
      logger.warn({ err: error, partition: number }, 'the groups of a partition were not loaded');
      this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#isRetryScheduled || this.#isClosed) return;
    this.#isRetryScheduled = true;
    this.#options.scheduler.after(this.#backoff.nextDelayMs(), () => {
      this.#isRetryScheduled = false;
      if (!this.#isClosed) this.loadLed();
    });
  }

  async #load(partition: Partition): Promise<GroupCoordinator> {
    const coordinator = await this.#options.load(partition);
    this.#loaded.add(coordinator);
    await this.#removeStale(coordinator);
    return coordinator;
  }

  #drop(number: number): void {
    const present = this.#loads.get(number);
    if (present === undefined) return;
    this.#loads.delete(number);
    void present.load.then(
      (coordinator) => this.#forget(coordinator),
      () => undefined,
    );
  }

  #forget(coordinator: GroupCoordinator): void {
    coordinator.close();
    this.#loaded.delete(coordinator);
  }

  async #removeStale(coordinator: GroupCoordinator): Promise<void> {
    if (!coordinator.partition.isLeader) return;
    try {
      await coordinator.removeStale((topic, topicId) => !this.isCurrent(topic, topicId));
    } catch (error) {
      // Stale offsets are not returned in any case; the next load or deletion tries again.
      const { logger } = this.#options;
      logger.warn({ err: error }, 'offsets of deleted topics could not be removed');
    }
  }
}

function notAvailable(): ProtocolError {
  return new ProtocolError(
    'COORDINATOR_NOT_AVAILABLE',
    'The partition that stores the state of this group is not available now.',
  );
}
