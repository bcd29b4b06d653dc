import type { Position, TopicPartition } from '../received-record.js';
import type { PartitionProgress } from '../subscription/record-runs.js';
import { Signal } from '../waiting.js';

/**
 * A partition that a member owns.
 *
 * Overlap: all calls may overlap.
 */
export class OwnedPartition implements PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  received: number;
  given: number;
  leaderEpoch: number | undefined;
  /** Offset that was committed last; -1: none by this member. */
  committed = -1;
  isPaused = false;
  /** False until `onAssigned` has returned. */
  isReady = false;
  isRevoking = false;
  /** First offset that was dropped while the partition was paused. */
  droppedFrom: number | undefined;
  /** Aborted when another member has the partition. */
  readonly lost = new AbortController();
  /** Notified when the program returns records. */
  readonly returned = new Signal();
  /** Batches that the program works on. */
  #out = 0;

  constructor({ topic, partition }: TopicPartition, offset = -1) {
    this.topic = topic;
    this.partition = partition;
    this.received = offset;
    this.given = offset;
  }

  get target(): TopicPartition {
    return { topic: this.topic, partition: this.partition };
  }

  get isReadable(): boolean {
    return this.isReady && !this.isPaused && !this.isRevoking;
  }

  get isLost(): boolean {
    return this.lost.signal.aborted;
  }

  positionAt(offset: number): Position {
    const { topic, partition, leaderEpoch } = this;
    return { topic, partition, offset, ...(leaderEpoch === undefined ? {} : { leaderEpoch }) };
  }

  takeOut(): void {
    this.#out += 1;
  }

  putBack(): void {
    this.#out -= 1;
    this.returned.notify();
  }

  /** Resolves when the program works on none of its records, or when it is lost. */
  async drained(): Promise<void> {
    while (this.#out > 0 && !this.isLost) await this.returned.wait();
  }
}
