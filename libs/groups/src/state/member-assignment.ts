import { textMemoryBytes } from '#runtime';
import type { AssignmentValue } from '../log/group-records.js';

/** Partitions of one topic by number, each with the generation since which they are owned. */
export interface OwnedTopic {
  readonly topicId: string;
  readonly since: ReadonlyMap<number, number>;
}

export interface TargetTopic {
  readonly topicId: string;
  readonly partitions: ReadonlySet<number>;
}

/** A partition with the id of its topic. */
export interface TopicIdPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

const EMPTY_VALUE: AssignmentValue = { generation: 0, owned: [], target: [] };
/** Bytes of heap of an assignment, each of its topics and each partition, rounded up. */
const ASSIGNMENT_BYTES = 400;
const TOPIC_BYTES = 400;
const PARTITION_BYTES = 48;

/**
 * The partitions of one member: those that it owns, and its target. An owned partition that is not
 * in the target is being revoked: the member gets no more records of it and keeps it until it
 * releases it. Immutable.
 */
export class MemberAssignment {
  static readonly empty = new MemberAssignment(EMPTY_VALUE);

  readonly value: AssignmentValue;
  readonly owned: ReadonlyMap<string, OwnedTopic>;
  readonly target: ReadonlyMap<string, TargetTopic>;
  /** True when the member owns exactly its target. */
  readonly isSettled: boolean;
  readonly sizeBytes: number;

  constructor(value: AssignmentValue) {
    this.value = value;
    this.owned = new Map(
      value.owned.map(({ topic, topicId, partitions, since }) => [
        topic,
        { topicId, since: new Map(partitions.map((one, at) => [one, since[at] ?? 0])) },
      ]),
    );
    this.target = new Map(
      value.target.map(({ topic, topicId, partitions }) => [
        topic,
        { topicId, partitions: new Set(partitions) },
      ]),
    );
    const wanted = sum(value.target.map(({ partitions }) => partitions.length));
    const had = sum(value.owned.map(({ partitions }) => partitions.length));
    this.isSettled = wanted === had && !this.ownedPartitions().some((one) => !this.isTarget(one));
    const topics = [...value.owned, ...value.target];
    this.sizeBytes =
      ASSIGNMENT_BYTES +
      PARTITION_BYTES * (wanted + had) +
      sum(topics.map(({ topic }) => TOPIC_BYTES + textMemoryBytes(topic)));
  }

  /** Generation in which the target last changed. */
  get generation(): number {
    return this.value.generation;
  }

  /** Generation since which the member owns a partition; undefined when it does not. */
  ownedSince(topic: string, partition: number): number | undefined {
    return this.owned.get(topic)?.since.get(partition);
  }

  /**
   * True when the answer that announced a generation told the member what it owns and what it
   * should release; false when no such answer is known.
   */
  isKnownIn(generation: number | undefined): boolean {
    if (generation === undefined || generation < this.generation) return false;
    return this.value.owned.every(({ since }) => since.every((one) => one <= generation));
  }

  isTarget({ topic, topicId, partition }: TopicIdPartition): boolean {
    const target = this.target.get(topic);
    return target?.topicId === topicId && target.partitions.has(partition);
  }

  ownedPartitions(): TopicIdPartition[] {
    const owned: TopicIdPartition[] = [];
    for (const { topic, topicId, partitions } of this.value.owned) {
      for (const partition of partitions) owned.push({ topic, topicId, partition });
    }
    return owned;
  }

  /** Owned partitions that the member reads. */
  assignedPartitions(): TopicIdPartition[] {
    const owned = this.ownedPartitions();
    return this.isSettled ? owned : owned.filter((one) => this.isTarget(one));
  }

  /** Owned partitions that the member must release. */
  revokingPartitions(): TopicIdPartition[] {
    return this.isSettled ? [] : this.ownedPartitions().filter((one) => !this.isTarget(one));
  }

  /** The value after the release of all partitions that are being revoked. */
  released(): AssignmentValue {
    const { generation, target } = this.value;
    const owned = this.value.owned.map((one) => {
      const { topic, topicId, partitions, since } = one;
      const kept = (_: unknown, at: number): boolean =>
        this.isTarget({ topic, topicId, partition: partitions[at] ?? -1 });
      return { ...one, partitions: partitions.filter(kept), since: since.filter(kept) };
    });
    return { generation, owned: owned.filter(({ partitions }) => partitions.length > 0), target };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
