import { ProtocolError } from '#protocol';
import type { Random } from '#runtime';
import type { Log } from '../log.js';
import { damagedEndOffset } from '../record-batch/damage.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import { type ObservedLog, type ObservedRecord, violated } from './history-model.js';
import { readRecords } from './record-sets.js';

const READS = 6;
const TIMES = 6;

/** Reads a whole log, from its start to its end. */
export async function observeLog(log: Log, nowMs: number): Promise<ObservedLog> {
  const { logStart: logStartOffset, logEnd: logEndOffset, highWatermark } = log.offsets;
  const { compactedEndOffset } = log;
  const records: ObservedRecord[] = [];
  const damaged: { from: number; to: number }[] = [];
  let offset: number = logStartOffset;
  while (offset < logEndOffset) {
    try {
      const batches = await log.reader.read(offset, 4096, logEndOffset);
      const last = batches.at(-1);
      if (last === undefined) break;
      const from = offset;
      records.push(...recordsOf(batches).filter((record) => record.offset >= from));
      offset = last.nextOffset;
    } catch (error) {
      const to = damagedEndOffset(error);
      if (to === undefined || to <= offset) throw error;
      damaged.push({ from: offset, to });
      offset = to;
    }
  }
  return {
    nowMs,
    logStart: logStartOffset,
    logEnd: logEndOffset,
    highWatermark,
    compactedEnd: compactedEndOffset,
    records,
    damaged,
  };
}

/**
 * Reads from some offsets, with some sizes, up to some ends: each must return the records that were
 * seen there.
 */
export async function checkReads(log: Log, seen: ObservedLog, random: Random): Promise<void> {
  if (seen.damaged.length > 0) return;
  for (let read = 0; read < READS; read += 1) {
    const offset = seen.logStart + random.below(seen.logEnd - seen.logStart + 1);
    const end = random.below(2) === 0 ? seen.logEnd : seen.highWatermark;
    const maxBytes = 1 + random.below(3000);
    const batches = await log.reader.read(offset, maxBytes, end);
    const actual = recordsOf(batches).filter((record) => record.offset >= offset);
    const recordsMax = 1 + (read % 4);
    const few = recordsOf(await log.reader.read(offset, maxBytes, end, recordsMax));
    checkFew(
      few.filter((record) => record.offset >= offset),
      actual.slice(0, recordsMax),
    );
    const expected = seen.records.filter((record) => {
      return record.offset >= offset && record.offset < end;
    });
    // An answer may be empty of records only when it has emptied batches in it.
    const isShort = batches.length === 0 && expected.length > 0;
    const isPrefix = actual.every((record, i) => record.offset === expected[i]?.offset);
    if (isShort || !isPrefix) {
      const offsets = actual.map((record) => record.offset);
      violated(`a read from ${offset} to ${end} gave the offsets ${offsets.join(' ')}`);
    }
    const { leaderEpoch } = actual[0] ?? {};
    if (
      leaderEpoch !== undefined &&
      log.leadership.epochAt(actual[0]?.offset ?? 0) !== leaderEpoch
    ) {
      violated(`offset ${actual[0]?.offset} was written in epoch ${leaderEpoch}`);
    }
  }
}

/** A read of a few records must return at least these, first of all. */
function checkFew(few: readonly ObservedRecord[], wanted: readonly ObservedRecord[]): void {
  const missing = wanted.find((record, i) => record.offset !== few[i]?.offset);
  if (missing !== undefined) {
    violated(
      `a read of ${wanted.length} records did not have offset ${missing.offset} in its place`,
    );
  }
}

/** Looks records up by time: each look-up must find the first that is not older. */
export async function checkTimes(log: Log, seen: ObservedLog, random: Random): Promise<void> {
  if (seen.damaged.length > 0 || seen.records.length === 0) return;
  const end = seen.highWatermark;
  for (let attempt = 0; attempt < TIMES; attempt += 1) {
    const near = seen.records[random.below(seen.records.length)]?.timestamp ?? 0;
    const timestampMs = near - 1 + random.below(3);
    const expected = seen.records.find((record) => {
      return record.timestamp >= timestampMs && record.offset < end;
    });
    const found = await log.reader.offsetForTimestamp(timestampMs, end);
    if (found?.offset !== expected?.offset) {
      violated(`time ${timestampMs} is at offset ${expected?.offset}, not at ${found?.offset}`);
    }
  }
}

/** True when an error is one that a disk, full or failing, may cause. */
export function isStorageError(error: unknown): boolean {
  if (error instanceof ProtocolError) return error.code === 'KAFKA_STORAGE_ERROR';
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EIO';
}

function recordsOf(batches: readonly RecordBatch[]): ObservedRecord[] {
  return batches.flatMap((batch) => {
    return readRecords(batch).map((record) => ({ ...record, leaderEpoch: batch.leaderEpoch }));
  });
}
