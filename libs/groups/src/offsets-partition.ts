/**
 * The committed offsets of the groups of one partition of `__consumer_offsets`: an index in memory
 * of the newest record of each key, loaded from the log once and updated with every commit.
 *
 * Overlap: all calls may overlap. Each commit is one record batch; it enters the index when it is
 * below the high watermark, and only where the index has nothing newer from the log. Only groups
 * without a commit in progress expire: a later commit follows the tombstones in the log, and so
 * counts.
 */
import { encodeRecordBatches } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import type { Partition } from '#replication';
import { type Clock, detachedText, textMemoryBytes } from '#runtime';
import {
  type OffsetKey,
  type OffsetRecord,
  type OffsetValue,
  offsetRecordSet,
  offsetRecordsOf,
} from './offset-records.js';

const LOAD_READ_BYTES = 1024 * 1024;

/** The newest record of a key. */
interface IndexedOffset extends OffsetKey {
  readonly value: OffsetValue;
  readonly logOffset: Offset;
}

/**
 * The part of a key's newest record that the index keeps: the key is kept once per group and topic.
 */
interface KeptOffset {
  readonly value: OffsetValue;
  readonly logOffset: Offset;
}

interface Group {
  readonly name: string;
  /** Time of its last commit, by the broker's clock at that time, ms. */
  lastCommitMs: number;
  /** Offsets by topic. */
  readonly topics: Map<string, TopicOffsets>;
}

interface TopicOffsets {
  readonly topic: string;
  readonly topicId: string;
  readonly offsets: Map<number, KeptOffset>;
}

/** Growth of the index by a commit; negative where it replaces more than it adds. */
export interface Growth {
  readonly offsets: number;
  readonly bytes: number;
}

/**
 * Bytes of heap beside the texts, measured on Node 20 and rounded up (docs/operating/memory.md). A
 * topic's count includes its id.
 */
const GROUP_BYTES = 320;
const TOPIC_BYTES = 352;
const OFFSET_BYTES = 208;
/** Number of tombstones per batch: far below a batch's limit whatever the names. */
const TOMBSTONES_PER_BATCH = 100;

export class OffsetsPartition {
  readonly partition: Partition;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();
  /** Number of commits per group that are written and not in the index yet. */
  readonly #commitsUnderWay = new Map<string, number>();
  #offsetCount = 0;
  #sizeBytes = 0;

  private constructor(partition: Partition, clock: Clock) {
    this.partition = partition;
    this.#clock = clock;
  }

  /** Reads the partition from its start to its high watermark. */
  static async load(partition: Partition, clock: Clock): Promise<OffsetsPartition> {
    const loaded = new OffsetsPartition(partition, clock);
    const { log, highWatermark } = partition;
    for (let offset: Offset = log.logStartOffset; offset < highWatermark; ) {
      const batches = await log.read(offset, LOAD_READ_BYTES, highWatermark);
      for (const batch of batches) {
        for (const { logOffset, record } of offsetRecordsOf(batch)) loaded.#take(record, logOffset);
      }
      const last = batches.at(-1);
      if (last === undefined) break;
      offset = last.nextOffset;
    }
    return loaded;
  }

  /** Number of committed offsets. */
  get offsetCount(): number {
    return this.#offsetCount;
  }

  /** Bytes of memory that the index takes, as counted. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Growth of the index that a commit would cause now. */
  growthOf(group: string, records: readonly OffsetRecord[]): Growth {
    const known = this.#groups.get(group);
    const newTopics = new Set<string>();
    let bytes = known === undefined ? groupBytes(group) : 0;
    let offsets = 0;
    for (const { key, value } of records) {
      const ofTopic = known?.topics.get(key.topic);
      if (ofTopic === undefined && !newTopics.has(key.topic)) {
        newTopics.add(key.topic);
        bytes += topicBytes(key.topic);
      }
      const present = ofTopic?.offsets.get(key.partition);
      if (present === undefined) offsets += 1;
      bytes += offsetBytes(value) - offsetBytes(present?.value);
    }
    return { offsets, bytes };
  }

  /** The committed offsets of a group, also those of deleted topics. */
  *offsets(group: string): Iterable<IndexedOffset> {
    const ofGroup = this.#groups.get(group);
    if (ofGroup !== undefined) yield* offsetsOf(ofGroup);
  }

  /** All committed offsets for which `isStale` returns true. */
  *stale(isStale: (topic: string, topicId: string) => boolean): Iterable<OffsetKey> {
    for (const group of this.#groups.values()) {
      for (const indexed of offsetsOf(group)) {
        if (isStale(indexed.topic, indexed.value.topicId)) yield indexed;
      }
    }
  }

  /**
   * Writes the offsets of one commit as one batch: all or none. Resolves when they are committed
   * and in the index.
   * @throws ProtocolError MESSAGE_TOO_LARGE when they do not fit into one batch
   */
  async commit(group: string, offsets: readonly OffsetRecord[]): Promise<void> {
    const underWay = this.#commitsUnderWay;
    underWay.set(group, (underWay.get(group) ?? 0) + 1);
    try {
      await this.#write(offsets);
    } finally {
      const left = (underWay.get(group) ?? 1) - 1;
      if (left === 0) underWay.delete(group);
      else underWay.set(group, left);
    }
  }

  /** Removes offsets, one batch after the other. */
  async remove(keys: readonly OffsetKey[]): Promise<void> {
    for (let at = 0; at < keys.length; at += TOMBSTONES_PER_BATCH) {
      const tombstones = keys
        .slice(at, at + TOMBSTONES_PER_BATCH)
        .map(({ group, topic, partition }) => ({ key: { group, topic, partition }, value: null }));
      await this.#write(tombstones);
    }
  }

  /**
   * Removes all offsets of groups that committed nothing since a time.
   * @returns number of removed offsets
   */
  async expire(sinceMs: number): Promise<number> {
    const isExpired = (name: string, group: Group): boolean =>
      group.lastCommitMs <= sinceMs && !this.#commitsUnderWay.has(name);
    let removed = 0;
    let keys: OffsetKey[] = [];
    for (const [name, group] of this.#groups) {
      if (!isExpired(name, group)) continue;
      for (const indexed of offsetsOf(group)) {
        keys.push(indexed);
        if (keys.length < TOMBSTONES_PER_BATCH) continue;
        const batch = keys;
        keys = [];
        await this.remove(batch);
        removed += batch.length;
        // The group may have committed during the write: then the rest of its offsets stays.
        if (!isExpired(name, group)) break;
      }
    }
    await this.remove(keys);
    return removed + keys.length;
  }

  async #write(records: readonly OffsetRecord[]): Promise<void> {
    const { log } = this.partition;
    const maxBatchBytes = log.config['max.message.bytes'];
    const encoded = encodeRecordBatches(
      [{ records: offsetRecordSet(records), indexes: undefined }],
      {
        nowMs: this.#clock.nowMs(),
        timestampType: 'CreateTime',
        batchSizeBytes: maxBatchBytes,
        maxBatchBytes,
      },
    );
    if (encoded.batches.length > 1) {
      throw new ProtocolError(
        'MESSAGE_TOO_LARGE',
        `${records.length} offsets do not fit into one record batch of ${maxBatchBytes} bytes, ` +
          'as a commit has to. Commit fewer at a time.',
      );
    }
    const { baseOffset, lastOffset } = await this.partition.append(encoded.batches);
    await this.partition.whenCommitted(lastOffset + 1);
    for (const [at, record] of records.entries()) this.#take(record, baseOffset + at);
  }

  #take(record: OffsetRecord, logOffset: Offset): void {
    const { group, topic, partition } = record.key;
    const { value } = record;
    const present = this.#groups.get(group)?.topics.get(topic)?.offsets.get(partition);
    if (present !== undefined && present.logOffset > logOffset) return;
    if (value === null) {
      if (present !== undefined) this.#drop(record.key);
      return;
    }
    if (present === undefined) this.#offsetCount += 1;
    this.#sizeBytes += offsetBytes(value) - offsetBytes(present?.value);
    const ofGroup = this.#groups.get(group) ?? this.#addGroup(group, value.committedAtMs);
    ofGroup.lastCommitMs = Math.max(ofGroup.lastCommitMs, value.committedAtMs);
    const ofTopic = ofGroup.topics.get(topic) ?? this.#addTopic(ofGroup, topic, value.topicId);
    // The log has the id in each record: one copy of it is enough.
    const topicId = ofTopic.topicId === value.topicId ? ofTopic.topicId : value.topicId;
    ofTopic.offsets.set(partition, { value: { ...value, topicId }, logOffset });
  }

  #addGroup(group: string, lastCommitMs: number): Group {
    // The name may have been cut from the URL of a request.
    const name = detachedText(group);
    const added = { name, lastCommitMs, topics: new Map<string, TopicOffsets>() };
    this.#groups.set(name, added);
    this.#sizeBytes += groupBytes(name);
    return added;
  }

  #addTopic(group: Group, topic: string, topicId: string): TopicOffsets {
    const added = { topic, topicId, offsets: new Map<number, KeptOffset>() };
    group.topics.set(topic, added);
    this.#sizeBytes += topicBytes(topic);
    return added;
  }

  #drop({ group, topic, partition }: OffsetKey): void {
    const ofGroup = this.#groups.get(group);
    const ofTopic = ofGroup?.topics.get(topic);
    if (ofGroup === undefined || ofTopic === undefined) return;
    this.#sizeBytes -= offsetBytes(ofTopic.offsets.get(partition)?.value);
    ofTopic.offsets.delete(partition);
    this.#offsetCount -= 1;
    if (ofTopic.offsets.size > 0) return;
    ofGroup.topics.delete(topic);
    this.#sizeBytes -= topicBytes(topic);
    if (ofGroup.topics.size > 0) return;
    this.#groups.delete(group);
    this.#sizeBytes -= groupBytes(group);
  }
}

function* offsetsOf({ name: group, topics }: Group): Iterable<IndexedOffset> {
  for (const { topic, offsets } of topics.values()) {
    for (const [partition, { value, logOffset }] of offsets) {
      yield { group, topic, partition, value, logOffset };
    }
  }
}

function groupBytes(name: string): number {
  return GROUP_BYTES + textMemoryBytes(name);
}

function topicBytes(topic: string): number {
  return TOPIC_BYTES + textMemoryBytes(topic);
}

function offsetBytes(value: OffsetValue | null | undefined): number {
  if (value === null || value === undefined) return 0;
  return OFFSET_BYTES + (value.metadata === null ? 0 : textMemoryBytes(value.metadata));
}
