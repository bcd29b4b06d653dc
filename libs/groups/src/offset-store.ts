/**
 * Committed offsets of consumer groups, stored in the compacted topic `__consumer_offsets`: the
 * hash of a group's name, computed as Kafka does, selects its partition.
 *
 * A commit is one record batch, so it takes effect as a whole or not at all; it can be read once it
 * is below the high watermark. Offsets end with their topic: each carries the topic's id, and those
 * of a deleted topic are neither returned nor kept.
 *
 * A group without members loses its offsets when it has committed nothing for
 * offsets.retention.minutes. Membership is not implemented yet: this applies to every group.
 *
 * Overlap: all calls may overlap. Partitions are loaded from the log when they are first needed,
 * once per leader epoch; OffsetsPartition orders the commits of one partition.
 */

import { RepeatedTask } from '#log';
import {
  CONSUMER_OFFSETS_TOPIC,
  FaultList,
  type LeaderEpoch,
  type Offset,
  ProtocolError,
  type TopicPartition,
} from '#protocol';
import { committedEndKnown, type Partition } from '#replication';
import type { Clock, Logger, Scheduler } from '#runtime';
import { assertGroupName } from './group-name.js';
import { partitionForGroup } from './group-partition.js';
import {
  assertCommits,
  type CommitBounds,
  noSuchPartition,
  type OffsetCommit,
  unknownPartition,
} from './offset-commits.js';
import type { OffsetRecord } from './offset-records.js';
import { type Growth, OffsetsPartition } from './offsets-partition.js';

/** Kafka's offsets.retention.check.interval.ms. */
const EXPIRY_CHECK_INTERVAL_MS = 600_000;
const MINUTE_MS = 60_000;

/** The parts of the cluster's topics that this store needs. */
export interface TopicDirectory {
  topic(name: string): TopicView | undefined;
  /** Creates the offsets topic if it does not exist. */
  ensureOffsetsTopic(): Promise<void>;
}

export interface TopicView {
  readonly id: string;
  readonly partitionCount: number;
  /** The partition, or undefined when this broker does not lead it. */
  ledPartition(partition: number): Partition | undefined;
}

export interface GroupOffset extends TopicPartition {
  readonly offset: Offset | null;
  readonly highWatermark: Offset | null;
  readonly lag: number | null;
  readonly metadata: string | null;
}

interface OffsetStoreOptions {
  readonly topics: TopicDirectory;
  readonly clock: Clock;
  /** The time by which offsets expire. */
  readonly expiryClock: Pick<Clock, 'nowMs'>;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Limit of committed offsets on this broker, over all groups. */
  readonly offsetsKeptMax: number;
  /** Limit of their memory with metadata and group names, bytes. */
  readonly offsetsKeptBytes: number;
  /** Kafka's offset.metadata.max.bytes: limit per offset. */
  readonly offsetMetadataBytesMax: number;
  /** Kafka's offsets.retention.minutes: time since the last commit of a group. */
  readonly offsetsRetentionMinutes: number;
}

interface LoadedPartition {
  readonly leaderEpoch: LeaderEpoch;
  readonly load: Promise<OffsetsPartition>;
}

export class OffsetStore {
  readonly #topics: TopicDirectory;
  readonly #clock: Clock;
  readonly #expiryClock: Pick<Clock, 'nowMs'>;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly #offsetsKeptMax: number;
  readonly #offsetsKeptBytes: number;
  readonly #offsetMetadataBytesMax: number;
  readonly #offsetsRetentionMs: number;
  readonly #expiry: RepeatedTask;
  #expiredTotal = 0;
  #refusedTotal = 0;
  /** Growth of the index by commits that are being written. */
  readonly #inFlight = { offsets: 0, bytes: 0 };
  /** Loads by partition, with the leader epoch that they were loaded in. */
  readonly #loads = new Map<number, LoadedPartition>();
  readonly #loaded = new Set<OffsetsPartition>();

  constructor(options: OffsetStoreOptions) {
    this.#topics = options.topics;
    this.#clock = options.clock;
    this.#expiryClock = options.expiryClock;
    this.#scheduler = options.scheduler;
    this.#logger = options.logger;
    this.#offsetsKeptMax = options.offsetsKeptMax;
    this.#offsetsKeptBytes = options.offsetsKeptBytes;
    this.#offsetMetadataBytesMax = options.offsetMetadataBytesMax;
    this.#offsetsRetentionMs = options.offsetsRetentionMinutes * MINUTE_MS;
    this.#expiry = new RepeatedTask(options.scheduler, options.logger, {
      name: 'offset-expiry',
      intervalMs: EXPIRY_CHECK_INTERVAL_MS,
      run: () => this.#expire(),
    });
  }

  /** Number of committed offsets in memory. */
  get offsetCount(): number {
    let count = 0;
    for (const partition of this.#loaded) count += partition.offsetCount;
    return count;
  }

  /** Bytes of memory that they take, as counted. */
  get offsetBytes(): number {
    let bytes = 0;
    for (const partition of this.#loaded) bytes += partition.sizeBytes;
    return bytes;
  }

  /**
   * Number of commits refused because the broker keeps too many offsets, or too many bytes of them.
   */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /** Number of offsets that were removed because their groups committed nothing for too long. */
  get expiredTotal(): number {
    return this.#expiredTotal;
  }

  /** Ends the background work. */
  close(): Promise<void> {
    return this.#expiry.stop();
  }

  /**
   * Commits all offsets or none.
   * @throws ProtocolError INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE with
   *   faults; POLICY_VIOLATION when too many offsets are kept; what appending throws
   */
  async commit(group: string, offsets: readonly OffsetCommit[]): Promise<void> {
    assertGroupName(group);
    assertCommits(offsets, {
      topics: this.#topics,
      boundsOf: ({ topic, partition }) => this.#ledHighWatermark(topic, partition),
      offsetMetadataBytesMax: this.#offsetMetadataBytesMax,
    });
    if (offsets.length === 0) return;
    await this.#topics.ensureOffsetsTopic();
    const partition = await this.#partitionOf(group);
    if (partition === undefined) throw notAvailable();
    const committedAtMs = this.#clock.nowMs();
    const records = offsets.map((commit): OffsetRecord => {
      // Looked up again: the topic may have been deleted while the partition was loaded.
      const topic = this.#topics.topic(commit.topic);
      if (topic === undefined) throw topicIsGone(commit);
      return {
        key: { group, topic: commit.topic, partition: commit.partition },
        value: {
          topicId: topic.id,
          offset: commit.offset,
          leaderEpoch: commit.leaderEpoch ?? null,
          metadata: commit.metadata ?? null,
          committedAtMs,
        },
      };
    });
    await this.#commitWithin(partition, group, records);
  }

  /** Commits offsets that fit into the limits together with all commits in progress. */
  async #commitWithin(
    partition: OffsetsPartition,
    group: string,
    records: readonly OffsetRecord[],
  ): Promise<void> {
    const growth = partition.growthOf(group, records);
    this.#assertRoom(growth);
    const inFlight = this.#inFlight;
    inFlight.offsets += growth.offsets;
    inFlight.bytes += growth.bytes;
    try {
      await partition.commit(group, records);
    } finally {
      inFlight.offsets -= growth.offsets;
      inFlight.bytes -= growth.bytes;
    }
  }

  /**
   * The committed offsets of a group, by topic and partition. With `topic`, all partitions of that
   * topic, with `offset` null where nothing is committed. Empty when the group is not known.
   */
  async committed(group: string, topic?: string): Promise<GroupOffset[]> {
    assertGroupName(group);
    const partition = await this.#partitionOf(group);
    if (partition === undefined) return [];
    const committed = new Map<string, GroupOffset>();
    for (const { topic: name, partition: number, value } of partition.offsets(group)) {
      const view = this.#topics.topic(name);
      if (view?.id !== value.topicId) continue;
      const offset = value.offset;
      const entry = groupOffset(view, { topic: name, partition: number }, offset, value.metadata);
      committed.set(`${name} ${number}`, entry);
    }
    if (committed.size === 0) return [];
    const view = topic === undefined ? undefined : this.#topics.topic(topic);
    if (topic === undefined) return [...committed.values()].toSorted(byTopicAndPartition);
    return Array.from({ length: view?.partitionCount ?? 0 }, (_, number) => {
      const known = committed.get(`${topic} ${number}`);
      return known ?? groupOffset(view, { topic, partition: number }, null, null);
    });
  }

  /**
   * Removes the offsets of deleted topics, from the log too. The caller runs this after a topic was
   * deleted and before a topic of the same name can be created.
   */
  async removeStaleOffsets(): Promise<void> {
    await Promise.all(Array.from(this.#loaded, (partition) => this.#removeStale(partition)));
  }

  #partitionOf(group: string): Promise<OffsetsPartition | undefined> {
    const topic = this.#topics.topic(CONSUMER_OFFSETS_TOPIC);
    if (topic === undefined) return Promise.resolve(undefined);
    return this.#partition(topic, partitionForGroup(group, topic.partitionCount));
  }

  #partition(topic: TopicView, number: number): Promise<OffsetsPartition> {
    const partition = topic.ledPartition(number);
    const present = this.#loads.get(number);
    if (partition !== undefined && present?.leaderEpoch === partition.leaderEpoch) {
      return present.load;
    }
    // A load in an earlier epoch may lack records that another leader has written since.
    this.#dropLoad(number);
    if (partition === undefined) return Promise.reject(notAvailable());
    const load = this.#load(partition);
    const { leaderEpoch } = partition;
    this.#loads.set(number, { leaderEpoch, load });
    // A failed load (of a damaged range, for example) is repeated by the next call.
    load.catch(() => {
      if (this.#loads.get(number)?.load === load) this.#loads.delete(number);
    });
    return load;
  }

  #dropLoad(number: number): void {
    const present = this.#loads.get(number);
    if (present === undefined) return;
    this.#loads.delete(number);
    void present.load.then(
      (loaded) => this.#loaded.delete(loaded),
      () => undefined,
    );
  }

  async #load(partition: Partition): Promise<OffsetsPartition> {
    // The high watermark that a new leader knows may be older than the last commit.
    await committedEndKnown(partition, this.#scheduler);
    const loaded = await OffsetsPartition.load(partition, this.#clock);
    this.#loaded.add(loaded);
    await this.#removeStale(loaded);
    return loaded;
  }

  async #removeStale(partition: OffsetsPartition): Promise<void> {
    if (!partition.partition.isLeader) return;
    const isStale = (topic: string, topicId: string): boolean =>
      this.#topics.topic(topic)?.id !== topicId;
    try {
      await partition.remove([...partition.stale(isStale)]);
    } catch (error) {
      // Stale offsets are not returned in any case; the next load or deletion tries again.
      this.#logger.warn({ err: error }, 'offsets of deleted topics could not be removed');
    }
  }

  /**
   * Expires silent groups in all partitions; a failing partition (a full disk, for example) does
   * not stop the others.
   */
  async #expire(): Promise<void> {
    const topic = this.#topics.topic(CONSUMER_OFFSETS_TOPIC);
    if (topic === undefined) return;
    const sinceMs = this.#expiryClock.nowMs() - this.#offsetsRetentionMs;
    const failures: unknown[] = [];
    for (let number = 0; number < topic.partitionCount; number += 1) {
      if (topic.ledPartition(number) === undefined) continue;
      try {
        const partition = await this.#partition(topic, number);
        this.#expiredTotal += await partition.expire(sinceMs);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #ledHighWatermark(topic: string, number: number): ReturnType<CommitBounds> {
    const led = this.#topics.topic(topic)?.ledPartition(number);
    if (led === undefined) return undefined;
    return { logStartOffset: led.log.logStartOffset, highWatermark: led.highWatermark };
  }

  /**
   * Refuses growth beyond the limits. A commit that takes no more memory than before always passes.
   */
  #assertRoom({ offsets, bytes }: Growth): void {
    const kept = this.offsetCount + this.#inFlight.offsets + offsets;
    const keptBytes = this.offsetBytes + this.#inFlight.bytes + bytes;
    const isCountOver = offsets > 0 && kept > this.#offsetsKeptMax;
    const isBytesOver = bytes > 0 && keptBytes > this.#offsetsKeptBytes;
    if (!isCountOver && !isBytesOver) return;
    this.#refusedTotal += 1;
    throw new ProtocolError(
      'POLICY_VIOLATION',
      isCountOver
        ? `A broker keeps at most ${this.#offsetsKeptMax} committed offsets ` +
            '(SLUICE_OFFSETS_KEPT_MAX).'
        : `A broker keeps at most ${this.#offsetsKeptBytes} bytes of committed offsets with ` +
            'their metadata and group names (SLUICE_OFFSETS_KEPT_BYTES). Commit less metadata, ' +
            'or use fewer groups.',
    );
  }
}

function notAvailable(): ProtocolError {
  return new ProtocolError(
    'COORDINATOR_NOT_AVAILABLE',
    'The partition that stores the offsets of this group is not available now.',
    { retryAfterMs: 1000 },
  );
}

function groupOffset(
  topic: TopicView | undefined,
  { topic: name, partition }: TopicPartition,
  offset: Offset | null,
  metadata: string | null,
): GroupOffset {
  const highWatermark = topic?.ledPartition(partition)?.highWatermark ?? null;
  const lag =
    offset === null || highWatermark === null ? null : Math.max(0, highWatermark - offset);
  return { topic: name, partition, offset, highWatermark, lag, metadata };
}

function byTopicAndPartition(a: GroupOffset, b: GroupOffset): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

function topicIsGone(target: TopicPartition): ProtocolError {
  const faults = new FaultList();
  faults.add('/offsets', noSuchPartition(target));
  return unknownPartition(faults);
}
