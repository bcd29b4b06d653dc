/**
 * The committed offsets of the groups of one partition of `__consumer_offsets`: an index in memory of
 * the newest record of each key, loaded from the log once and kept up with it.
 *
 * Calls may overlap. Each commit is one record batch; it is taken into the index when it is below the
 * high watermark, and only where the index has nothing newer from the log. What expires is of groups
 * without a commit under way: a later one comes after the tombstones in the log, and so counts.
 */
import { encodeRecordBatches } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import type { Partition } from '#replication';
import type { Clock } from '#runtime';
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

interface Group {
  /** Of all its commits, as the clock of the broker said then. */
  lastCommitMs: number;
  /** By topic, then by partition. */
  readonly offsets: Map<string, Map<number, IndexedOffset>>;
}

/** Far below a batch's limit whatever the names. */
const TOMBSTONES_PER_BATCH = 100;

export class OffsetsPartition {
  readonly partition: Partition;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();
  /** Commits that are written and not in the index yet, by group. */
  readonly #commitsUnderWay = new Map<string, number>();
  #offsetCount = 0;

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

  /** Committed offsets that are kept. */
  get offsetCount(): number {
    return this.#offsetCount;
  }

  /** The committed offsets of a group, those of deleted topics too. */
  *offsets(group: string): Iterable<IndexedOffset> {
    const ofGroup = this.#groups.get(group);
    if (ofGroup !== undefined) yield* offsetsOf(ofGroup);
  }

  /** All committed offsets for which `isStale` holds. */
  *stale(isStale: (topic: string, topicId: string) => boolean): Iterable<OffsetKey> {
    for (const group of this.#groups.values()) {
      for (const indexed of offsetsOf(group)) {
        if (isStale(indexed.topic, indexed.value.topicId)) yield indexed;
      }
    }
  }

  /**
   * Writes the offsets of one commit as one batch: all of them or none. Resolves when they are committed
   * themselves and in the index.
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

  /** Takes offsets back, a batch after the other. */
  async remove(keys: readonly OffsetKey[]): Promise<void> {
    for (let at = 0; at < keys.length; at += TOMBSTONES_PER_BATCH) {
      const tombstones = keys
        .slice(at, at + TOMBSTONES_PER_BATCH)
        .map(({ group, topic, partition }) => ({ key: { group, topic, partition }, value: null }));
      await this.#write(tombstones);
    }
  }

  /**
   * Takes all offsets of the groups back that committed nothing after a time.
   * @returns how many
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
        // Meanwhile the group may have committed: the rest of its offsets stays.
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
    const known = this.#groups.get(group);
    const ofTopic = known?.offsets.get(topic);
    const present = ofTopic?.get(partition);
    if (present !== undefined && present.logOffset > logOffset) return;
    if (record.value === null) {
      if (present !== undefined) this.#drop(record.key);
      return;
    }
    if (present === undefined) this.#offsetCount += 1;
    const indexed = { ...record.key, value: record.value, logOffset };
    const { committedAtMs } = record.value;
    const ofGroup = known ?? { lastCommitMs: committedAtMs, offsets: new Map() };
    if (known === undefined) this.#groups.set(group, ofGroup);
    ofGroup.lastCommitMs = Math.max(ofGroup.lastCommitMs, committedAtMs);
    if (ofTopic === undefined) ofGroup.offsets.set(topic, new Map([[partition, indexed]]));
    else ofTopic.set(partition, indexed);
  }

  #drop({ group, topic, partition }: OffsetKey): void {
    const ofGroup = this.#groups.get(group);
    const ofTopic = ofGroup?.offsets.get(topic);
    ofTopic?.delete(partition);
    this.#offsetCount -= 1;
    if (ofTopic?.size === 0) ofGroup?.offsets.delete(topic);
    if (ofGroup?.offsets.size === 0) this.#groups.delete(group);
  }
}

function* offsetsOf(group: Group): Iterable<IndexedOffset> {
  for (const ofTopic of group.offsets.values()) yield* ofTopic.values();
}
