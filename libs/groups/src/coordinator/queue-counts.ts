import type { SlicedWork } from '#runtime';
import type { GroupCoordinator } from './group-coordinator.js';
import type { QueueTally, QueueTotals } from './queue-tally.js';

/** Records of the queue groups that this broker coordinates, as they are now, and totals. */
export interface QueueCounts extends QueueTotals {
  /** Records that members have. */
  readonly acquired: number;
  /** Records of the windows that are with no member. */
  readonly waiting: number;
  /** Delayed records that were scanned and whose time has not come. */
  readonly pending: number;
}

/** Groups, and partitions of queue groups, that are counted in one slice. */
const ITEMS_PER_SLICE = 1000;

/** Counts the records of all queue groups. A damaged share partition is left out. */
export function* queueCounts(
  coordinators: Iterable<Pick<GroupCoordinator, 'table'>>,
  tally: QueueTally,
): SlicedWork<QueueCounts> {
  let acquired = 0;
  let waiting = 0;
  let pending = 0;
  let items = 0;
  for (const { table } of coordinators) {
    for (const { mode, queue } of table.all()) {
      items += 1;
      if (items % ITEMS_PER_SLICE === 0) yield;
      if (mode !== 'queue') continue;
      for (const { state } of queue.all()) {
        items += 1;
        if (items % ITEMS_PER_SLICE === 0) yield;
        let held = 0;
        for (const count of state.acquired.values()) held += count;
        acquired += held;
        waiting += state.window.size - held;
        pending += state.pendingCount;
      }
    }
  }
  const { acquiredTotal, redeliveredTotal, acknowledgedTotal, releasedTotal } = tally;
  const { rejectedTotal, locksExpiredTotal, deadLettersTotal } = tally;
  return {
    acquired,
    waiting,
    pending,
    acquiredTotal,
    redeliveredTotal,
    acknowledgedTotal,
    releasedTotal,
    rejectedTotal,
    locksExpiredTotal,
    deadLettersTotal,
  };
}
