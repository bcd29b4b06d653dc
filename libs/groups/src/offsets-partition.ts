/**
 * The committed offsets of the groups of one partition of `__consumer_offsets`: an index in memory of
 * the newest record of each key, loaded from the log once and kept up with it.
 *
 * Commits may overlap. Each is one record batch; it is taken into the index when it is below the high
 * watermark, and only where the index has nothing newer from the log.
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

/** By topic, then by partition. */
type GroupOffsets = Map<string, Map<number, IndexedOffset>>;

export class OffsetsPartition {
  readonly partition: Partition;
  readonly #clock: Clock;
  readonly #groups = new Map<string, GroupOffsets>();
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
    for (const ofTopic of this.#groups.get(group)?.values() ?? []) yield* ofTopic.values();
  }

  /** All committed offsets for which `isStale` holds. */
  *stale(isStale: (topic: string, topicId: string) => boolean): Iterable<OffsetKey> {
    for (const group of this.#groups.values()) {
      for (const ofTopic of group.values()) {
        for (const indexed of ofTopic.values()) {
          if (isStale(indexed.topic, indexed.value.topicId)) yield indexed;
        }
      }
    }
  }

  /**
   * Writes records as one batch: all of them or none. Resolves when they are committed themselves and
   * in the index.
   * @throws ProtocolError MESSAGE_TOO_LARGE when they do not fit into one batch
   */
  async write(records: readonly OffsetRecord[]): Promise<void> {
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
    const ofTopic = this.#groups.get(group)?.get(topic);
    const present = ofTopic?.get(partition);
    if (present !== undefined && present.logOffset > logOffset) return;
    if (record.value === null) {
      if (present !== undefined) this.#drop(record.key);
      return;
    }
    if (present === undefined) this.#offsetCount += 1;
    const indexed = { ...record.key, value: record.value, logOffset };
    if (ofTopic === undefined) {
      const ofGroup: GroupOffsets = this.#groups.get(group) ?? new Map();
      this.#groups.set(group, ofGroup.set(topic, new Map([[partition, indexed]])));
    } else {
      ofTopic.set(partition, indexed);
    }
  }

  #drop({ group, topic, partition }: OffsetKey): void {
    const ofGroup = this.#groups.get(group);
    const ofTopic = ofGroup?.get(topic);
    ofTopic?.delete(partition);
    this.#offsetCount -= 1;
    if (ofTopic?.size === 0) ofGroup?.delete(topic);
    if (ofGroup?.size === 0) this.#groups.delete(group);
  }
}
