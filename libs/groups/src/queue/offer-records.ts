import type { Offset } from '#protocol';
import { type OffsetRanges, offsetsIn, rangesOf } from './offset-ranges.js';
import { compareDue, type DueCursor, type KeyHashes, type ShareChange } from './share-change.js';
import type { ShareContext } from './share-context.js';
import type { SharePartition } from './share-partition.js';

/**
 * Records that a broker found in the partition from `from` on. It leaves out what the group does
 * not deliver: gaps, control batches, records redriven for another group.
 */
export interface RecordOffer {
  readonly from: Offset;
  /** Offset after the last record that was looked at. */
  readonly to: Offset;
  readonly logStartOffset: Offset;
  readonly ranges: OffsetRanges;
  /** Keys of the records of `ranges`; needed in a key-ordered group only. */
  readonly keys?: KeyHashes;
  /** Delayed records among them: offset and time of delivery of each, ms since 1970. */
  readonly delayed?: readonly number[];
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
  /** Time of the next delayed record after `to`; null when there is none. */
  readonly nextAtMs: number | null;
}

/**
 * Takes offered records into the window, as many as have room. An offer that does not begin where
 * the last one ended changes nothing: another broker has been faster.
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
  const scan = new Scan(state, config.isKeyOrdered, config.recordLocksMax - state.window.size);
  const delayed = timesByOffset(offer.delayed ?? []);
  let to = offer.to;
  let at = -1;
  for (const offset of offsetsIn(offer.ranges)) {
    at += 1;
    if (offset < scanOffset) continue;
    if (!scan.take(offset, delayed.get(offset), offer.keys?.[at] ?? null)) {
      to = offset;
      break;
    }
  }
  if (to > scanOffset) changes.push(scan.change(to));
  return changes;
}

/**
 * Makes delayed records available whose time has come, as many as have room. An offer that begins
 * elsewhere than at the group's cursor, or whose index lacks records that were scanned, changes
 * nothing.
 */
export function offerDue(
  state: SharePartition,
  offer: DueOffer,
  { nowMs, config }: ShareContext,
): ShareChange[] {
  if (compareDue(offer.from, state.due) !== 0 || state.scanOffset > offer.indexedTo) return [];
  const taken: DelayedRecord[] = [];
  let room = config.recordLocksMax - state.window.size;
  let cursor = state.due;
  let isCut = false;
  for (const record of offer.records) {
    const { atMs, offset } = record;
    const isPending = offset >= state.delayedFrom && offset < state.scanOffset;
    const waiting = state.window.get(offset);
    const needsRoom = isPending && waiting === undefined;
    if (atMs > nowMs || (needsRoom && room <= 0)) {
      isCut = true;
      break;
    }
    cursor = { atMs, offset };
    if (needsRoom) room -= 1;
    if (needsRoom || waiting?.state === 'delayed') taken.push(record);
  }
  if (!isCut && offer.to.atMs <= nowMs) cursor = offer.to;
  if (compareDue(cursor, state.due) <= 0) return [];
  const isLast = cursor === offer.to && offer.nextAtMs === null;
  return [dueChange(cursor, taken, { isKeyOrdered: config.isKeyOrdered, isLast })];
}

/** Collects the records of one scan. */
class Scan {
  readonly #offsets: Offset[] = [];
  readonly #keys: (number | null)[] = [];
  readonly #delayed: number[] = [];
  #pending = 0;

  constructor(
    readonly state: SharePartition,
    readonly isKeyOrdered: boolean,
    public room: number,
  ) {}

  /** Takes one record; false when there is no room for it. */
  take(offset: Offset, deliverAtMs: number | undefined, keyHash: number | null): boolean {
    const isPending =
      deliverAtMs !== undefined && compareDue({ atMs: deliverAtMs, offset }, this.state.due) > 0;
    // A delayed record of a key-ordered group holds its key back, so it waits in the window.
    if (isPending && !this.isKeyOrdered) {
      this.#pending += 1;
      return true;
    }
    if (this.room <= 0) return false;
    this.room -= 1;
    this.#offsets.push(offset);
    this.#keys.push(keyHash);
    if (isPending) this.#delayed.push(offset, deliverAtMs);
    return true;
  }

  change(to: Offset): ShareChange {
    return {
      kind: 'scanned',
      to,
      ranges: rangesOf(this.#offsets),
      ...(this.isKeyOrdered ? { keys: this.#keys } : {}),
      ...(this.#delayed.length > 0 ? { delayed: this.#delayed } : {}),
      ...(this.#pending > 0 ? { pending: this.#pending } : {}),
    };
  }
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

/** True when waiting records of the window are no longer in the log. */
function isTrimmed({ window }: SharePartition, logStartOffset: Offset): boolean {
  for (const { offset, state } of window.records) {
    if (offset >= logStartOffset) return false;
    if (state === 'available' || state === 'delayed') return true;
  }
  return false;
}
