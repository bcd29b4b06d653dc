/**
 * The deliveries of one topic partition to one queue group: Kafka's share partition (KIP-932).
 *
 * The state is the fold of its changes: `apply` is the only writer, so a new coordinator that
 * reads the changes from the group's log has the same state. Only the times of the monotonic clock
 * at which locks and delays end are not in the log: locks begin again when the log is read, delays
 * end at the wall time that the log has.
 *
 * A record below `scanOffset` is live if it is in the window, pending if it is delayed beyond `due`
 * (the index of delayed records at the partition's leader has it), and otherwise finished. The
 * memory is bounded by the window, whatever the number of pending records.
 *
 * Invariants: startOffset <= scanOffset; both grow, except by `reset` and `truncated`. A record's
 * `deliveries` never falls. A pending record has an offset in [delayedFrom, scanOffset) and lies
 * beyond `due`.
 */
import type { LeaderEpoch, Offset } from '#protocol';
import { assert, assertNever } from '#runtime';
import { CancelledRecords } from './cancelled-records.js';
import { FinishedDeliveries } from './finished-deliveries.js';
import { type OffsetRanges, offsetCountOf, offsetsIn, rangesOf } from './offset-ranges.js';
import {
  compareDue,
  type DeadLetterPlan,
  type DueCursor,
  type KeyHashes,
  type ShareChange,
} from './share-change.js';
import type { ShareTimes } from './share-context.js';
import { ShareWindow } from './share-window.js';
import { retryDelay, WindowRecord } from './window-record.js';

type ChangeOf<Kind extends ShareChange['kind']> = Extract<ShareChange, { kind: Kind }>;
/** A change of records that are in the window. */
type RecordsChange = ChangeOf<
  'acquired' | 'extended' | 'acknowledged' | 'released' | 'condemned' | 'archived'
>;

/** A cursor before all delayed records. */
const NOTHING_DUE: DueCursor = { atMs: -1, offset: -1 };

/** The producer that writes the dead letters of this share partition. */
export type DeadLetterProducer = Omit<DeadLetterPlan, 'ranges'>;

/** The state of a share partition beside its records; see the getters of SharePartition. */
export interface ShareProgress {
  readonly startOffset: Offset;
  readonly scanOffset: Offset;
  readonly scanEpoch?: LeaderEpoch;
  readonly delayedFrom: Offset;
  readonly pendingCount: number;
  readonly due: DueCursor;
  readonly plan: DeadLetterPlan | null;
  readonly deadLetterProducer: DeadLetterProducer | null;
  readonly deadLetterCount: number;
}

export class SharePartition {
  readonly window = new ShareWindow();
  readonly finished = new FinishedDeliveries();
  readonly cancelled = new CancelledRecords();
  /** Number of records that each member has; members without one are left out. */
  readonly #acquired = new Map<string, number>();
  #startOffset: Offset;
  #scanOffset: Offset;
  #scanEpoch: LeaderEpoch | undefined;
  #delayedFrom: Offset;
  #pendingCount = 0;
  #due: DueCursor = NOTHING_DUE;
  #plan: DeadLetterPlan | undefined;
  #deadLetterProducer: DeadLetterProducer | undefined;
  #deadLetterCount = 0;

  /**
   * @param startOffset offset of the first record that the group gets
   * @param scanEpoch leader epoch in which the log had that offset, where it is known
   */
  constructor(startOffset: Offset, scanEpoch?: LeaderEpoch) {
    this.#startOffset = startOffset;
    this.#scanOffset = startOffset;
    this.#scanEpoch = scanEpoch;
    this.#delayedFrom = startOffset;
  }

  /** All records below it are finished, except pending ones and those that were delayed. */
  get startOffset(): Offset {
    return this.#startOffset;
  }

  /** Offset of the next record to scan. */
  get scanOffset(): Offset {
    return this.#scanOffset;
  }

  /**
   * Epoch of the leader from which the records below `scanOffset` were read; undefined while it is
   * not known. It shows that the log was truncated below `scanOffset`.
   */
  get scanEpoch(): LeaderEpoch | undefined {
    return this.#scanEpoch;
  }

  /** Upper bound of the number of pending records: some may have been deleted from the log. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** Delayed records below it are finished. */
  get delayedFrom(): Offset {
    return this.#delayedFrom;
  }

  /** Delayed records up to and including it have been made available. */
  get due(): DueCursor {
    return this.#due;
  }

  /** Dead letters that are being written. */
  get plan(): DeadLetterPlan | undefined {
    return this.#plan;
  }

  /** The producer of the next dead letter, with its next sequence; undefined before the first. */
  get deadLetterProducer(): DeadLetterProducer | undefined {
    return this.#deadLetterProducer;
  }

  /** Number of records that were written to the dead-letter topic. */
  get deadLetterCount(): number {
    return this.#deadLetterCount;
  }

  /** Members that have records, and how many each. */
  get acquired(): ReadonlyMap<string, number> {
    return this.#acquired;
  }

  /**
   * Applies one change.
   * @param times time from which a lock or a delay of this change runs
   */
  apply(change: ShareChange, times: ShareTimes): void {
    switch (change.kind) {
      case 'scanned':
        this.#applyScanned(change);
        break;
      case 'due':
        this.#applyDue(change);
        break;
      case 'postponed':
        this.#applyPostponed(change);
        break;
      case 'trimmed':
        this.#applyTrimmed(change);
        break;
      case 'truncated':
        this.#applyTruncated(change);
        break;
      case 'purged':
        this.#applyPurged(change);
        break;
      case 'reset':
        this.#applyReset(change);
        break;
      case 'cancelled':
        this.#applyCancelled(change);
        break;
      case 'deadLettersPlanned':
        this.#applyPlan(change.plan);
        break;
      case 'deadLettersWritten':
        this.#applyWritten();
        break;
      case 'deadLettersAbandoned':
        this.#applyAbandoned();
        break;
      case 'acquired':
      case 'extended':
      case 'acknowledged':
      case 'released':
      case 'condemned':
      case 'archived':
        this.#applyToRecords(change, times);
        break;
      default:
        assertNever(change, 'a change of a share partition');
    }
    this.#advanceStart();
    if (this.cancelled.size > 0) this.#forgetCancelled();
  }

  /** All of the state beside the records and the memory of acks. */
  get progress(): ShareProgress {
    return {
      startOffset: this.#startOffset,
      scanOffset: this.#scanOffset,
      ...(this.#scanEpoch === undefined ? {} : { scanEpoch: this.#scanEpoch }),
      delayedFrom: this.#delayedFrom,
      pendingCount: this.#pendingCount,
      due: this.#due,
      plan: this.#plan ?? null,
      deadLetterProducer: this.#deadLetterProducer ?? null,
      deadLetterCount: this.#deadLetterCount,
    };
  }

  restoreProgress(progress: ShareProgress): void {
    this.#startOffset = progress.startOffset;
    this.#scanOffset = progress.scanOffset;
    this.#scanEpoch = progress.scanEpoch;
    this.#delayedFrom = progress.delayedFrom;
    this.#pendingCount = progress.pendingCount;
    this.#due = progress.due;
    this.#plan = progress.plan ?? undefined;
    this.#deadLetterProducer = progress.deadLetterProducer ?? undefined;
    this.#deadLetterCount = progress.deadLetterCount;
  }

  /** Adds a record of a snapshot. */
  restoreRecord(record: WindowRecord): void {
    this.window.add(record);
    if (record.delivery !== undefined) this.#countAcquired(record.delivery.member, 1);
  }

  #applyScanned(change: ChangeOf<'scanned'>): void {
    const { to, ranges, keys, delayed = [], pending = 0, uncancelled = [] } = change;
    assert(to >= this.#scanOffset, `a scan moves back from ${this.#scanOffset} to ${to}`);
    if (this.#pendingCount === 0) this.#delayedFrom = this.#scanOffset;
    this.#pendingCount += pending;
    this.#scanOffset = to;
    this.#scanEpoch = change.leaderEpoch;
    this.cancelled.forget(uncancelled);
    this.#addAll(ranges, keys);
    for (let at = 0; at < delayed.length; at += 2) {
      this.window.get(delayed[at] as Offset)?.delayUntil(delayed[at + 1] as number);
    }
  }

  #applyDue({ cursor, ranges, keys, isLast = false }: ChangeOf<'due'>): void {
    assert(compareDue(this.#due, cursor) <= 0, 'the cursor of delayed records moves back');
    this.#due = cursor;
    const added: Offset[] = [];
    const addedKeys: (number | null)[] = [];
    let at = 0;
    for (const offset of offsetsIn(ranges)) {
      const record = this.window.get(offset);
      if (record === undefined) {
        added.push(offset);
        addedKeys.push(keys?.[at] ?? null);
      } else {
        record.becomeDue();
      }
      at += 1;
    }
    this.#addAll(rangesOf(added), addedKeys);
    this.#pendingCount = isLast ? 0 : Math.max(0, this.#pendingCount - added.length);
  }

  #addAll(ranges: OffsetRanges, keys: KeyHashes | undefined): void {
    let at = 0;
    for (const offset of offsetsIn(ranges)) {
      this.window.add(new WindowRecord(offset, keys?.[at] ?? null));
      at += 1;
    }
  }

  #applyPostponed({ ranges }: ChangeOf<'postponed'>): void {
    for (const record of this.window.in(ranges)) {
      assert(record.state === 'delayed', `record ${record.offset} does not wait for its time`);
    }
    this.window.remove(ranges);
    this.#delayedFrom = Math.min(this.#delayedFrom, ranges[0] ?? this.#delayedFrom);
    this.#pendingCount += offsetCountOf(ranges);
  }

  #applyTrimmed({ to }: ChangeOf<'trimmed'>): void {
    this.#finishWaiting(to);
    this.#passTo(to);
    this.#delayedFrom = Math.max(this.#delayedFrom, to);
  }

  #applyTruncated({ to, leaderEpoch }: ChangeOf<'truncated'>): void {
    assert(to <= this.#scanOffset, `a truncation moves ahead from ${this.#scanOffset} to ${to}`);
    const lost = this.window.records.filter(({ offset }) => offset >= to);
    for (const { delivery } of lost) {
      if (delivery !== undefined) this.#countAcquired(delivery.member, -1);
    }
    this.window.remove(rangesOf(lost.map(({ offset }) => offset)));
    this.finished.forgetFrom(to);
    this.cancelled.forgetFrom(to);
    this.#startOffset = Math.min(this.#startOffset, to);
    this.#scanOffset = to;
    this.#scanEpoch = leaderEpoch;
    if (this.#delayedFrom >= to) this.#pendingCount = 0;
    this.#delayedFrom = Math.min(this.#delayedFrom, to);
    // The last range of a plan has its highest offset.
    if ((this.#plan?.ranges.at(-1) ?? -1) < to) return;
    // Nobody knows which of these dead letters are in their topic: the next producer is new.
    this.#plan = undefined;
    this.#deadLetterProducer = undefined;
  }

  #applyPurged({ to }: ChangeOf<'purged'>): void {
    this.#finishWaiting(to);
    this.#passTo(to);
    this.#delayedFrom = Math.max(this.#delayedFrom, to);
    this.cancelled.forgetBelow(to);
    if (to >= this.#scanOffset) this.#pendingCount = 0;
  }

  /** Skips records that were not scanned. */
  #passTo(offset: Offset): void {
    if (offset <= this.#scanOffset) return;
    this.#scanOffset = offset;
    this.#scanEpoch = undefined;
  }

  /** Finishes all records below an offset that no member has. */
  #finishWaiting(to: Offset): void {
    const waiting = this.window.records.filter(
      ({ offset, state }) => offset < to && (state === 'available' || state === 'delayed'),
    );
    this.window.remove(rangesOf(waiting.map(({ offset }) => offset)));
  }

  #applyCancelled(change: ChangeOf<'cancelled'>): void {
    const { offset } = change;
    this.cancelled.add(change);
    if (this.window.get(offset) !== undefined) this.window.remove([offset, offset]);
    else if (offset < this.#scanOffset) this.#pendingCount = Math.max(0, this.#pendingCount - 1);
  }

  /** Forgets cancelled records that the group will not reach any more. */
  #forgetCancelled(): void {
    // A record that waits in the window may become pending again, and the records after it, too.
    const mayBePending = this.window.records.some(({ state }) => state === 'delayed');
    if (this.#pendingCount > 0 || mayBePending) {
      this.cancelled.forgetPassed(this.#scanOffset, this.#due);
      return;
    }
    this.cancelled.forgetBelow(this.#scanOffset);
    // An offer of due records that was made before finds none of them pending.
    this.#delayedFrom = this.#scanOffset;
  }

  #applyReset({ offset }: ChangeOf<'reset'>): void {
    this.window.clear();
    this.finished.clear();
    this.cancelled.clear();
    this.#acquired.clear();
    // Dead letters that were being written may be in their topic or not: the next producer is new.
    this.#plan = undefined;
    this.#deadLetterProducer = undefined;
    this.#startOffset = offset;
    this.#scanOffset = offset;
    this.#scanEpoch = undefined;
    this.#delayedFrom = offset;
    this.#pendingCount = 0;
  }

  #applyPlan(plan: DeadLetterPlan): void {
    const { ranges, ...producer } = plan;
    this.#plan = plan;
    this.#deadLetterProducer = { ...producer, sequence: producer.sequence + offsetCountOf(ranges) };
  }

  #applyWritten(): void {
    const { ranges } = this.#plan ?? { ranges: [] };
    this.#deadLetterCount += offsetCountOf(ranges);
    this.#plan = undefined;
    this.window.remove(ranges);
  }

  #applyAbandoned(): void {
    const condemned = this.window.records.filter(({ state }) => state === 'archiving');
    this.#plan = undefined;
    this.#deadLetterProducer = undefined;
    this.window.remove(rangesOf(condemned.map(({ offset }) => offset)));
  }

  #applyToRecords(change: RecordsChange, times: ShareTimes): void {
    const { kind, ranges } = change;
    const { monotonicMs } = times;
    const retry = kind === 'released' ? retryDelay(change, times) : undefined;
    for (const record of this.window.in(ranges)) {
      if (kind !== 'extended' && record.delivery !== undefined) {
        this.#countAcquired(record.delivery.member, -1);
      }
      switch (kind) {
        case 'acquired': {
          const { member, receiveId, lockMs } = change;
          record.acquire({ member, receiveId, lockMs, lockUntilMs: monotonicMs + lockMs });
          this.#countAcquired(member, 1);
          break;
        }
        case 'extended':
          record.extend(change.lockMs, monotonicMs + change.lockMs);
          break;
        case 'released':
          record.release(change.isCounted, retry);
          break;
        case 'condemned':
          record.condemn(change.reason);
          break;
        case 'acknowledged':
          this.#acknowledge(record);
          break;
        case 'archived':
          record.finish('archive');
          break;
        default:
          assertNever(change, 'a change of a share partition');
      }
    }
    if (kind === 'acknowledged' || kind === 'archived') this.window.remove(ranges);
  }

  #acknowledge(record: WindowRecord): void {
    const { offset, delivery, deliveryCount } = record;
    record.finish('acknowledge');
    if (delivery !== undefined) this.finished.add(offset, delivery.member, deliveryCount);
  }

  #countAcquired(member: string, by: number): void {
    const count = (this.#acquired.get(member) ?? 0) + by;
    if (count === 0) this.#acquired.delete(member);
    else this.#acquired.set(member, count);
  }

  #advanceStart(): void {
    const first = this.window.records[0]?.offset ?? this.#scanOffset;
    // A record that was delayed may lie below the start offset, which does not move back for it.
    this.#startOffset = Math.max(this.#startOffset, Math.min(first, this.#scanOffset));
  }
}
