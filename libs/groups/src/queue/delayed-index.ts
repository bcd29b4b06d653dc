/**
 * The delayed records of one partition by their time of delivery, at the partition's leader.
 *
 * It is built from the log when a queue group first asks, and reads on with every question. Memory
 * is bounded: of more than `recordsMax` pending records only the earliest are kept, up to the
 * *horizon*; when a group has come to the horizon the log is read again from the oldest pending
 * record on. A million delayed records are read once per `recordsMax` records that become due.
 *
 * Overlap: `list` calls may overlap; they are answered one after the other.
 */
import type { RecordBatch } from '#log';
import type { Offset } from '#protocol';
import { SerialQueue } from '#runtime';
import { DueEntries } from './due-entries.js';
import { hasQueueHeaders, queuedRecords } from './record-scan.js';
import { compareDue, type DueCursor } from './share-change.js';

/** Questions after which entries that no group has asked for lately are dropped. */
const QUESTIONS_PER_DROP = 64;
/** Bytes of the log that are read at once. */
const READ_BYTES = 1024 * 1024;

/** The partition that is indexed. */
export interface IndexedLog {
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  /** Batches from an offset on, below the high watermark; none at its end. */
  read(offset: Offset, maxBytes: number): Promise<readonly RecordBatch[]>;
}

export interface DueQuestion {
  /** The group's cursor. */
  readonly from: DueCursor;
  /** The group's oldest pending record cannot be below it. */
  readonly pendingFrom: Offset;
  /** Time up to which records are due, ms since 1970. */
  readonly untilMs: number;
  readonly recordsMax: number;
}

export interface DueAnswer {
  readonly from: DueCursor;
  /** The cursor that the list is complete up to. */
  readonly to: DueCursor;
  /** Delayed records that are due, in the order of their times. */
  readonly records: readonly DueCursor[];
  /** All records below it are in the index. */
  readonly indexedTo: Offset;
  /** Time of the next delayed record after `to`, ms since 1970; null when there is none. */
  readonly nextAtMs: number | null;
}

export class DelayedIndex {
  readonly #log: IndexedLog;
  readonly #recordsMax: number;
  readonly #queue = new SerialQueue();
  #entries = new DueEntries();
  /** The index has what the log has from here on; undefined before the first question. */
  #builtFrom: Offset | undefined;
  #builtTo: Offset = 0;
  /** Entries up to and including it were dropped. */
  #floor: DueCursor = { atMs: -1, offset: -1 };
  /** Entries after it were dropped; undefined when none were. */
  #horizon: DueCursor | undefined;
  #rebuildsTotal = 0;
  #questions = 0;
  /** Lowest cursors of the last questions, and of those before them. */
  #lowest: DueCursor | undefined;
  #lowestBefore: DueCursor | undefined;

  /** @param recordsMax entries that are kept */
  constructor(log: IndexedLog, recordsMax: number) {
    this.#log = log;
    this.#recordsMax = recordsMax;
  }

  /** Number of entries in memory. */
  get count(): number {
    return this.#entries.count;
  }

  /** Number of times that the log was read from its oldest pending record on. */
  get rebuildsTotal(): number {
    return this.#rebuildsTotal;
  }

  /** Lists delayed records that are due. @throws what reading the log throws */
  list(question: DueQuestion): Promise<DueAnswer> {
    return this.#queue.run(() => this.#list(question));
  }

  async #list({ from, pendingFrom, untilMs, recordsMax }: DueQuestion): Promise<DueAnswer> {
    if (this.#mustRebuild(from, pendingFrom)) this.#restart(from, pendingFrom);
    this.#dropPassed(from);
    await this.#readOn();
    const horizon = this.#horizon;
    const end: DueCursor = { atMs: untilMs, offset: Number.MAX_SAFE_INTEGER };
    const until = horizon !== undefined && compareDue(horizon, end) < 0 ? horizon : end;
    const records: DueCursor[] = [];
    let to = until;
    for (const entry of this.#entries.between(from, until)) {
      if (records.length === recordsMax) {
        to = records.at(-1) ?? from;
        break;
      }
      records.push(entry);
    }
    const next = this.#entries.firstAfter(to) ?? (to === horizon ? horizon : undefined);
    const nextAtMs = next?.atMs ?? null;
    return { from, to, records, indexedTo: this.#builtTo, nextAtMs };
  }

  #mustRebuild(from: DueCursor, pendingFrom: Offset): boolean {
    const horizon = this.#horizon;
    return (
      this.#builtFrom === undefined ||
      Math.max(pendingFrom, this.#log.logStartOffset) < this.#builtFrom ||
      compareDue(from, this.#floor) < 0 ||
      (horizon !== undefined && compareDue(from, horizon) >= 0)
    );
  }

  #restart(floor: DueCursor, pendingFrom: Offset): void {
    this.#rebuildsTotal += 1;
    this.#entries = new DueEntries();
    this.#builtFrom = Math.max(pendingFrom, this.#log.logStartOffset);
    this.#builtTo = this.#builtFrom;
    this.#floor = floor;
    this.#horizon = undefined;
  }

  /** Drops entries that all groups have passed. A group that has not asked lately rebuilds. */
  #dropPassed(from: DueCursor): void {
    this.#lowest = lower(this.#lowest, from);
    this.#questions += 1;
    if (this.#questions % QUESTIONS_PER_DROP !== 0) return;
    const floor = lower(this.#lowestBefore, this.#lowest);
    this.#lowestBefore = this.#lowest;
    this.#lowest = undefined;
    if (compareDue(floor, this.#floor) <= 0) return;
    this.#floor = floor;
    this.#entries.dropTo(floor);
  }

  async #readOn(): Promise<void> {
    const { logStartOffset, highWatermark } = this.#log;
    this.#builtTo = Math.max(this.#builtTo, logStartOffset);
    while (this.#builtTo < highWatermark) {
      const batches = await this.#log.read(this.#builtTo, READ_BYTES);
      if (batches.length === 0) return;
      for (const batch of batches) this.#take(batch);
      if (this.#entries.count > 2 * this.#recordsMax) this.#bound();
    }
    this.#bound();
  }

  #take(batch: RecordBatch): void {
    const from = this.#builtTo;
    this.#builtTo = Math.max(from, batch.nextOffset);
    if (batch.isControl || !hasQueueHeaders(batch)) return;
    for (const { offset, deliverAtMs } of queuedRecords(batch)) {
      if (deliverAtMs === undefined || offset < from) continue;
      const entry = { atMs: deliverAtMs, offset };
      const isWithin = this.#horizon === undefined || compareDue(entry, this.#horizon) <= 0;
      if (isWithin && compareDue(entry, this.#floor) > 0) this.#entries.add(entry);
    }
  }

  #bound(): void {
    this.#horizon = this.#entries.keepEarliest(this.#recordsMax) ?? this.#horizon;
  }
}

function lower(left: DueCursor | undefined, right: DueCursor): DueCursor {
  return left === undefined || compareDue(right, left) < 0 ? right : left;
}
