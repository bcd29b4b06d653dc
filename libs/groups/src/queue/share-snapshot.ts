/**
 * A snapshot of a share partition as parts that can be cut into chunks: neighbouring records in
 * the same situation are one part.
 */
import type { LeaderEpoch, Offset } from '#protocol';
import type { LiveState } from './delivery-state.js';
import type { FinishedRun } from './finished-deliveries.js';
import { type OffsetRanges, offsetsIn, rangesOf } from './offset-ranges.js';
import type { KeyHashes } from './share-change.js';
import type { ShareTimes } from './share-context.js';
import { SharePartition, type ShareProgress } from './share-partition.js';
import { retryDelay, WindowRecord } from './window-record.js';

/** Records in the same situation; members that do not apply are left out. */
interface RecordsPart {
  readonly kind: 'records';
  readonly state: LiveState;
  readonly deliveries: number;
  /** Wall clock before which the records are not delivered, ms; 0 for at once. */
  readonly notBeforeMs: number;
  /** The whole delay of their redelivery, ms. */
  readonly delayMs?: number;
  readonly ranges: OffsetRanges;
  readonly keys?: KeyHashes;
  readonly member?: string;
  readonly receiveId?: string;
  readonly lockMs?: number;
  readonly reason?: string;
}

/** Cancelled records outside of the window: offset and time of delivery of each, in one list. */
interface CancelledPart {
  readonly kind: 'cancelled';
  readonly entries: readonly (number | null)[];
  /** Leader epoch of each, null where it is not known; left out where none is known. */
  readonly epochs?: readonly (LeaderEpoch | null)[];
}

export type SnapshotPart =
  | ({ readonly kind: 'progress' } & ShareProgress)
  | ({ readonly kind: 'finished' } & FinishedRun)
  | CancelledPart
  | RecordsPart;

/** Records of one part: it stays far below the size of a chunk. */
const PART_RECORDS_MAX = 500;

/** The whole state, beginning with its progress. */
export function snapshotOf(state: SharePartition): SnapshotPart[] {
  return [
    { kind: 'progress', ...state.progress },
    ...state.finished.runs.map((run): SnapshotPart => ({ kind: 'finished', ...run })),
    ...cancelledParts(state),
    ...recordParts(state.window.records),
  ];
}

/**
 * The state that a snapshot has.
 * @param times time from which its locks and delays run
 */
export function restoreSnapshot(parts: readonly SnapshotPart[], times: ShareTimes): SharePartition {
  const state = new SharePartition(0);
  for (const part of parts) {
    if (part.kind === 'progress') state.restoreProgress(part);
    else if (part.kind === 'finished') state.finished.addRun(runOf(part));
    else if (part.kind === 'cancelled') restoreCancelled(state, part);
    else restoreRecords(state, part, times);
  }
  return state;
}

function cancelledParts({ cancelled }: SharePartition): CancelledPart[] {
  const parts: CancelledPart[] = [];
  const { all } = cancelled;
  for (let at = 0; at < all.length; at += PART_RECORDS_MAX) {
    const part = all.slice(at, at + PART_RECORDS_MAX);
    const entries = part.flatMap(({ offset, deliverAtMs }) => [offset, deliverAtMs]);
    const epochs = part.map(({ leaderEpoch }) => leaderEpoch ?? null);
    const isKnown = epochs.some((epoch) => epoch !== null);
    parts.push({ kind: 'cancelled', entries, ...(isKnown ? { epochs } : {}) });
  }
  return parts;
}

function restoreCancelled({ cancelled }: SharePartition, part: CancelledPart): void {
  const { entries, epochs = [] } = part;
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const leaderEpoch = epochs[at / 2] ?? null;
    cancelled.add({
      offset: entries[at] as Offset,
      deliverAtMs: entries[at + 1] ?? null,
      ...(leaderEpoch === null ? {} : { leaderEpoch }),
    });
  }
}

function* recordParts(records: readonly WindowRecord[]): Iterable<SnapshotPart> {
  let run: WindowRecord[] = [];
  for (const record of records) {
    const [first] = run;
    if (first !== undefined && (run.length >= PART_RECORDS_MAX || !isAlike(first, record))) {
      yield recordsPart(first, run);
      run = [];
    }
    run.push(record);
  }
  const [first] = run;
  if (first !== undefined) yield recordsPart(first, run);
}

function recordsPart(first: WindowRecord, run: readonly WindowRecord[]): RecordsPart {
  const { state, deliveries, deliverAtMs, retry, delivery, reason } = first;
  const hasKeys = run.some(({ keyHash }) => keyHash !== null);
  return {
    kind: 'records',
    state,
    deliveries,
    notBeforeMs: retry?.notBeforeMs ?? deliverAtMs,
    ranges: rangesOf(run.map(({ offset }) => offset)),
    ...(hasKeys ? { keys: run.map(({ keyHash }) => keyHash) } : {}),
    ...(delivery === undefined ? {} : { member: delivery.member, lockMs: delivery.lockMs }),
    ...(typeof delivery?.receiveId === 'string' ? { receiveId: delivery.receiveId } : {}),
    ...(retry?.delayMs === undefined ? {} : { delayMs: retry.delayMs }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function isAlike(left: WindowRecord, right: WindowRecord): boolean {
  return (
    left.state === right.state &&
    left.deliveries === right.deliveries &&
    left.deliverAtMs === right.deliverAtMs &&
    left.retry?.notBeforeMs === right.retry?.notBeforeMs &&
    left.retry?.delayMs === right.retry?.delayMs &&
    left.reason === right.reason &&
    left.delivery?.member === right.delivery?.member &&
    left.delivery?.receiveId === right.delivery?.receiveId &&
    left.delivery?.lockMs === right.delivery?.lockMs
  );
}

function restoreRecords(state: SharePartition, part: RecordsPart, times: ShareTimes): void {
  const { member, lockMs = 0, receiveId = null, reason, deliveries, notBeforeMs } = part;
  const isDelayed = part.state === 'delayed';
  const deliverAtMs = isDelayed ? notBeforeMs : 0;
  const retry = isDelayed ? undefined : retryDelay(part, times);
  const delivery =
    member === undefined
      ? undefined
      : { member, receiveId, lockMs, lockUntilMs: times.monotonicMs + lockMs };
  let at = 0;
  for (const offset of offsetsIn(part.ranges)) {
    const record = new WindowRecord(offset, part.keys?.[at] ?? null);
    record.restore(part.state, { deliveries, delivery, deliverAtMs, retry, reason });
    state.restoreRecord(record);
    at += 1;
  }
}

function runOf({ member, deliveryCount, first, last }: FinishedRun): FinishedRun {
  return { member, deliveryCount, first, last };
}
