import type { TopicConfig } from '#protocol';
import type { BatchProducer } from '../record-batch/record-batch.js';
import type { PlainRecord, ReadRecord } from './record-sets.js';

/**
 * State of a batch that a history has appended:
 * - `pending` it was not answered yet
 * - `acknowledged` it was answered, or seen below the high watermark: it must stay
 * - `unknown` it was answered so, or the broker crashed meanwhile: it is in the log completely, or
 *   not at all
 * - `failed` it must never be seen
 * - `gone` it was truncated, or was not in the log at a check: it must not come back
 */
type Fate = 'pending' | 'acknowledged' | 'unknown' | 'failed' | 'gone';

/** One batch; its records' first header is their name, `<id>.<index>`. */
export interface HistoryBatch {
  readonly id: number;
  readonly records: readonly PlainRecord[];
  readonly producer: BatchProducer | undefined;
  /** Leader epochs of all attempts to append it: it has that of the attempt that was written. */
  readonly leaderEpochs: Set<number>;
  fate: Fate;
  /** Offset of its first record, once known. */
  baseOffset: number | undefined;
}

/** A record as the log gave it. */
export interface ObservedRecord extends ReadRecord {
  readonly leaderEpoch: number;
}

/** The content of a log while nothing was in progress. */
export interface ObservedLog {
  readonly nowMs: number;
  readonly logStart: number;
  readonly logEnd: number;
  readonly highWatermark: number;
  /** Compaction may have left gaps below it. */
  readonly compactedEnd: number;
  /** Records from `logStart` on, in order. */
  readonly records: readonly ObservedRecord[];
  /** Offsets [from, to) that cannot be read. */
  readonly damaged: readonly { readonly from: number; readonly to: number }[];
}

interface LastOfKey {
  readonly offset: number;
  readonly timestamp: number;
  readonly isTombstone: boolean;
}

/** Greatest distance of a record's timestamp ahead of the time of its append, ms. */
export const CLOCK_SKEW_MS = 300;

/** The log violated a rule of the model. */
class HistoryViolation extends Error {
  override readonly name = 'HistoryViolation';
}

export function violated(what: string): never {
  throw new HistoryViolation(what);
}

/**
 * All calls to a log and its answers, which it is checked against: nothing acknowledged is lost,
 * nothing failed is seen, no batch is stored twice, offsets are dense, compaction retains the last
 * record of each key.
 */
export class HistoryModel {
  readonly batches: HistoryBatch[] = [];
  /** Records below it were deleted durably. */
  logStart = 0;

  readonly #isCompacted: boolean;
  readonly #deleteRetentionMs: number;

  constructor(config: Pick<TopicConfig, 'cleanup.policy' | 'delete.retention.ms'>) {
    this.#isCompacted = config['cleanup.policy'].includes('compact');
    this.#deleteRetentionMs = config['delete.retention.ms'];
  }

  add(records: readonly PlainRecord[], producer?: BatchProducer): HistoryBatch {
    const id = this.batches.length;
    const batch: HistoryBatch = {
      id,
      records: records.map((record, index) => {
        return { ...record, headers: [['name', `${id}.${index}`]] };
      }),
      producer,
      leaderEpochs: new Set(),
      fate: 'pending',
      baseOffset: undefined,
    };
    this.batches.push(batch);
    return batch;
  }

  /** Records that the log acknowledged the batch at `baseOffset`. */
  acknowledge(batch: HistoryBatch, baseOffset: number): void {
    if (batch.baseOffset !== undefined && batch.baseOffset !== baseOffset) {
      violated(`batch ${batch.id} was answered ${baseOffset} and stands at ${batch.baseOffset}`);
    }
    batch.baseOffset = baseOffset;
    batch.fate = 'acknowledged';
  }

  /**
   * Records a truncation at `offset`: the records from there on are gone, or may be when it was not
   * answered.
   */
  truncate(offset: number, isAnswered: boolean): void {
    for (const batch of this.batches) {
      const end = (batch.baseOffset ?? -1) + batch.records.length;
      if (batch.baseOffset === undefined || end <= offset) continue;
      if (batch.fate === 'failed' || batch.fate === 'gone') continue;
      batch.fate = isAnswered ? 'gone' : 'unknown';
    }
  }

  /** Checks a log's content; learns from it which unknown batches are in the log. */
  check(seen: ObservedLog): void {
    if (seen.logStart < this.logStart) {
      violated(`the log starts at ${seen.logStart} and was shortened to ${this.logStart}`);
    }
    const places = new Map<number, ObservedRecord>();
    for (const record of seen.records) {
      this.#checkRecord(record);
      places.set(record.offset, record);
    }
    this.#checkNothingLost(seen, places);
    this.#checkDense(seen, places);
    if (this.#isCompacted) this.#checkKeys(seen, places);
    this.#settleUnknown(seen, places);
  }

  /** The record is one that was appended, there and only there. */
  #checkRecord(seen: ObservedRecord): void {
    const [batch, index] = this.#sourceOf(seen);
    if (batch.fate === 'failed' || batch.fate === 'gone') {
      violated(`batch ${batch.id} is ${batch.fate} and is seen at offset ${seen.offset}`);
    }
    batch.baseOffset ??= seen.offset - index;
    if (batch.baseOffset + index !== seen.offset) {
      const expected = batch.baseOffset + index;
      violated(`record ${index} of batch ${batch.id} is at ${seen.offset}, not at ${expected}`);
    }
    if (!batch.leaderEpochs.has(seen.leaderEpoch)) {
      violated(`offset ${seen.offset} was never written in leader epoch ${seen.leaderEpoch}`);
    }
  }

  #sourceOf(seen: ObservedRecord): [HistoryBatch, number] {
    const [id = -1, index = -1] = (seen.headers[0]?.[1] ?? '').split('.').map(Number);
    const batch = this.batches[id];
    const record = batch?.records[index];
    const isWhole =
      record !== undefined &&
      record.key === seen.key &&
      record.value === seen.value &&
      record.timestamp === seen.timestamp;
    if (batch !== undefined && isWhole) return [batch, index];
    return violated(`offset ${seen.offset} has what was never appended: ${JSON.stringify(seen)}`);
  }

  #checkNothingLost(seen: ObservedLog, places: ReadonlyMap<number, ObservedRecord>): void {
    for (const { id, fate, baseOffset, records } of this.batches) {
      if (fate !== 'acknowledged' || baseOffset === undefined) continue;
      for (let index = 0; index < records.length; index += 1) {
        const offset = baseOffset + index;
        if (offset < seen.logStart || places.has(offset)) continue;
        if (this.#isCompacted && offset < seen.compactedEnd) continue;
        violated(`offset ${offset} of batch ${id} was acknowledged and is lost`);
      }
    }
  }

  #checkDense(seen: ObservedLog, places: ReadonlyMap<number, ObservedRecord>): void {
    const from = Math.max(seen.logStart, this.#isCompacted ? seen.compactedEnd : 0);
    for (let offset = from; offset < seen.logEnd; offset += 1) {
      if (!places.has(offset) && !isDamaged(seen, offset)) violated(`offset ${offset} is missing`);
    }
    const last = seen.records.at(-1)?.offset ?? -1;
    if (last >= seen.logEnd) violated(`offset ${last} is beyond the log end, ${seen.logEnd}`);
  }

  /** The last record of each key is there; after a tombstone that went no older one is. */
  #checkKeys(seen: ObservedLog, places: ReadonlyMap<number, ObservedRecord>): void {
    for (const [key, last] of this.#lastOfKeys(seen, places)) {
      const kept = seen.records.findLast((record) => record.key === key)?.offset;
      if (kept === last.offset || isDamaged(seen, last.offset)) continue;
      const ageMs = seen.nowMs - last.timestamp + CLOCK_SKEW_MS;
      if (!last.isTombstone || ageMs < this.#deleteRetentionMs) {
        violated(`the last record of key ${key}, ${last.offset}, is gone`);
      }
      if (kept !== undefined) {
        violated(`key ${key} was deleted at ${last.offset} and is still seen at ${kept}`);
      }
    }
  }

  #lastOfKeys(
    seen: ObservedLog,
    places: ReadonlyMap<number, ObservedRecord>,
  ): Map<string, LastOfKey> {
    const lastOfKeys = new Map<string, LastOfKey>();
    for (const { id, fate, baseOffset, records } of this.batches) {
      if (baseOffset === undefined || fate === 'failed' || fate === 'gone') continue;
      for (const [index, { key, value, timestamp = 0 }] of records.entries()) {
        const offset = baseOffset + index;
        if (fate !== 'acknowledged' && !isNamed(places.get(offset), id, index)) continue;
        if (offset < seen.logStart || offset >= seen.logEnd || typeof key !== 'string') continue;
        if (offset < (lastOfKeys.get(key)?.offset ?? 0)) continue;
        lastOfKeys.set(key, { offset, timestamp, isTombstone: value === null });
      }
    }
    return lastOfKeys;
  }

  /** Below the high watermark a seen record must stay, and no further record may appear. */
  #settleUnknown(seen: ObservedLog, places: ReadonlyMap<number, ObservedRecord>): void {
    for (const batch of this.batches) {
      if (batch.fate !== 'unknown') continue;
      const { id, baseOffset, records } = batch;
      const isSeen =
        baseOffset !== undefined &&
        records.some((_, index) => isNamed(places.get(baseOffset + index), id, index));
      if (isSeen) {
        if (baseOffset + records.length <= seen.highWatermark) batch.fate = 'acknowledged';
      } else if (this.#isCompacted && baseOffset !== undefined && baseOffset < seen.compactedEnd) {
        // Compaction may have removed all its records.
      } else if (baseOffset === undefined || baseOffset >= seen.logStart) {
        batch.baseOffset = undefined;
        // A record of a producer may appear again: the history sends it once more.
        if (batch.producer === undefined) batch.fate = 'gone';
      }
    }
  }
}

/** True when this is that record of that batch. */
function isNamed(seen: ObservedRecord | undefined, id: number, index: number): boolean {
  return seen?.headers[0]?.[1] === `${id}.${index}`;
}

function isDamaged(seen: ObservedLog, offset: number): boolean {
  return seen.damaged.some((range) => range.from <= offset && offset < range.to);
}
