import type { Offset } from '#protocol';
import { rangesOf } from './offset-ranges.js';
import type { ShareChange } from './share-change.js';
import type { ShareContext } from './share-context.js';
import type { SharePartition } from './share-partition.js';
import type { WindowRecord } from './window-record.js';

interface AcquireCommand {
  readonly member: string;
  /** Records that the member may get now: what is left of its limit. */
  readonly recordsMax: number;
  /**
   * The member's id of this poll. While the member has records of a poll with the same id under
   * lock, the same records are answered: their first answer was lost.
   */
  readonly receiveId?: string;
  /** True when the same answer has records of other partitions. */
  readonly hasOthers?: boolean;
}

/** Neighbouring records with the same delivery count. */
export interface AcquiredRun {
  readonly first: Offset;
  readonly last: Offset;
  readonly deliveryCount: number;
}

interface AcquireDecision {
  readonly changes: readonly ShareChange[];
  readonly acquired: readonly AcquiredRun[];
  /** True when the answer may have no further records. */
  readonly isSingle: boolean;
}

/**
 * Gives available records to a member, the lowest offsets first.
 *
 * A record that has used half of its deliveries is delivered without others, so that one that kills
 * its worker does not take its neighbours into the dead letters.
 */
export function acquireRecords(
  state: SharePartition,
  { member, recordsMax, receiveId, hasOthers = false }: AcquireCommand,
  context: ShareContext,
): AcquireDecision {
  const repeated = receiveId === undefined ? [] : heldFor(state, member, receiveId, context);
  if (repeated.length > 0) return { changes: [], acquired: runsOf(repeated), isSingle: false };
  const chosen = chooseRecords(state, { recordsMax, hasOthers }, context);
  const isSingle = chosen.some((record) => isSuspect(record, context));
  if (chosen.length === 0) return { changes: [], acquired: [], isSingle };
  const change: ShareChange = {
    kind: 'acquired',
    member,
    receiveId: receiveId ?? null,
    lockMs: context.config.lockMs,
    ranges: rangesOf(chosen.map(({ offset }) => offset)),
  };
  return { changes: [change], acquired: runsOf(chosen), isSingle };
}

/** The number of records that a member could get now. */
export function availableCount(state: SharePartition, context: ShareContext): number {
  let count = 0;
  for (const _ of deliverable(state, context)) count += 1;
  return count;
}

/** True when a member could get a record now. */
export function hasDeliverable(state: SharePartition, context: ShareContext): boolean {
  let acquired = 0;
  for (const count of state.acquired.values()) acquired += count;
  // Nothing else is in the window while members work off what they got.
  if (acquired === state.window.size) return false;
  const { done } = deliverable(state, context)[Symbol.iterator]().next();
  return done !== true;
}

/** Records that a member has under lock since an earlier poll with the same id. */
export function lockedRuns(
  state: SharePartition,
  member: string,
  receiveId: string,
  context: ShareContext,
): AcquiredRun[] {
  return runsOf(heldFor(state, member, receiveId, context));
}

function heldFor(
  state: SharePartition,
  member: string,
  receiveId: string,
  { monotonicMs }: ShareContext,
): WindowRecord[] {
  if (!state.acquired.has(member)) return [];
  return state.window.records.filter(
    ({ delivery }) =>
      delivery?.member === member &&
      delivery.receiveId === receiveId &&
      delivery.lockUntilMs > monotonicMs,
  );
}

function chooseRecords(
  state: SharePartition,
  { recordsMax, hasOthers }: { readonly recordsMax: number; readonly hasOthers: boolean },
  context: ShareContext,
): WindowRecord[] {
  const chosen: WindowRecord[] = [];
  for (const record of deliverable(state, context)) {
    if (chosen.length >= recordsMax) break;
    const isSingle = isSuspect(record, context);
    if (isSingle && (hasOthers || chosen.length > 0)) break;
    chosen.push(record);
    if (isSingle) break;
  }
  return chosen;
}

/** True when a record has used half of its deliveries: it may be the one that kills its workers. */
export function isSuspect({ deliveries }: WindowRecord, { config }: ShareContext): boolean {
  return deliveries * 2 >= config.deliveryCountLimit;
}

/** Records that may be delivered now, by offset. */
export function* deliverable(
  { window }: SharePartition,
  { monotonicMs, config }: ShareContext,
): Iterable<WindowRecord> {
  // A delayed record that did not hold its key may come due while a member has a later one.
  const heldKeys = config.isKeyOrdered ? acquiredKeys(window.records) : new Set<number>();
  for (const record of window.records) {
    const { keyHash } = record;
    if (keyHash !== null) {
      // Every live record holds the later ones of its key back, whatever its state.
      if (heldKeys.has(keyHash)) continue;
      heldKeys.add(keyHash);
    }
    if (record.state === 'available' && !record.isRetriedLater(monotonicMs)) yield record;
  }
}

/** Keys of records that members have. */
function acquiredKeys(records: readonly WindowRecord[]): Set<number> {
  const keys = new Set<number>();
  for (const { keyHash, state } of records) {
    if (keyHash !== null && state === 'acquired') keys.add(keyHash);
  }
  return keys;
}

export function runsOf(records: readonly WindowRecord[]): AcquiredRun[] {
  const runs: AcquiredRun[] = [];
  for (const { offset, deliveryCount } of records) {
    const last = runs.at(-1);
    if (last !== undefined && last.last + 1 === offset && last.deliveryCount === deliveryCount) {
      runs[runs.length - 1] = { ...last, last: offset };
    } else {
      runs.push({ first: offset, last: offset, deliveryCount });
    }
  }
  return runs;
}
