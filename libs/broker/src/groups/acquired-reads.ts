/**
 * Reads the records that a queue member got. They may be single records all over the log, as
 * delayed ones are, or long runs: one read has about as many bytes as its records need.
 */
import type { PartitionAck, PartitionAcquisition } from '#groups';
import { type RecordBatch, RecordCursor } from '#log';
import type { LeaderEpoch, Offset } from '#protocol';
import type { QueueRead } from './groups.js';

/** Bytes of a record before one was read. */
const RECORD_BYTES_AT_FIRST = 1024;
/** Offsets per record up to which runs are read at once, with what lies between them. */
const SPREAD_MAX = 4;

/** Batches that were read, and the state of their partition. */
export interface ReadBatches {
  readonly batches: readonly RecordBatch[];
  readonly highWatermark: Offset;
  /** Null when the offset is not in the log. */
  readonly leaderEpoch: LeaderEpoch | null;
}

/** Reads batches from an offset on; undefined when they cannot be read now. */
type Read = (
  place: { readonly topic: string; readonly partition: number },
  offset: Offset,
  maxBytes: number,
) => Promise<ReadBatches | undefined>;

export interface AcquiredRecords {
  readonly found: QueueRead[];
  /**
   * Acks for records that the member does not get: those that do not fit or cannot be read now go
   * back, those that are no longer in the log are done.
   */
  readonly acks: PartitionAck[];
  /** Bytes of the records that were found. */
  readonly sizeBytes: number;
}

/** Reads records up to a number of bytes; the first record always fits. */
export async function readAcquired(
  acquired: readonly PartitionAcquisition[],
  maxBytes: number,
  read: Read,
): Promise<AcquiredRecords> {
  const records: FoundRecords = { found: [], acks: [] };
  const budget = { leftBytes: maxBytes, isFirst: true };
  for (const acquisition of acquired) {
    await readPartition(acquisition, budget, read, records);
  }
  return { ...records, sizeBytes: maxBytes - budget.leftBytes };
}

type FoundRecords = Pick<AcquiredRecords, 'found' | 'acks'>;

interface Budget {
  leftBytes: number;
  isFirst: boolean;
}

async function readPartition(
  { topic, topicId, partition, runs }: PartitionAcquisition,
  budget: Budget,
  read: Read,
  { found, acks }: FoundRecords,
): Promise<void> {
  const place = { topic, topicId, partition };
  let known: ReadBatches = { batches: [], highWatermark: 0, leaderEpoch: null };
  let recordBytes = RECORD_BYTES_AT_FIRST;
  for (const [at, { first, last, deliveryCount }] of runs.entries()) {
    let offset = first;
    while (offset <= last && budget.leftBytes > 0) {
      if (!areAround(known.batches, offset)) {
        const wantedBytes = recordBytes * recordsWanted(runs.slice(at), offset);
        const next = await read(place, offset, Math.min(wantedBytes, budget.leftBytes));
        if (next === undefined) break;
        known = next;
        recordBytes = meanRecordBytes(next.batches) ?? recordBytes;
      }
      const { batches, highWatermark, leaderEpoch } = known;
      const part = takeRecords(batches, { first: offset, last }, budget);
      const [start] = part.records;
      if (start !== undefined) {
        const records = part.records.map((each) => ({ offset: each, deliveryCount }));
        const around = batches.filter(
          (batch) => batch.nextOffset > start && batch.baseOffset < part.next,
        );
        const one = { topic, partition, highWatermark, leaderEpoch, batches: around, records };
        found.push(one);
      }
      for (const gone of part.gone) acks.push({ ...place, offset: gone, type: 'ack' });
      offset = part.next;
    }
    for (; offset <= last; offset += 1) acks.push({ ...place, offset, type: 'giveBack' });
  }
}

/** True when an offset is within batches that were read. */
function areAround(batches: readonly RecordBatch[], offset: Offset): boolean {
  const [first] = batches;
  const last = batches.at(-1);
  return first !== undefined && last !== undefined
    ? offset >= first.baseOffset && offset < last.nextOffset
    : false;
}

/** Number of records to read at once: those of the first run, and of further ones nearby. */
function recordsWanted(
  runs: readonly { readonly first: Offset; readonly last: Offset }[],
  offset: Offset,
): number {
  let span = 0;
  let count = 0;
  for (const { first, last } of runs) {
    count += last - Math.max(first, offset) + 1;
    if (last - offset + 1 > SPREAD_MAX * count) break;
    span = last - offset + 1;
  }
  return span;
}

function meanRecordBytes(batches: readonly RecordBatch[]): number | undefined {
  let bytes = 0;
  let records = 0;
  for (const { sizeBytes, recordCount } of batches) {
    bytes += sizeBytes;
    records += recordCount;
  }
  return records === 0 ? undefined : Math.ceil(bytes / records);
}

/** The records from `first` to `last` that are in the batches, within the bytes that are left. */
function takeRecords(
  batches: readonly RecordBatch[],
  { first, last }: { readonly first: Offset; readonly last: Offset },
  budget: Budget,
): { readonly records: Offset[]; readonly gone: Offset[]; readonly next: Offset } {
  const records: Offset[] = [];
  const gone: Offset[] = [];
  let next = first;
  const passTo = (offset: Offset): void => {
    for (; next < offset && next <= last; next += 1) gone.push(next);
  };
  for (const batch of batches) {
    if (next > last) break;
    if (batch.nextOffset <= next) continue;
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
  // An answer without batches means that the log begins after the records.
  if (batches.length === 0) passTo(last + 1);
  return { records, gone, next };
}
