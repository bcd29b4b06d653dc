import { batchSizeAt, RecordBatch, RecordCursor, VarintReader } from '#log';
import { ProtocolError } from '#protocol';

/** A record as found in a log or an answer. */
export interface PlacedRecord {
  readonly offset: number;
  /**
   * The value without its padding, after `again-` where the record was put back from the dead
   * letters; null for a record without a value.
   */
  readonly value: string | null;
}

const PUT_BACK = 'again-';

/** True for the value of a record that was put back from the dead letters. */
export function isPutBack(value: string): boolean {
  return value.startsWith(PUT_BACK);
}

/** The value that its producer sent. */
export function sentValue(value: string): string {
  return isPutBack(value) ? value.slice(PUT_BACK.length) : value;
}

/**
 * The complete batches at the beginning of some bytes; the bytes after them are not a batch, or
 * truncated.
 */
export function wholeBatches(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let at = 0;
  for (;;) {
    const batch = validBatchAt(bytes, at);
    if (batch === undefined) return batches;
    batches.push(batch);
    at += batch.sizeBytes;
  }
}

/** The batch that begins at a position; undefined when the bytes there are not a valid one. */
export function validBatchAt(bytes: Buffer, at: number): RecordBatch | undefined {
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
    const prefix = headersAt(cursor).has('sluice.redrive.group') ? PUT_BACK : '';
    records.push({ offset, value: text === null ? null : prefix + wordOf(text) });
  }
  return records;
}

/** The records that the dead letters in a batch are copies of, as partition and offset. */
export function deadLettersIn(batch: RecordBatch): string[] {
  const places: string[] = [];
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const headers = headersAt(cursor);
    const of = (name: string): string => headers.get(`__dlq.errors.${name}`) ?? '';
    if (of('offset') !== '') places.push(`${of('topic')}-${of('partition')}@${of('offset')}`);
  }
  return places;
}

/** Headers of the record at a cursor, as texts. */
function headersAt(cursor: RecordCursor): ReadonlyMap<string, string> {
  const { bytes, headersStart, headersEnd, headerCount } = cursor;
  const reader = new VarintReader(bytes, headersStart, headersEnd);
  const nextText = (): string => {
    const length = Math.max(0, reader.readVarint());
    reader.position += length;
    return bytes.toString('latin1', reader.position - length, reader.position);
  };
  const headers = new Map<string, string>();
  for (let index = 0; index < headerCount; index += 1) headers.set(nextText(), nextText());
  return headers;
}

/** A value is a word followed by padding. */
function wordOf(text: string): string {
  const end = text.indexOf(' ');
  return end < 0 ? text : text.slice(0, end);
}
