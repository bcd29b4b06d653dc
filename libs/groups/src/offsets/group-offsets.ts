import { detachedText, textMemoryBytes } from '#runtime';
import type { OffsetKey, OffsetValue } from '../log/group-records.js';

/** A committed offset with its key. */
export interface CommittedOffsetEntry {
  readonly topic: string;
  readonly partition: number;
  readonly value: OffsetValue;
}

interface TopicOffsets {
  readonly topic: string;
  readonly topicId: string;
  readonly offsets: Map<number, OffsetValue>;
}

/** Growth of memory by a commit; negative where it replaces more than it adds. */
export interface OffsetGrowth {
  readonly offsets: number;
  readonly bytes: number;
}

/**
 * Bytes of heap beside the texts, measured on Node 20 and rounded up (docs/operating/memory.md). A
 * topic's count includes its id.
 */
const TOPIC_BYTES = 352;
const OFFSET_BYTES = 208;

/** The committed offsets of one group, by topic and partition. The topic's name is kept once. */
export class GroupOffsets {
  readonly #topics = new Map<string, TopicOffsets>();
  #count = 0;
  #sizeBytes = 0;
  #lastCommitMs = Number.NEGATIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  /** Bytes of memory, as counted. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Time of the newest commit by the clock of its broker, ms; -Infinity before the first one. */
  get lastCommitMs(): number {
    return this.#lastCommitMs;
  }

  get(topic: string, partition: number): OffsetValue | undefined {
    return this.#topics.get(topic)?.offsets.get(partition);
  }

  /** True when the partition has a committed offset that did not end with an earlier topic. */
  has(topic: string, topicId: string, partition: number): boolean {
    return this.get(topic, partition)?.topicId === topicId;
  }

  *entries(): Iterable<CommittedOffsetEntry> {
    for (const { topic, offsets } of this.#topics.values()) {
      for (const [partition, value] of offsets) yield { topic, partition, value };
    }
  }

  /** Applies a commit, or with null a removal. */
  set(
    { topic, partition }: Pick<OffsetKey, 'topic' | 'partition'>,
    value: OffsetValue | null,
  ): void {
    if (value === null) {
      this.#remove(topic, partition);
      return;
    }
    const ofTopic = this.#topics.get(topic) ?? this.#addTopic(topic, value.topicId);
    const present = ofTopic.offsets.get(partition);
    if (present === undefined) this.#count += 1;
    this.#sizeBytes += offsetBytes(value) - offsetBytes(present);
    this.#lastCommitMs = Math.max(this.#lastCommitMs, value.committedAtMs);
    // The log has the id in each record: one copy of it is enough.
    const topicId = ofTopic.topicId === value.topicId ? ofTopic.topicId : value.topicId;
    ofTopic.offsets.set(partition, { ...value, topicId });
  }

  /** Growth that commits would cause. */
  growthOf(commits: Iterable<CommittedOffsetEntry>): OffsetGrowth {
    const newTopics = new Set<string>();
    let bytes = 0;
    let offsets = 0;
    for (const { topic, partition, value } of commits) {
      const ofTopic = this.#topics.get(topic);
      if (ofTopic === undefined && !newTopics.has(topic)) {
        newTopics.add(topic);
        bytes += topicBytes(topic);
      }
      const present = ofTopic?.offsets.get(partition);
      if (present === undefined) offsets += 1;
      bytes += offsetBytes(value) - offsetBytes(present);
    }
    return { offsets, bytes };
  }

  #addTopic(name: string, topicId: string): TopicOffsets {
    // The name may have been cut from the text of a request.
    const topic = detachedText(name);
    const added = { topic, topicId, offsets: new Map<number, OffsetValue>() };
    this.#topics.set(topic, added);
    this.#sizeBytes += topicBytes(topic);
    return added;
  }

  #remove(topic: string, partition: number): void {
    const ofTopic = this.#topics.get(topic);
    const present = ofTopic?.offsets.get(partition);
    if (ofTopic === undefined || present === undefined) return;
    this.#sizeBytes -= offsetBytes(present);
    ofTopic.offsets.delete(partition);
    this.#count -= 1;
    if (ofTopic.offsets.size > 0) return;
    this.#topics.delete(topic);
    this.#sizeBytes -= topicBytes(topic);
  }
}

function topicBytes(topic: string): number {
  return TOPIC_BYTES + textMemoryBytes(topic);
}

function offsetBytes(value: OffsetValue | undefined): number {
  if (value === undefined) return 0;
  return OFFSET_BYTES + (value.metadata === null ? 0 : textMemoryBytes(value.metadata));
}
