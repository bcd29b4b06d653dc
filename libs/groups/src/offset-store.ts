/**
 * Committed offsets of consumer groups, kept in the compacted topic `__consumer_offsets`: a group's
 * are in the partition that Kafka's hash of its name gives.
 *
 * A commit is one record batch, so it is there wholly or not at all, and it can be read once it is
 * below the high watermark. Offsets end with their topic: each carries the topic's id, and those of
 * a deleted topic are neither shown nor kept.
 *
 * A group without members that has committed nothing for so long as offsets.retention.minutes says
 * loses its offsets. There are no members yet: this goes for every group.
 *
 * Calls may overlap. Partitions are loaded from the log when they are first needed.
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

/** What this store needs to know of the cluster's topics. */
export interface TopicDirectory {
  topic(name: string): TopicView | undefined;
  /** Makes the offsets topic when there is none yet. */
  ensureOffsetsTopic(): Promise<void>;
}

export interface TopicView {
  readonly id: string;
  readonly partitionCount: number;
  /** Undefined when this broker does not lead it now. */
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
  /** How many committed offsets this broker keeps, over all groups. */
  readonly offsetsKeptMax: number;
  /** Bytes of memory that they may take, with their metadata and the names of their groups. */
  readonly offsetsKeptBytes: number;
  /** Kafka's offset.metadata.max.bytes: of one offset. */
  readonly offsetMetadataBytesMax: number;
  /** Kafka's offsets.retention.minutes: since the last commit of a group. */
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
  /** What commits that are being written will add to the index. */
  readonly #underWay = { offsets: 0, bytes: 0 };
  /** By partition, with the leader epoch that they were loaded in. */
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

  /** Committed offsets in memory. */
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

  /** Commits refused because too many offsets, or too many bytes of them, are kept. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /** Offsets that were taken back because their groups were silent. */
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

  /** Commits what fits into the limits together with all commits that are under way. */
  async #commitWithin(
    partition: OffsetsPartition,
    group: string,
    records: readonly OffsetRecord[],
  ): Promise<void> {
    const growth = partition.growthOf(group, records);
    this.#assertRoom(growth);
    const underWay = this.#underWay;
    underWay.offsets += growth.offsets;
    underWay.bytes += growth.bytes;
    try {
      await partition.commit(group, records);
    } finally {
      underWay.offsets -= growth.offsets;
      underWay.bytes -= growth.bytes;
    }
  }

  /**
   * The committed offsets of a group, by topic and partition. With `topic` all partitions of that
   * one, `offset` null where nothing is committed. Empty when the group is not known.
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
   * Takes the offsets of deleted topics out, from the log too. To be called after a topic was
   * deleted and before one of its name can be made again.
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
    // What was loaded in an earlier epoch may lack what another leader wrote since.
    this.#forget(number);
    if (partition === undefined) return Promise.reject(notAvailable());
    const load = this.#load(partition);
    const { leaderEpoch } = partition;
    this.#loads.set(number, { leaderEpoch, load });
    // A load that failed (a damaged range, say) is tried again by the next call.
    load.catch(() => {
      if (this.#loads.get(number)?.load === load) this.#loads.delete(number);
    });
    return load;
  }

  #forget(number: number): void {
    const present = this.#loads.get(number);
    if (present === undefined) return;
    this.#loads.delete(number);
    void present.load.then(
      (loaded) => this.#loaded.delete(loaded),
      () => undefined,
    );
  }

  async #load(partition: Partition): Promise<OffsetsPartition> {
    // Below the high watermark of a new leader there may be less than was committed.
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
      // They are not shown in any case; the next load or deletion tries again.
      this.#logger.warn({ err: error }, 'offsets of deleted topics could not be removed');
    }
  }

  /** One partition that fails, for its disk is full, does not keep the others from it. */
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

  /** A commit that takes no more room than before always passes, also over the limits. */
  #assertRoom({ offsets, bytes }: Growth): void {
    const kept = this.offsetCount + this.#underWay.offsets + offsets;
    const keptBytes = this.offsetBytes + this.#underWay.bytes + bytes;
    const isCountOver = offsets > 0 && kept > this.#offsetsKeptMax;
    const isBytesOver = bytes > 0 && keptBytes > this.#offsetsKeptBytes;
    if (!isCountOver && !isBytesOver) return;
    this.#refusedTotal += 1;
    throw new ProtocolError(
      'POLICY_VIOLATION',
      isCountOver
        ? `A broker keeps at most ${this.#offsetsKeptMax} committed offsets (SLUICE_OFFSETS_KEPT_MAX).`
        : `A broker keeps at most ${this.#offsetsKeptBytes} bytes of committed offsets with their ` +
            'metadata and group names (SLUICE_OFFSETS_KEPT_BYTES). Commit less metadata, or for fewer groups.',
    );
  }
}

function notAvailable(): ProtocolError {
  return new ProtocolError(
    'COORDINATOR_NOT_AVAILABLE',
    'The partition that keeps the offsets of this group is not served now.',
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
