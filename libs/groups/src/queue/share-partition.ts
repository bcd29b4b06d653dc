/**
 * The deliveries of one topic partition to one queue group: Kafka's share partition (KIP-932).
 *
 * The state is the fold of its changes: `apply` is the only writer, so a new coordinator that
 * reads the changes from the group's log has the same state. The end of a lock is the only part
 * that is not in the log: locks begin again when the log is read.
 *
 * A record below `scanOffset` is live if it is in the window, pending if it is delayed beyond `due`
 * (the index of delayed records at the partition's leader has it), and else finished. The memory is
 * bounded by the window, whatever the number of pending records.
 *
 * Invariants: startOffset <= scanOffset; both grow, except by `reset`. A record's `deliveries`
 * never falls. A pending record has an offset in [delayedFrom, scanOffset) and lies beyond `due`.
 */
import type { Offset } from '#protocol';
import { assert, assertNever } from '#runtime';
import { FinishedDeliveries } from './finished-deliveries.js';
import { countIn, type OffsetRanges, offsetsIn, rangesOf } from './offset-ranges.js';
import {
  compareDue,
  type DeadLetterPlan,
  type DueCursor,
  type KeyHashes,
  type ShareChange,
} from './share-change.js';
import { ShareWindow } from './share-window.js';
import { WindowRecord } from './window-record.js';

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
  /** Number of records that each member has; members without one are left out. */
  readonly #acquired = new Map<string, number>();
  #startOffset: Offset;
  #scanOffset: Offset;
  #delayedFrom: Offset;
  #pendingCount = 0;
  #due: DueCursor = NOTHING_DUE;
  #plan: DeadLetterPlan | undefined;
  #deadLetterProducer: DeadLetterProducer | undefined;
  #deadLetterCount = 0;

  /** @param startOffset offset of the first record that the group gets */
  constructor(startOffset: Offset) {
    this.#startOffset = startOffset;
    this.#scanOffset = startOffset;
    this.#delayedFrom = startOffset;
  }

  /** All records below it are finished, except pending ones and those that were delayed. */
  get startOffset(): Offset {
    return this.#startOffset;
  }

  /** Offset of the next record to look at. */
  get scanOffset(): Offset {
    return this.#scanOffset;
  }

  /** Number of pending records, at most: some may have been deleted from the log. */
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
   * @param monotonicMs time from which a lock of this change runs
   */
  apply(change: ShareChange, monotonicMs: number): void {
    switch (change.kind) {
      case 'scanned':
        this.#applyScanned(change);
        break;
      case 'due':
        this.#applyDue(change);
        break;
      case 'trimmed':
        this.#applyTrimmed(change);
        break;
      case 'purged':
        this.#applyPurged(change);
        break;
      case 'reset':
        this.#applyReset(change);
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
        this.#applyToRecords(change, monotonicMs);
        break;
      default:
        assertNever(change, 'a change of a share partition');
    }
    this.#advanceStart();
  }

  /** Begins all locks again: the log does not say when they end. */
  restartLocks(monotonicMs: number): void {
    for (const record of this.window.records) {
      const { delivery } = record;
      if (delivery !== undefined) record.extend(delivery.lockMs, monotonicMs + delivery.lockMs);
    }
  }

  /** All of the state beside the records and the memory of acks. */
  get progress(): ShareProgress {
    return {
      startOffset: this.#startOffset,
      scanOffset: this.#scanOffset,
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

  #applyScanned({ to, ranges, keys, delayed = [], pending = 0 }: ChangeOf<'scanned'>): void {
    assert(to >= this.#scanOffset, `a scan goes back from ${this.#scanOffset} to ${to}`);
    if (this.#pendingCount === 0) this.#delayedFrom = this.#scanOffset;
    this.#pendingCount += pending;
    this.#scanOffset = to;
    this.#addAll(ranges, keys);
    for (let at = 0; at < delayed.length; at += 2) {
      this.window.get(delayed[at] as Offset)?.delayUntil(delayed[at + 1] as number);
    }
  }

  #applyDue({ cursor, ranges, keys, isLast = false }: ChangeOf<'due'>): void {
    assert(compareDue(this.#due, cursor) <= 0, 'the cursor of delayed records goes back');
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

  #applyTrimmed({ to }: ChangeOf<'trimmed'>): void {
    this.#finishWaiting(to);
    this.#scanOffset = Math.max(this.#scanOffset, to);
  }

  #applyPurged({ to }: ChangeOf<'purged'>): void {
    this.#finishWaiting(to);
    this.#scanOffset = Math.max(this.#scanOffset, to);
    this.#delayedFrom = Math.max(this.#delayedFrom, to);
    if (to >= this.#scanOffset) this.#pendingCount = 0;
  }

  /** Finishes all records below an offset that no member has. */
  #finishWaiting(to: Offset): void {
    const waiting = this.window.records.filter(
      ({ offset, state }) => offset < to && (state === 'available' || state === 'delayed'),
    );
    this.window.remove(rangesOf(waiting.map(({ offset }) => offset)));
  }

  #applyReset({ offset }: ChangeOf<'reset'>): void {
    this.window.clear();
    this.finished.clear();
    this.#acquired.clear();
    // Dead letters that were being written may be in their topic or not: the next producer is new.
    this.#plan = undefined;
    this.#deadLetterProducer = undefined;
    this.#startOffset = offset;
    this.#scanOffset = offset;
    this.#delayedFrom = offset;
    this.#pendingCount = 0;
  }

  #applyPlan(plan: DeadLetterPlan): void {
    const { ranges, ...producer } = plan;
    this.#plan = plan;
    this.#deadLetterProducer = { ...producer, sequence: producer.sequence + countIn(ranges) };
  }

  #applyWritten(): void {
    const { ranges } = this.#plan ?? { ranges: [] };
    this.#deadLetterCount += countIn(ranges);
    this.#plan = undefined;
    this.window.remove(ranges);
  }

  #applyAbandoned(): void {
    const condemned = this.window.records.filter(({ state }) => state === 'archiving');
    this.#plan = undefined;
    this.#deadLetterProducer = undefined;
    this.window.remove(rangesOf(condemned.map(({ offset }) => offset)));
  }

  #applyToRecords(change: RecordsChange, monotonicMs: number): void {
    const { kind, ranges } = change;
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
          record.release(change.isCounted, change.notBeforeMs);
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
    // A record that was delayed may lie below the start offset, which does not go back for it.
    this.#startOffset = Math.max(this.#startOffset, Math.min(first, this.#scanOffset));
  }
}
