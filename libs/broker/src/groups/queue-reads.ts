/**
 * Reads of queue members at this broker: it looks for new records behind the scan offset of each
 * partition and for delayed ones that are due, and reads the records that a member gets.
 *
 * Overlap: calls may overlap; each index of delayed records answers one question after the other.
 */
import {
  DelayedIndex,
  type IndexedLog,
  type PartitionAck,
  type PartitionAcquisition,
  type PartitionOffer,
  type QueuePollAnswer,
  recordOffer,
} from '#groups';
import { type RecordBatch, RecordCursor } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import type { Clock } from '#runtime';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { QueueRead } from './groups.js';

/** Partitions looked at for one poll; the next poll begins with others. */
const PARTITIONS_PER_POLL = 16;
/** Indexes of delayed records that are kept; the one that was not used for longest goes first. */
const INDEXES_MAX = 64;

/** Delayed records of one partition that are kept in memory, 16 bytes each. */
const DELAYED_RECORDS_MAX = 200_000;

type PartitionToRead = QueuePollAnswer['reads'][number];

interface QueueReadsOptions {
  readonly fetch: (request: FetchRequest) => Promise<FetchResult>;
  readonly clock: Clock;
}

/** Records for the coordinator, and the time at which the next delayed one is due. */
interface FoundRecords {
  readonly offers: readonly PartitionOffer[];
  /** Wall clock, ms; null when none is known. */
  readonly nextAtMs: number | null;
}

export class QueueReads {
  readonly #options: QueueReadsOptions;
  /** Indexes by topic id and partition, the one used last at the end. */
  readonly #indexes = new Map<string, { readonly log: FetchedLog; readonly index: DelayedIndex }>();

  constructor(options: QueueReadsOptions) {
    this.#options = options;
  }

  /** Number of delayed records in memory. */
  get delayedCount(): number {
    let count = 0;
    for (const { index } of this.#indexes.values()) count += index.count;
    return count;
  }

  /** Looks for records in the partitions that have room for them. */
  async find(
    group: string,
    { reads, isKeyOrdered }: QueuePollAnswer,
    { maxBytes }: { readonly maxBytes: number },
  ): Promise<FoundRecords> {
    const looked = reads.filter(({ room }) => room > 0).slice(0, PARTITIONS_PER_POLL);
    const found = await Promise.all(
      looked.map((read) => this.#findIn(read, { group, isKeyOrdered, maxBytes })),
    );
    const times = found.flatMap(({ nextAtMs }) => (nextAtMs === null ? [] : [nextAtMs]));
    return {
      offers: found.flatMap(({ offer }) => (offer === undefined ? [] : [offer])),
      nextAtMs: times.length === 0 ? null : Math.min(...times),
    };
  }

  /**
   * Reads the records that a member got, up to a number of bytes; the first record always fits.
   * @returns also acks for records that the member does not get: those that do not fit or cannot
   *   be read now go back, those that are no longer in the log are done
   */
  async read(
    acquired: readonly PartitionAcquisition[],
    maxBytes: number,
  ): Promise<{ readonly found: QueueRead[]; readonly acks: PartitionAck[] }> {
    const found: QueueRead[] = [];
    const acks: PartitionAck[] = [];
    const budget = { leftBytes: maxBytes, isFirst: true };
    for (const acquisition of acquired) {
      const { topic, topicId, partition, runs } = acquisition;
      const place = { topic, topicId, partition };
      for (const { first, last, deliveryCount } of runs) {
        let offset = first;
        while (offset <= last && budget.leftBytes > 0) {
          const batches = await this.#batchesFrom(place, offset, budget.leftBytes);
          if (batches === undefined) break;
          const part = takeRecords(batches, { first: offset, last }, budget);
          if (part.records.length > 0) {
            const records = part.records.map((one) => ({ offset: one, deliveryCount }));
            found.push({ topic, partition, batches, records });
          }
          for (const gone of part.gone) acks.push({ ...place, offset: gone, type: 'ack' });
          offset = part.next;
        }
        for (; offset <= last; offset += 1) acks.push({ ...place, offset, type: 'giveBack' });
      }
    }
    return { found, acks };
  }

  async #findIn(
    read: PartitionToRead,
    wanted: { readonly group: string; readonly isKeyOrdered: boolean; readonly maxBytes: number },
  ): Promise<{ readonly offer: PartitionOffer | undefined; readonly nextAtMs: number | null }> {
    const { topic, topicId, partition, scanOffset } = read;
    const place = { topic, topicId, partition };
    const result = await this.#tryFetch(place, scanOffset, wanted.maxBytes);
    if (result === undefined) return { offer: undefined, nextAtMs: null };
    const { batches, logStartOffset, highWatermark } = result;
    const from = Math.max(scanOffset, logStartOffset);
    const to = batches.at(-1)?.nextOffset ?? from;
    const isNew = to > scanOffset;
    const part = { from, to, logStartOffset, batches };
    const records = isNew ? recordOffer(part, wanted.group, wanted.isKeyOrdered) : null;
    const due = read.hasPending ? await this.#due(read, logStartOffset, highWatermark) : undefined;
    const isDue = due !== undefined && (due.records.length > 0 || due.nextAtMs === null);
    const offer = { ...place, records, due: isDue ? due : null };
    const isEmpty = records === null && !isDue;
    return { offer: isEmpty ? undefined : offer, nextAtMs: due?.nextAtMs ?? null };
  }

  async #due(read: PartitionToRead, logStartOffset: Offset, highWatermark: Offset) {
    const { log, index } = this.#indexOf(read);
    log.logStartOffset = logStartOffset;
    log.highWatermark = Math.max(log.highWatermark, highWatermark);
    try {
      return await index.list({
        from: read.due,
        pendingFrom: read.pendingFrom,
        untilMs: this.#options.clock.nowMs(),
        recordsMax: read.room,
      });
    } catch {
      // The leader does not answer: the next poll asks again.
      return undefined;
    }
  }

  #indexOf({ topic, topicId, partition }: PartitionToRead) {
    const key = `${topicId} ${partition}`;
    let entry = this.#indexes.get(key);
    this.#indexes.delete(key);
    if (entry === undefined) {
      const log = new FetchedLog({ topic, partition }, this.#options.fetch);
      entry = { log, index: new DelayedIndex(log, DELAYED_RECORDS_MAX) };
    }
    this.#indexes.set(key, entry);
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size <= INDEXES_MAX) break;
      this.#indexes.delete(oldest);
    }
    return entry;
  }

  async #batchesFrom(
    place: { readonly topic: string; readonly partition: number },
    offset: Offset,
    maxBytes: number,
  ): Promise<readonly RecordBatch[] | undefined> {
    const result = await this.#tryFetch(place, offset, maxBytes);
    if (result === undefined) return undefined;
    return offset < result.logStartOffset || result.batches.length > 0 ? result.batches : undefined;
  }

  /** Undefined when the leader cannot answer now: the other partitions are served. */
  async #tryFetch(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    offset: Offset,
    maxBytes: number,
  ): Promise<Pick<FetchResult, 'batches' | 'logStartOffset' | 'highWatermark'> | undefined> {
    try {
      const request = { topic, partition, offset, maxBytes, minBytes: 1, waitMs: 0 };
      return await this.#options.fetch(request);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'OFFSET_OUT_OF_RANGE') {
        return undefined;
      }
      const { logStartOffset, highWatermark } = error.members;
      if (typeof logStartOffset !== 'number' || typeof highWatermark !== 'number') return undefined;
      return { batches: [], logStartOffset, highWatermark };
    }
  }
}

/** A partition as an index of delayed records reads it. */
class FetchedLog implements IndexedLog {
  logStartOffset: Offset = 0;
  highWatermark: Offset = 0;
  readonly #place: { readonly topic: string; readonly partition: number };
  readonly #fetch: QueueReadsOptions['fetch'];

  constructor(
    place: { readonly topic: string; readonly partition: number },
    fetch: QueueReadsOptions['fetch'],
  ) {
    this.#place = place;
    this.#fetch = fetch;
  }

  async read(offset: Offset, maxBytes: number): Promise<readonly RecordBatch[]> {
    const request = { ...this.#place, offset, maxBytes, minBytes: 1, waitMs: 0 };
    return (await this.#fetch(request)).batches;
  }
}

/** The records from `first` to `last` that are in the batches, within the bytes that are left. */
function takeRecords(
  batches: readonly RecordBatch[],
  { first, last }: { readonly first: Offset; readonly last: Offset },
  budget: { leftBytes: number; isFirst: boolean },
): { readonly records: Offset[]; readonly gone: Offset[]; readonly next: Offset } {
  const records: Offset[] = [];
  const gone: Offset[] = [];
  let next = first;
  const passTo = (offset: Offset): void => {
    for (; next < offset && next <= last; next += 1) gone.push(next);
  };
  for (const batch of batches) {
    if (next > last) break;
    const cursor = new RecordCursor(batch);
    while (cursor.next()) {
      const { offset, sizeBytes } = cursor;
      if (offset < next) continue;
      if (offset > last) break;
      if (sizeBytes > budget.leftBytes && !budget.isFirst) {
        budget.leftBytes = 0;
        return { records, gone, next: offset };
      }
      passTo(offset);
      records.push(offset);
      next = offset + 1;
      budget.leftBytes -= sizeBytes;
      budget.isFirst = false;
    }
    passTo(batch.nextOffset);
  }
  // An answer without batches means that the log begins behind the records.
  if (batches.length === 0) passTo(last + 1);
  return { records, gone, next };
}
