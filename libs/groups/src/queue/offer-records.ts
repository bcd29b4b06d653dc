import type { LeaderEpoch, Offset } from '#protocol';
import { type OffsetRanges, offsetsIn, rangesOf } from './offset-ranges.js';
import { compareDue, type DueCursor, type KeyHashes, type ShareChange } from './share-change.js';
import type { ShareContext } from './share-context.js';
import type { SharePartition } from './share-partition.js';
import type { WindowRecord } from './window-record.js';

/**
 * Records that a broker found in the partition from `from` on. It leaves out what the group does
 * not deliver: gaps, control batches, records redriven for another group.
 */
export interface RecordOffer {
  readonly from: Offset;
  /** Offset after the last record that was scanned. */
  readonly to: Offset;
  readonly logStartOffset: Offset;
  /** Epoch of the leader from which they were read. */
  readonly leaderEpoch?: LeaderEpoch;
  readonly ranges: OffsetRanges;
  /** Keys of the records of `ranges`; needed in a key-ordered group only. */
  readonly keys?: KeyHashes;
  /** Delayed records among them: offset and time of delivery of each, ms since 1970. */
  readonly delayed?: readonly number[];
  /**
   * Epochs of the leaders that appended the records: the first offset of each epoch, and the epoch.
   * Brokers of earlier versions leave it out.
   */
  readonly epochs?: readonly number[];
}

/** A broker's finding that the log was truncated below the scan offset of a group. */
export interface TruncationOffer {
  /** The scan offset that was asked for, and its leader epoch. */
  readonly scanOffset: Offset;
  readonly scanEpoch: LeaderEpoch;
  /** Records from it on are no longer in the log. */
  readonly to: Offset;
  /** Epoch of the leader that found it. */
  readonly leaderEpoch: LeaderEpoch;
}

/** One entry of the index of delayed records. */
interface DelayedRecord extends DueCursor {
  /** Hash of its key; needed in a key-ordered group only. */
  readonly keyHash?: number | null;
}

/** Entries of the index of delayed records, in its order. */
export interface DueOffer {
  /** The cursor after which the list begins. */
  readonly from: DueCursor;
  /** The cursor that the list is complete up to. */
  readonly to: DueCursor;
  readonly records: readonly DelayedRecord[];
  /** The index was complete for all offsets below it. */
  readonly indexedTo: Offset;
  /** Epoch of the leader that has the index. */
  readonly leaderEpoch?: LeaderEpoch;
  /** Time of the next delayed record after `to`; null when there is none. */
  readonly nextAtMs: number | null;
}

/**
 * Takes offered records into the window, as many as have room. An offer that does not begin where
 * the last one ended changes nothing: another broker has been faster. So does one from an earlier
 * leader than the last one: its records may have been lost since.
 */
export function offerRecords(
  state: SharePartition,
  offer: RecordOffer,
  { config }: ShareContext,
): ShareChange[] {
  const changes: ShareChange[] = [];
  let { scanOffset } = state;
  if (offer.logStartOffset > scanOffset || isTrimmed(state, offer.logStartOffset)) {
    changes.push({ kind: 'trimmed', to: offer.logStartOffset });
    scanOffset = Math.max(scanOffset, offer.logStartOffset);
  }
  if (scanOffset < offer.from || scanOffset >= offer.to) return changes;
  if (isOlder(offer, state)) return changes;
  const { isKeyOrdered, recordLocksMax } = config;
  const room = recordLocksMax - state.window.size;
  const scan = new Scan(state, isKeyOrdered, room, delayedRoomOf(state, config));
  const delayed = timesByOffset(offer.delayed ?? []);
  const epochs = new EpochsByOffset(offer.epochs ?? []);
  let to = offer.to;
  let at = -1;
  for (const offset of offsetsIn(offer.ranges)) {
    at += 1;
    if (offset < scanOffset) continue;
    const record = {
      offset,
      deliverAtMs: delayed.get(offset),
      keyHash: offer.keys?.[at] ?? null,
      leaderEpoch: epochs.of(offset),
    };
    if (!scan.take(record)) {
      to = offset;
      break;
    }
  }
  if (to > scanOffset) changes.push(scan.change(to, offer.leaderEpoch));
  return changes;
}

/**
 * Goes back to the end of what the group and the log have in common. A finding for another scan
 * offset or epoch changes nothing: another broker has been faster.
 */
export function offerTruncation(
  state: SharePartition,
  { scanOffset, scanEpoch, to, leaderEpoch }: TruncationOffer,
): ShareChange[] {
  if (state.scanOffset !== scanOffset || state.scanEpoch !== scanEpoch) return [];
  return to > scanOffset ? [] : [{ kind: 'truncated', to, leaderEpoch }];
}

/**
 * Makes delayed records available whose time has come, as many as have room. An offer that begins
 * elsewhere than at the group's cursor, whose index lacks records that were scanned, or that is
 * from an earlier leader than the last scan, changes nothing.
 */
export function offerDue(
  state: SharePartition,
  offer: DueOffer,
  { nowMs, config }: ShareContext,
): ShareChange[] {
  if (compareDue(offer.from, state.due) !== 0 || state.scanOffset > offer.indexedTo) return [];
  if (isOlder(offer, state)) return [];
  const places = new DuePlaces(state, config);
  const taken: DelayedRecord[] = [];
  let cursor = state.due;
  let isCut = false;
  for (const record of offer.records) {
    const { atMs, offset } = record;
    const needsPlace = places.isPending(offset);
    if (atMs > nowMs || (needsPlace && !places.take(record))) {
      isCut = true;
      break;
    }
    cursor = { atMs, offset };
    if (needsPlace || places.isWaiting(offset)) taken.push(record);
  }
  if (!isCut && offer.to.atMs <= nowMs) cursor = offer.to;
  if (compareDue(cursor, state.due) <= 0) return [];
  const isLast = cursor === offer.to && offer.nextAtMs === null;
  const change = dueChange(cursor, taken, { isKeyOrdered: config.isKeyOrdered, isLast });
  return [...places.changes(), change];
}

/** Places of the window for records that are due. */
class DuePlaces {
  readonly #state: SharePartition;
  #room: number;
  /** Delayed records of the window, by time: the last one loses its place first. */
  readonly #waiting: WindowRecord[];
  readonly #postponed = new Set<Offset>();

  constructor(state: SharePartition, { recordLocksMax, isKeyOrdered }: ShareContext['config']) {
    this.#state = state;
    this.#room = recordLocksMax - state.window.size;
    this.#waiting = isKeyOrdered
      ? state.window.records.filter((record) => record.state === 'delayed').toSorted(byTime)
      : [];
  }

  /** True when a record is pending: it is below the scan offset and not in the window. */
  isPending(offset: Offset): boolean {
    const { delayedFrom, scanOffset, window, cancelled } = this.#state;
    if (this.#postponed.has(offset)) return true;
    if (offset < delayedFrom || offset >= scanOffset || cancelled.has(offset)) return false;
    return window.get(offset) === undefined;
  }

  /** True when a record waits in the window for its time. */
  isWaiting(offset: Offset): boolean {
    const isDelayed = this.#state.window.get(offset)?.state === 'delayed';
    return isDelayed && !this.#postponed.has(offset);
  }

  /**
   * Takes a place for a pending record. In a full window a record that waits for a later time gives
   * up its place. Otherwise records that hold their keys could fill the window for ever.
   */
  take({ atMs, offset }: DueCursor): boolean {
    if (this.#room > 0) {
      this.#room -= 1;
      return true;
    }
    const last = this.#waiting.at(-1);
    const lastDue = { atMs: last?.deliverAtMs ?? -1, offset: last?.offset ?? -1 };
    if (last === undefined || compareDue(lastDue, { atMs, offset }) <= 0) return false;
    this.#waiting.pop();
    this.#postponed.add(last.offset);
    return true;
  }

  changes(): ShareChange[] {
    if (this.#postponed.size === 0) return [];
    return [{ kind: 'postponed', ranges: rangesOf([...this.#postponed]) }];
  }
}

function byTime(left: WindowRecord, right: WindowRecord): number {
  return left.deliverAtMs - right.deliverAtMs || left.offset - right.offset;
}

/** A record of an offer. */
interface ScannedRecord {
  readonly offset: Offset;
  readonly deliverAtMs: number | undefined;
  readonly keyHash: number | null;
  readonly leaderEpoch: LeaderEpoch | undefined;
}

/** Leader epochs of records, which are asked for in the order of their offsets. */
class EpochsByOffset {
  readonly #epochs: readonly number[];
  #at = 0;

  constructor(epochs: readonly number[]) {
    this.#epochs = epochs;
  }

  of(offset: Offset): LeaderEpoch | undefined {
    while ((this.#epochs[this.#at + 2] ?? Number.POSITIVE_INFINITY) <= offset) this.#at += 2;
    const from = this.#epochs[this.#at];
    return from === undefined || from > offset ? undefined : this.#epochs[this.#at + 1];
  }
}

/** Collects the records of one scan. */
class Scan {
  /** Delayed records that may still wait in the window. */
  #delayedRoom: number;
  readonly #offsets: Offset[] = [];
  readonly #keys: (number | null)[] = [];
  readonly #delayed: number[] = [];
  readonly #uncancelled: Offset[] = [];
  #pending = 0;

  constructor(
    readonly state: SharePartition,
    readonly isKeyOrdered: boolean,
    public room: number,
    delayedRoom: number,
  ) {
    this.#delayedRoom = isKeyOrdered ? delayedRoom : 0;
  }

  /** Takes one record; false when there is no room for it. */
  take(record: ScannedRecord): boolean {
    const { offset, leaderEpoch } = record;
    const { cancelled } = this.state;
    if (cancelled.isSame(offset, leaderEpoch)) return true;
    if (!this.#place(record)) return false;
    if (cancelled.has(offset)) this.#uncancelled.push(offset);
    return true;
  }

  #place({ offset, deliverAtMs, keyHash }: ScannedRecord): boolean {
    const isPending =
      deliverAtMs !== undefined && compareDue({ atMs: deliverAtMs, offset }, this.state.due) > 0;
    // A delayed record of a key-ordered group waits in the window, so that it holds its key back.
    // It must leave room for others: when half of the window waits, it holds no key.
    if (isPending && this.#delayedRoom <= 0) {
      this.#pending += 1;
      return true;
    }
    if (this.room <= 0) return false;
    this.room -= 1;
    if (isPending) this.#delayedRoom -= 1;
    this.#offsets.push(offset);
    this.#keys.push(keyHash);
    if (isPending) this.#delayed.push(offset, deliverAtMs);
    return true;
  }

  change(to: Offset, leaderEpoch: LeaderEpoch | undefined): ShareChange {
    return {
      kind: 'scanned',
      to,
      ranges: rangesOf(this.#offsets),
      ...(this.isKeyOrdered ? { keys: this.#keys } : {}),
      ...(this.#delayed.length > 0 ? { delayed: this.#delayed } : {}),
      ...(this.#pending > 0 ? { pending: this.#pending } : {}),
      ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
      ...(this.#uncancelled.length > 0 ? { uncancelled: this.#uncancelled } : {}),
    };
  }
}

/** Number of delayed records that may still wait in the window of a key-ordered group. */
function delayedRoomOf({ window }: SharePartition, config: ShareContext['config']): number {
  if (!config.isKeyOrdered) return 0;
  const waiting = window.records.filter(({ state }) => state === 'delayed').length;
  return Math.floor(config.recordLocksMax / 2) - waiting;
}

function timesByOffset(delayed: readonly number[]): ReadonlyMap<Offset, number> {
  const times = new Map<Offset, number>();
  for (let at = 0; at + 1 < delayed.length; at += 2) {
    times.set(delayed[at] as Offset, delayed[at + 1] as number);
  }
  return times;
}

function dueChange(
  cursor: DueCursor,
  taken: readonly DelayedRecord[],
  { isKeyOrdered, isLast }: { readonly isKeyOrdered: boolean; readonly isLast: boolean },
): ShareChange {
  const sorted = taken.toSorted((left, right) => left.offset - right.offset);
  const ranges = rangesOf(sorted.map(({ offset }) => offset));
  const keys = sorted.map(({ keyHash }) => keyHash ?? null);
  const change = { kind: 'due', cursor, ranges, ...(isKeyOrdered ? { keys } : {}) } as const;
  return isLast ? { ...change, isLast } : change;
}

/** True when an offer is from an earlier leader than the records that were scanned last. */
function isOlder(
  { leaderEpoch }: { readonly leaderEpoch?: LeaderEpoch },
  { scanEpoch }: SharePartition,
): boolean {
  return leaderEpoch !== undefined && scanEpoch !== undefined && leaderEpoch < scanEpoch;
}

/** True when waiting records of the window are no longer in the log. */
function isTrimmed({ window }: SharePartition, logStartOffset: Offset): boolean {
  for (const { offset, state } of window.records) {
    if (offset >= logStartOffset) return false;
    if (state === 'available' || state === 'delayed') return true;
  }
  return false;
}
