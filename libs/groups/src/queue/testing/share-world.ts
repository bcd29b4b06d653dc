import { expect } from 'vitest';
import type { LeaderEpoch, Offset } from '#protocol';
import { type AckResult, acknowledgeRecords, type RecordAck } from '../acknowledge-records.js';
import { acquireRecords, availableCount, hasDeliverable } from '../acquire-records.js';
import { type CancelResult, cancelRecord } from '../cancel-record.js';
import {
  abandonDeadLetters,
  deadLettersWritten,
  needsProducer,
  planDeadLetters,
} from '../dead-letters.js';
import { purgeRecords, resetWindow } from '../move-window.js';
import {
  type DueOffer,
  offerDue,
  offerRecords,
  offerTruncation,
  type RecordOffer,
} from '../offer-records.js';
import { offsetCountOf, offsetsIn, rangesOf } from '../offset-ranges.js';
import { releaseExpired, releaseMember } from '../release-records.js';
import { compareDue, type DeadLetterPlan, type ShareChange } from '../share-change.js';
import type { ShareConfig, ShareContext, ShareTimes } from '../share-context.js';
import { DELTA_SLOTS, type ShareRecord } from '../share-log-records.js';
import { type ShareLogPosition, writeChanges, writeSnapshot } from '../share-log-writer.js';
import { SharePartition } from '../share-partition.js';
import { ShareReplay } from '../share-replay.js';
import { snapshotOf } from '../share-snapshot.js';
import { deliveriesOf } from './deliveries-of.js';

const KEY = { group: 'g', topic: 't', partition: 0 };
const TOPIC_ID = 'topic-id';
/** Small, so that a snapshot has several chunks. */
const PART_BYTES_MAX = 400;
const DEAD_LETTERS = { topic: 'dlq.g', topicId: 'dlq-id', partition: 0 };
const DEAD_LETTERS_MAX = 3;

/** A record of the topic partition. */
export interface TopicRecord {
  readonly offset: Offset;
  readonly key: number | null;
  readonly deliverAtMs: number | undefined;
  readonly leaderEpoch: LeaderEpoch;
}

interface Lock {
  readonly member: string;
  readonly deliveryCount: number;
  untilMs: number;
}

/**
 * One share partition with its topic partition, its log and its dead letters, and a model that
 * checks every delivery. All steps throw when a promise of queues is broken.
 */
export class ShareWorld {
  nowMs = 1_000_000;
  readonly topic: TopicRecord[] = [];
  /** Records that the group is done with: acknowledged, dead-lettered, purged, or dropped. */
  readonly done = new Set<Offset>();
  readonly config: ShareConfig;
  #state = new SharePartition(0);
  #log: ShareRecord[] = [];
  #position: ShareLogPosition = { topicId: TOPIC_ID, epoch: -1, slot: 0 };
  #logEnd = 0;
  #logStart = 0;
  #leaderEpoch = 0;
  readonly #locks = new Map<Offset, Lock>();
  readonly #counted = new Map<Offset, number>();
  /** Offsets in the dead-letter partition, by producer id and sequence. */
  readonly #deadLetters = new Map<string, Offset>();
  #producerIds = 0;
  /** Ends of the delays of nacks. */
  readonly #notBefore = new Map<Offset, number>();
  readonly #cancelled = new Set<Offset>();
  readonly #lateOffers: { records: RecordOffer; due: DueOffer }[] = [];

  constructor(config: Partial<ShareConfig> = {}) {
    this.config = {
      lockMs: 30_000,
      deliveryCountLimit: 5,
      recordLocksMax: 12,
      hasDeadLetters: true,
      retryBackoffMs: 0,
      retryBackoffMaxMs: 0,
      isKeyOrdered: false,
      ...config,
    };
    this.#write([]);
  }

  get state(): SharePartition {
    return this.#state;
  }

  get log(): readonly ShareRecord[] {
    return this.#log;
  }

  /** Offsets of all dead letters, in the order of their writes. */
  get deadLetters(): Offset[] {
    return [...this.#deadLetters.values()];
  }

  /** Number of records that a member could get now. */
  get availableCount(): number {
    return availableCount(this.#state, this.#context);
  }

  /** True when a member could get a record now. */
  get hasDeliverable(): boolean {
    return hasDeliverable(this.#state, this.#context);
  }

  /** Adds records to the topic; `gap` offsets before each one have no record. */
  produce(records: readonly { key?: number | null; delayMs?: number; gap?: number }[]): void {
    for (const { key = null, delayMs, gap = 0 } of records) {
      const offset = this.#logEnd + gap;
      const deliverAtMs = delayMs === undefined ? undefined : this.nowMs + delayMs;
      this.topic.push({ offset, key, deliverAtMs, leaderEpoch: this.#leaderEpoch });
      this.#logEnd = offset + 1;
    }
  }

  /** Time goes on; records whose locks end are released, unless the timer is late. */
  advance(ms: number, isTimerLate = false): void {
    this.nowMs += ms;
    if (isTimerLate) return;
    this.#applyAll(releaseExpired(this.#state, this.#context));
    for (const [offset, lock] of this.#locks) {
      if (lock.untilMs <= this.nowMs) this.#endDelivery(offset, true);
    }
  }

  /** A poll: the broker reads what is new and what is due, then the member gets records. */
  poll(member: string, recordsMax: number, receiveId?: string): Offset[] {
    this.#applyAll(offerRecords(this.#state, this.#recordOffer(), this.#context));
    this.#applyAll(offerDue(this.#state, this.#dueOffer(), this.#context));
    const command = { member, recordsMax, ...(receiveId === undefined ? {} : { receiveId }) };
    const { changes, acquired } = acquireRecords(this.#state, command, this.#context);
    this.#applyAll(changes);
    const offsets: Offset[] = [];
    for (const { first, last, deliveryCount } of acquired) {
      for (const offset of offsetsIn([first, last])) {
        if (changes.length > 0) this.#deliver(offset, member, deliveryCount);
        offsets.push(offset);
      }
    }
    return offsets;
  }

  /** New records are looked at; the delayed ones wait for the next poll. */
  scan(): void {
    this.#applyAll(offerRecords(this.#state, this.#recordOffer(), this.#context));
  }

  /** A broker reads the topic; what it found arrives with the next `takeLateOffers`. */
  readForLater(): void {
    this.#lateOffers.push({ records: this.#recordOffer(), due: this.#dueOffer() });
  }

  /** Offers that were overtaken by others arrive. */
  takeLateOffers(): void {
    for (const { records, due } of this.#lateOffers.splice(0)) {
      this.#applyAll(offerDue(this.#state, due, this.#context));
      this.#applyAll(offerRecords(this.#state, records, this.#context));
    }
  }

  /** Sends acks of a member and checks each result. */
  ack(member: string, acks: readonly RecordAck[]): readonly AckResult[] {
    const { changes, results } = acknowledgeRecords(this.#state, member, acks, this.#context);
    this.#applyAll(changes);
    for (const [at, ack] of acks.entries()) {
      if (results[at] === 'done') this.#acked(member, ack);
      else expect(this.#isHeld(ack.offset, member, ack.deliveryCount)).toBe(false);
    }
    return results;
  }

  /** The session or the connection of a member breaks, or it leaves in order. */
  memberGone(member: string, isCounted: boolean): void {
    this.#applyAll(releaseMember(this.#state, member, isCounted, this.#context));
    for (const [offset, lock] of this.#locks) {
      if (lock.member === member) this.#endDelivery(offset, isCounted);
    }
  }

  /** Plans dead letters and writes them; a crash may come between the steps. */
  writeDeadLetters(crash: 'never' | 'afterPlan' | 'afterWrite'): void {
    const isPlanned = this.#state.plan !== undefined;
    if (!isPlanned || crash === 'afterPlan') {
      let producer = this.#state.deadLetterProducer;
      if (producer === undefined || needsProducer(this.#state, DEAD_LETTERS, DEAD_LETTERS_MAX)) {
        this.#producerIds += 1;
        producer = {
          ...DEAD_LETTERS,
          producerId: this.#producerIds,
          producerEpoch: 0,
          sequence: 0,
        };
      }
      this.#applyAll(planDeadLetters(this.#state, producer, DEAD_LETTERS_MAX));
    }
    const { plan } = this.#state;
    if (crash === 'afterPlan') this.failover();
    if (plan === undefined || crash === 'afterPlan') return;
    let { sequence } = plan;
    for (const offset of offsetsIn(plan.ranges)) {
      const name = `${plan.producerId}/${sequence}`;
      expect(this.#deadLetters.get(name) ?? offset).toBe(offset);
      this.#deadLetters.set(name, offset);
      sequence += 1;
    }
    if (crash === 'afterWrite') this.failover();
    else this.#applyAll(deadLettersWritten(this.#state, plan));
    for (const offset of offsetsIn(plan.ranges)) this.done.add(offset);
  }

  /** The group loses its dead-letter topic. */
  abandonDeadLetters(): void {
    this.#applyAll(abandonDeadLetters(this.#state));
  }

  /** Deletes records from the start of the topic's log. */
  trim(records: number): void {
    const at = this.topic.findIndex(({ offset }) => offset >= this.#logStart);
    const first = at < 0 ? undefined : this.topic[at + records];
    this.#logStart = first?.offset ?? this.#logStart;
    for (const { offset } of this.topic) if (offset < this.#logStart) this.done.add(offset);
  }

  /**
   * The log loses its last records, and a broker finds out. Nobody can find out before the first
   * scan after a reset.
   */
  truncate(records: number): void {
    const { scanOffset, scanEpoch } = this.#state;
    const to = this.topic.at(-records)?.offset ?? this.#logEnd;
    if (to < this.#logStart || (scanEpoch === undefined && to < scanOffset)) return;
    this.#leaderEpoch += 1;
    this.#logEnd = to;
    while ((this.topic.at(-1)?.offset ?? -1) >= to) {
      const { offset } = this.topic.pop() as TopicRecord;
      for (const known of [this.#locks, this.#counted, this.#notBefore]) known.delete(offset);
      this.done.delete(offset);
      this.#cancelled.delete(offset);
    }
    for (const [name, offset] of this.#deadLetters) {
      if (offset >= to) this.#deadLetters.delete(name);
    }
    if (scanEpoch === undefined || scanOffset < to) {
      // The group has met no later leader: it takes what was read before, and goes back afterwards.
      this.#dropOlderOffers();
      return;
    }
    const { plan } = this.#state;
    const truncation = { scanOffset, scanEpoch, to, leaderEpoch: this.#leaderEpoch };
    this.#applyAll(offerTruncation(this.#state, truncation));
    if (this.#state.plan === undefined) this.#forgetPlanned(plan);
  }

  /** A plan that lost one of its records is made again, whether its copies were written or not. */
  #forgetPlanned(plan: DeadLetterPlan | undefined): void {
    if (plan === undefined) return;
    for (let at = 0; at < offsetCountOf(plan.ranges); at += 1) {
      this.#deadLetters.delete(`${plan.producerId}/${plan.sequence + at}`);
    }
  }

  purge(): void {
    this.#applyAll(purgeRecords(this.#state, this.#logEnd));
    const isKept = (offset: Offset): boolean =>
      this.#locks.has(offset) || this.#state.window.get(offset) !== undefined;
    for (const { offset } of this.topic) if (!isKept(offset)) this.done.add(offset);
  }

  /** Cancels one of the records of the topic and checks the result. */
  cancel(pick: number): CancelResult | undefined {
    const record = this.topic[pick % Math.max(1, this.topic.length)];
    if (record === undefined) return undefined;
    const { offset, deliverAtMs = null, leaderEpoch } = record;
    const cancelled = { offset, deliverAtMs, leaderEpoch };
    const { result, changes } = cancelRecord(this.#state, cancelled, this.#context);
    this.#applyAll(changes);
    if (result === 'finished') expect(this.done.has(offset), `${offset} is not done`).toBe(true);
    if (result !== 'done') return result;
    expect(this.#locks.has(offset), `${offset} is with a member and cancelled`).toBe(false);
    this.done.add(offset);
    this.#cancelled.add(offset);
    return result;
  }

  reset(to: Offset): void {
    const offset = Math.min(to, this.#logEnd);
    this.#applyAll(resetWindow(offset));
    this.#locks.clear();
    this.#counted.clear();
    for (const record of this.topic) {
      if (record.offset < offset) this.done.add(record.offset);
      else if (record.offset >= this.#logStart) this.done.delete(record.offset);
    }
    this.#deadLetters.clear();
    this.#notBefore.clear();
    this.#cancelled.clear();
    // The group knows no epoch now: it takes what was read before, and goes back afterwards.
    this.#dropOlderOffers();
  }

  #dropOlderOffers(): void {
    const kept = this.#lateOffers.filter(
      ({ records }) => records.leaderEpoch === this.#leaderEpoch,
    );
    this.#lateOffers.splice(0, this.#lateOffers.length, ...kept);
  }

  /** Writes a snapshot; an unfinished one ends with a crash before its last chunk. */
  snapshot(isFinished: boolean): void {
    const { records, next } = writeSnapshot(KEY, this.#position, this.#state, PART_BYTES_MAX);
    this.#log.push(...(isFinished ? records : records.slice(0, -1)));
    if (isFinished) this.#position = next;
    else this.failover();
  }

  /** Keeps the newest record of each key. */
  compact(): void {
    const newest = new Map<string, ShareRecord>();
    for (const record of this.#log) {
      const key = JSON.stringify([record.kind, record.key]);
      newest.delete(key);
      newest.set(key, record);
    }
    this.#log = [...newest.values()];
  }

  /** A new coordinator reads the log. */
  failover(): void {
    const replayed = this.replayed();
    this.#state = replayed.state;
    this.#position = replayed.position;
    // Locks start again with their whole time.
    for (const lock of this.#locks.values()) lock.untilMs = this.nowMs + this.config.lockMs;
  }

  /** The log gives the same state as the one in memory. */
  assertReplay(): void {
    const { state, position } = this.replayed();
    expect(snapshotOf(state)).toEqual(snapshotOf(this.#state));
    expect(deliveriesOf(state)).toEqual(deliveriesOf(this.#state));
    expect(position).toEqual(this.#position);
    this.#assertPending();
    expect(this.#state.window.size).toBeLessThanOrEqual(this.config.recordLocksMax);
    expect(this.#state.cancelled.size).toBeLessThanOrEqual(this.config.recordLocksMax);
  }

  /** The group does not forget that it has pending records, nor where the first of them is. */
  #assertPending(): void {
    const { due, scanOffset, window, delayedFrom, pendingCount } = this.#state;
    const pending = this.topic.filter(
      ({ offset, deliverAtMs }) =>
        deliverAtMs !== undefined &&
        offset >= delayedFrom &&
        offset >= this.#logStart &&
        offset < scanOffset &&
        compareDue({ atMs: deliverAtMs, offset }, due) > 0 &&
        window.get(offset) === undefined &&
        !this.#cancelled.has(offset),
    );
    expect(pendingCount).toBeGreaterThanOrEqual(pending.length);
  }

  replayed(): { state: SharePartition; position: ShareLogPosition } {
    const replay = new ShareReplay(() => this.#times);
    for (const record of this.#log) replay.take(structuredClone(record));
    if (replay.share === undefined) throw new Error('the log has no snapshot');
    return replay.share;
  }

  get #context(): ShareContext {
    return { ...this.#times, config: this.config };
  }

  get #times(): ShareTimes {
    return { nowMs: this.nowMs, monotonicMs: this.nowMs };
  }

  #applyAll(changes: readonly ShareChange[]): void {
    const { startOffset } = this.#state;
    if (changes.length > 0) this.#write(changes);
    for (const change of changes) this.#state.apply(change, this.#times);
    const isReset = changes.some(({ kind }) => kind === 'reset' || kind === 'truncated');
    if (!isReset) expect(this.#state.startOffset).toBeGreaterThanOrEqual(startOffset);
  }

  #write(changes: readonly ShareChange[]): void {
    const options = { changes, partBytesMax: PART_BYTES_MAX };
    const { records, next } = writeChanges(KEY, this.#position, this.#state, options);
    this.#log.push(...records);
    this.#position = next;
    expect(next.slot).toBeLessThanOrEqual(DELTA_SLOTS);
  }

  #recordOffer(): RecordOffer {
    const from = Math.max(this.#state.scanOffset, this.#logStart);
    const records = this.topic.filter(({ offset }) => offset >= from);
    const delayed: number[] = [];
    for (const { offset, deliverAtMs } of records) {
      if (deliverAtMs !== undefined) delayed.push(offset, deliverAtMs);
    }
    const keys = this.config.isKeyOrdered ? { keys: records.map(({ key }) => key) } : {};
    const ranges = rangesOf(records.map(({ offset }) => offset));
    const logStartOffset = this.#logStart;
    const read = { from, to: this.#logEnd, logStartOffset, leaderEpoch: this.#leaderEpoch };
    const epochs = records.flatMap(({ offset, leaderEpoch }) => [offset, leaderEpoch]);
    return { ...read, ranges, delayed, epochs, ...keys };
  }

  #dueOffer(): DueOffer {
    const from = this.#state.due;
    // The clock of the partition's leader is ahead.
    const to = { atMs: this.nowMs + 500, offset: Number.MAX_SAFE_INTEGER };
    const records = this.topic
      .flatMap(({ offset, deliverAtMs, key }) =>
        deliverAtMs === undefined || offset < this.#logStart
          ? []
          : [{ atMs: deliverAtMs, offset, keyHash: key }],
      )
      .filter((record) => compareDue(record, from) > 0 && compareDue(record, to) <= 0)
      .toSorted(compareDue);
    const isLater = this.topic.some(
      ({ offset, deliverAtMs = -1 }) => compareDue({ atMs: deliverAtMs, offset }, to) > 0,
    );
    const nextAtMs = isLater ? to.atMs + 1 : null;
    const index = { indexedTo: this.#logEnd, leaderEpoch: this.#leaderEpoch };
    return { from, to, records, ...index, nextAtMs };
  }

  #deliver(offset: Offset, member: string, deliveryCount: number): void {
    const record = this.topic.find((one) => one.offset === offset);
    if (record === undefined) throw new Error(`offset ${offset} has no record`);
    expect(this.done.has(offset), `${offset} is done and delivered again`).toBe(false);
    expect(this.#locks.get(offset), `${offset} is with another member`).toBeUndefined();
    expect(record.deliverAtMs ?? 0, `${offset} is early`).toBeLessThanOrEqual(this.nowMs);
    expect(this.#notBefore.get(offset) ?? 0).toBeLessThanOrEqual(this.nowMs);
    this.#notBefore.delete(offset);
    expect(deliveryCount).toBe((this.#counted.get(offset) ?? 0) + 1);
    if (this.config.isKeyOrdered && record.key !== null) this.#assertOldestOfKey(record);
    const untilMs = this.nowMs + this.config.lockMs;
    this.#locks.set(offset, { member, deliveryCount, untilMs });
  }

  #assertOldestOfKey({ key, offset }: TopicRecord): void {
    for (const other of this.topic) {
      if (other.key !== key) continue;
      expect(this.#locks.has(other.offset), `${other.offset} has the key of ${offset}`).toBe(false);
      // A delayed record holds its key only while it is in the window.
      const isPending =
        other.deliverAtMs !== undefined && this.#state.window.get(other.offset) === undefined;
      if (other.offset >= offset || isPending) continue;
      expect(this.done.has(other.offset), `${other.offset} comes before ${offset}`).toBe(true);
    }
  }

  #acked(member: string, { offset, type, deliveryCount, delayMs }: RecordAck): void {
    if (!this.#isHeld(offset, member, deliveryCount)) {
      // Only an ack may be repeated.
      expect(type).toBe('ack');
      expect(this.done.has(offset)).toBe(true);
      return;
    }
    const lock = this.#locks.get(offset);
    if (type === 'extend' && lock !== undefined) {
      lock.untilMs = this.nowMs + this.config.lockMs;
      return;
    }
    if (type === 'ack') this.done.add(offset);
    if (type === 'reject' && !this.config.hasDeadLetters) this.done.add(offset);
    this.#endDelivery(offset, type === 'nack');
    if (type === 'nack' && delayMs !== undefined) this.#notBefore.set(offset, this.nowMs + delayMs);
  }

  #isHeld(offset: Offset, member: string, deliveryCount: number | undefined): boolean {
    const lock = this.#locks.get(offset);
    return (
      lock?.member === member &&
      lock.untilMs > this.nowMs &&
      (deliveryCount === undefined || deliveryCount === lock.deliveryCount)
    );
  }

  #endDelivery(offset: Offset, isCounted: boolean): void {
    this.#locks.delete(offset);
    if (!isCounted) return;
    const counted = (this.#counted.get(offset) ?? 0) + 1;
    this.#counted.set(offset, counted);
    const isOver = counted >= this.config.deliveryCountLimit;
    if (isOver && !this.config.hasDeadLetters) this.done.add(offset);
  }
}
