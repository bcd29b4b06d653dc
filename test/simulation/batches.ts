import { batchSizeAt, RecordBatch, RecordCursor } from '#log';
import { ProtocolError } from '#protocol';

/** A record as found in a log or an answer. */
export interface PlacedRecord {
  readonly offset: number;
  /** The value without its padding; null for a record without a value. */
  readonly value: string | null;
}

/**
 * The complete batches at the beginning of some bytes; the bytes after them are no batch, or
 * truncated.
 */
export function wholeBatches(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let at = 0;
  for (;;) {
    const batch = batchAt(bytes, at);
    if (batch === undefined) return batches;
    batches.push(batch);
    at += batch.sizeBytes;
  }
}

function batchAt(bytes: Buffer, at: number): RecordBatch | undefined {
  try {
    const sizeBytes = batchSizeAt(bytes, at);
    if (sizeBytes === undefined || at + sizeBytes > bytes.length) return undefined;
    const batch = new RecordBatch(bytes.subarray(at, at + sizeBytes));
    return batch.isCrcValid() ? batch : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

export function recordsIn(batch: RecordBatch): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const { offset, bytes, valueStart, valueEnd } = cursor;
    const text = valueStart < 0 ? null : bytes.toString('latin1', valueStart, valueEnd);
    records.push({ offset, value: text === null ? null : wordOf(text) });
  }
  return records;
}

/** A value is a word followed by padding. */
function wordOf(text: string): string {
  const end = text.indexOf(' ');
  return end < 0 ? text : text.slice(0, end);
}
