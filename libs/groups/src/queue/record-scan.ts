/**
 * Reads record batches for queue groups: which records there are, which of them are delayed, and
 * their keys.
 *
 * Most batches have none of the headers that queues use. A search for the bytes of the header names
 * finds them, and their records are not parsed.
 */
import { deliverAtOf, mayHaveDelays, type RecordBatch, RecordCursor, VarintReader } from '#log';
import type { LeaderEpoch, Offset } from '#protocol';
import type { RecordOffer } from './offer-records.js';
import { rangesOf } from './offset-ranges.js';

/** Header of a record that was redriven from a group's dead letters: only that group gets it. */
export const REDRIVE_GROUP_HEADER = 'sluice.redrive.group';

const REDRIVE_GROUP_BYTES = Buffer.from(REDRIVE_GROUP_HEADER);

/** A record as queues see it. */
export interface QueuedRecord {
  readonly offset: Offset;
  /** Milliseconds since the epoch; undefined for a record that is not delayed. */
  readonly deliverAtMs: number | undefined;
  /** Hash of the key; null without one. */
  readonly keyHash: number | null;
  /** The group that the record was redriven for; undefined for all groups. */
  readonly redriveGroup: string | undefined;
}

/** A part of a partition, read from `from` on. */
export interface ReadPart {
  readonly from: Offset;
  /** Offset after the last one that was read. */
  readonly to: Offset;
  readonly logStartOffset: Offset;
  /** Epoch of the leader from which it was read; null when nothing was read. */
  readonly leaderEpoch: LeaderEpoch | null;
  readonly batches: readonly RecordBatch[];
}

/** The records of a part as an offer to a group. */
export function recordOffer(
  { from, to, logStartOffset, leaderEpoch, batches }: ReadPart,
  group: string,
  isKeyOrdered: boolean,
): RecordOffer {
  const offsets: Offset[] = [];
  const keys: (number | null)[] = [];
  const delayed: number[] = [];
  const epochs: number[] = [];
  for (const batch of batches) {
    if (batch.isControl) continue;
    if (batch.leaderEpoch !== epochs.at(-1)) epochs.push(batch.baseOffset, batch.leaderEpoch);
    if (!isKeyOrdered && isDense(batch) && !hasQueueHeaders(batch)) {
      addOffsetsOf(batch, from, to, offsets);
      continue;
    }
    for (const record of queuedRecords(batch)) {
      if (record.offset < from || record.offset >= to || !isFor(group, record)) continue;
      offsets.push(record.offset);
      keys.push(record.keyHash);
      if (record.deliverAtMs !== undefined) delayed.push(record.offset, record.deliverAtMs);
    }
  }
  const ranges = rangesOf(offsets);
  const read = { from, to, logStartOffset, ...(leaderEpoch === null ? {} : { leaderEpoch }) };
  return { ...read, ranges, delayed, epochs, ...(isKeyOrdered ? { keys } : {}) };
}

/** Adds the offsets of a dense batch that lie in [from, to). */
function addOffsetsOf(batch: RecordBatch, from: Offset, to: Offset, offsets: Offset[]): void {
  const end = Math.min(batch.nextOffset, to);
  for (let offset = Math.max(batch.baseOffset, from); offset < end; offset += 1) {
    offsets.push(offset);
  }
}

function isFor(group: string, { redriveGroup }: QueuedRecord): boolean {
  return redriveGroup === undefined || redriveGroup === group;
}

/** True when a record of the batch may have a header that queues use. */
function hasQueueHeaders(batch: RecordBatch): boolean {
  return mayHaveDelays(batch) || batch.bytes.includes(REDRIVE_GROUP_BYTES);
}

/** All records of a batch. @throws ProtocolError CORRUPT_MESSAGE */
export function* queuedRecords(batch: RecordBatch): Iterable<QueuedRecord> {
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const { bytes, offset, keyStart, keyEnd } = cursor;
    const keyHash = keyStart < 0 ? null : hashOf(bytes, keyStart, keyEnd);
    const deliverAtMs = deliverAtOf(cursor);
    yield { offset, deliverAtMs, keyHash, redriveGroup: redriveGroupOf(cursor) };
  }
}

/** True when the batch has a record at every offset. */
function isDense(batch: RecordBatch): boolean {
  return batch.recordCount === batch.lastOffsetDelta + 1;
}

function redriveGroupOf(record: RecordCursor): string | undefined {
  const { bytes, headersStart, headersEnd, headerCount } = record;
  let redriveGroup: string | undefined;
  const reader = new VarintReader(bytes, headersStart, headersEnd);
  for (let index = 0; index < headerCount; index += 1) {
    const name = nextText(reader, bytes);
    const value = nextText(reader, bytes);
    if (name === REDRIVE_GROUP_HEADER) redriveGroup = value;
  }
  return redriveGroup;
}

function nextText(reader: VarintReader, bytes: Buffer): string {
  const length = Math.max(0, reader.readVarint());
  const start = reader.position;
  reader.position = start + length;
  return bytes.toString('utf8', start, start + length);
}

/**
 * FNV-1a, but never 0, which means "no key" in the index of delayed records. Two keys with the same
 * hash wait for each other without need; no record is lost.
 */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) {
    hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  }
  return hash >>> 0 || 1;
}
