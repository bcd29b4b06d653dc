import type { GroupRecord } from '../log/group-records.js';
import { offsetCountOf } from '../queue/offset-ranges.js';
import type { ShareChange } from '../queue/share-change.js';
import type { SharePartition } from '../queue/share-partition.js';
import type { Group } from '../state/group.js';

/** Numbers of records in queue groups since the start, for metrics. */
export interface QueueTotals {
  /** Deliveries: a member got the record under a lock. */
  readonly acquiredTotal: number;
  /** Deliveries of records that were delivered before. */
  readonly redeliveredTotal: number;
  readonly acknowledgedTotal: number;
  /** Records that went back: nack, lock over, member gone. */
  readonly releasedTotal: number;
  /** Records that were rejected or delivered too often. */
  readonly rejectedTotal: number;
  readonly locksExpiredTotal: number;
  readonly deadLettersTotal: number;
}

/**
 * Counts what the coordinators of this broker decide about the records of queues. A decision whose
 * append failed counts, too.
 */
export class QueueTally implements QueueTotals {
  acquiredTotal = 0;
  redeliveredTotal = 0;
  acknowledgedTotal = 0;
  releasedTotal = 0;
  rejectedTotal = 0;
  locksExpiredTotal = 0;
  deadLettersTotal = 0;

  /** Counts a record of the group's log that is not applied to the group yet. */
  count(group: Group, record: GroupRecord): void {
    if (record.kind !== 'share-delta' || record.value === null) return;
    const { topic, partition } = record.key;
    const share = group.queue.get(topic, record.value.topicId, partition);
    if (share === undefined) return;
    for (const change of record.value.changes) this.#count(share.state, change);
  }

  /** Counts the records that a decision returns to the queue because their locks ended. */
  countExpired(decision: readonly GroupRecord[]): void {
    for (const { kind, value } of decision) {
      if (kind !== 'share-delta' || value === null) continue;
      for (const change of value.changes) {
        if ('ranges' in change) this.locksExpiredTotal += offsetCountOf(change.ranges);
      }
    }
  }

  #count(state: SharePartition, change: ShareChange): void {
    if (change.kind === 'deadLettersWritten') {
      this.deadLettersTotal += offsetCountOf(state.plan?.ranges ?? []);
    }
    if (!('ranges' in change)) return;
    const { kind, ranges } = change;
    if (kind === 'acquired') {
      this.acquiredTotal += offsetCountOf(ranges);
      this.redeliveredTotal += deliveredBefore(state, ranges);
    }
    if (kind === 'acknowledged') this.acknowledgedTotal += offsetCountOf(ranges);
    if (kind === 'released') this.releasedTotal += offsetCountOf(ranges);
    if (kind === 'condemned') this.rejectedTotal += offsetCountOf(ranges);
  }
}

/** Number of the records of the ranges that have deliveries; those that just came have none. */
function deliveredBefore({ window }: SharePartition, ranges: readonly number[]): number {
  let count = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    const [first = 0, last = -1] = [ranges[at], ranges[at + 1]];
    for (let offset = first; offset <= last; offset += 1) {
      if ((window.get(offset)?.deliveries ?? 0) > 0) count += 1;
    }
  }
  return count;
}
