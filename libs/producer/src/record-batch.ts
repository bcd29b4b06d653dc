import type { PendingRecord, RecordBatch } from './pending-record.js';

export function recordBatch(entries: readonly PendingRecord[]): RecordBatch {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += entry.sizeBytes;
  const batch: RecordBatch = {
    entries,
    sizeBytes,
    baseSequence: undefined,
    attempts: 0,
    request: undefined,
    isMaybeWritten: false,
    isHalf: false,
    isSentFirst: false,
    isBehind: false,
    idsRefused: 0,
    lastError: undefined,
  };
  for (const entry of entries) entry.batch = batch;
  return batch;
}

/**
 * The halves of a batch that is too large for its topic. Together they have its sequences, so that
 * the later batches keep theirs.
 */
export function halvesOf(whole: RecordBatch): readonly RecordBatch[] {
  const { entries, baseSequence, isMaybeWritten } = whole;
  const middle = entries.length >> 1;
  const first = recordBatch(entries.slice(0, middle));
  const second = recordBatch(entries.slice(middle));
  for (const half of [first, second]) {
    half.isMaybeWritten = isMaybeWritten;
    half.isHalf = isMaybeWritten;
  }
  if (baseSequence !== undefined) {
    first.baseSequence = baseSequence;
    second.baseSequence = sequenceAfter(baseSequence, middle);
  }
  return [first, second];
}

/** The sequence after so many records: sequences are int32 and continue at 0 after the last one. */
export function sequenceAfter(sequence: number, records: number): number {
  return (sequence + records) % 2 ** 31;
}
