import { type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import type { Scheduler, Timer } from '#runtime';

/** Records whose locks end soon. */
export interface ExpiringRecords extends TopicPartition {
  readonly offsets: readonly Offset[];
  /** Time until the first of the locks ends, ms. */
  readonly deadlineMs: number;
}

export interface LockedRecordsParts {
  readonly scheduler: Scheduler;
  /** Reports records whose locks have lasted for two thirds; undefined: nobody wants to know. */
  readonly onExpiring: ((records: ExpiringRecords) => void) | undefined;
  /** Counts records that were added or removed. */
  readonly onCount: (change: number) => void;
  /** Locks are over: their records are not held any more. */
  readonly onExpired: () => void;
}

/** Records of one partition whose locks began together. */
interface LockedTogether extends TopicPartition {
  readonly lockMs: number;
  readonly offsets: Set<Offset>;
  timer: Timer | undefined;
}

interface HeldRecord {
  readonly deliveryCount: number;
  lock: LockedTogether;
}

/** Part of a lock's time after which its records are reported as expiring. */
const EXPIRING_AFTER = 2 / 3;

/**
 * The records that one member of a queue has under lock, as its broker knows them. A lock ends here
 * a little later than at the coordinator, which began it before the records were read.
 */
export class LockedRecords {
  readonly #parts: LockedRecordsParts;
  readonly #byPartition = new Map<string, Map<Offset, HeldRecord>>();
  readonly #locks = new Set<LockedTogether>();
  #count = 0;

  constructor(parts: LockedRecordsParts) {
    this.#parts = parts;
  }

  /** Number of records. */
  get count(): number {
    return this.#count;
  }

  /** The delivery under way of a record; undefined when the member does not have it. */
  deliveryOf(target: TopicPartition, offset: Offset): number | undefined {
    return this.#byPartition.get(topicPartitionName(target))?.get(offset)?.deliveryCount;
  }

  /** Adds records that were delivered. @param lockMs time that their locks last */
  add(
    { topic, partition }: TopicPartition,
    records: readonly { readonly offset: Offset; readonly deliveryCount: number }[],
    lockMs: number,
  ): void {
    const name = topicPartitionName({ topic, partition });
    const held = this.#byPartition.get(name) ?? new Map<Offset, HeldRecord>();
    this.#byPartition.set(name, held);
    const lock = this.#lock({ topic, partition }, lockMs);
    for (const { offset, deliveryCount } of records) {
      const before = held.get(offset);
      if (before === undefined) this.#change(1);
      else this.#unlock(before.lock, offset);
      held.set(offset, { deliveryCount, lock });
      lock.offsets.add(offset);
    }
  }

  /** Begins the lock of a record again. */
  extend(target: TopicPartition, offset: Offset): void {
    const record = this.#byPartition.get(topicPartitionName(target))?.get(offset);
    if (record === undefined) return;
    const { lockMs } = record.lock;
    this.#unlock(record.lock, offset);
    record.lock = this.#lock(target, lockMs);
    record.lock.offsets.add(offset);
  }

  /** The member does not have the record any more. */
  remove(target: TopicPartition, offset: Offset): void {
    const name = topicPartitionName(target);
    const held = this.#byPartition.get(name);
    const record = held?.get(offset);
    if (held === undefined || record === undefined) return;
    this.#unlock(record.lock, offset);
    held.delete(offset);
    this.#change(-1);
    if (held.size === 0) this.#byPartition.delete(name);
  }

  clear(): void {
    for (const { timer } of this.#locks) timer?.cancel();
    this.#locks.clear();
    this.#byPartition.clear();
    this.#change(-this.#count);
  }

  #change(change: number): void {
    this.#count += change;
    this.#parts.onCount(change);
  }

  #lock({ topic, partition }: TopicPartition, lockMs: number): LockedTogether {
    const lock: LockedTogether = { topic, partition, lockMs, offsets: new Set(), timer: undefined };
    this.#locks.add(lock);
    const { scheduler, onExpiring } = this.#parts;
    const expiringMs = lockMs * EXPIRING_AFTER;
    lock.timer =
      onExpiring === undefined
        ? scheduler.after(lockMs, () => this.#expired(lock))
        : scheduler.after(expiringMs, () => {
            const deadlineMs = Math.floor(lockMs - expiringMs);
            lock.timer = scheduler.after(deadlineMs, () => this.#expired(lock));
            onExpiring({ topic, partition, offsets: [...lock.offsets], deadlineMs });
          });
    return lock;
  }

  #unlock(lock: LockedTogether, offset: Offset): void {
    lock.offsets.delete(offset);
    if (lock.offsets.size > 0) return;
    lock.timer?.cancel();
    this.#locks.delete(lock);
  }

  #expired(lock: LockedTogether): void {
    for (const offset of lock.offsets) this.remove(lock, offset);
    this.#parts.onExpired();
  }
}
