import {
  type BatchProducer,
  encodeRecordBatches,
  type RecordBatch,
  RecordCursor,
  stampBatch,
} from '#log';
import {
  FIELD_ATTRIBUTES,
  FIELD_HEADER_COUNT,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_VALUE_END,
  FIELD_VALUE_START,
  RECORD_STRIDE,
  type RecordSet,
} from '#protocol';

/** A batch of one record. */
export function oneBatch(
  value: string,
  { key, producer }: { readonly key?: string | undefined; readonly producer?: BatchProducer } = {},
): Buffer {
  const source = Buffer.from(`${value}${key ?? ''}`);
  const fields = Array.from({ length: RECORD_STRIDE }, () => -1);
  fields[FIELD_HEADER_COUNT] = 0;
  fields[FIELD_ATTRIBUTES] = 0;
  fields[FIELD_VALUE_START] = 0;
  fields[FIELD_VALUE_END] = Buffer.byteLength(value);
  if (key !== undefined) {
    fields[FIELD_KEY_START] = Buffer.byteLength(value);
    fields[FIELD_KEY_END] = source.length;
  }
  const records: RecordSet = { source, decoded: new Uint8Array(0), count: 1, fields };
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 1_750_000_000_000,
    timestampType: 'CreateTime',
    batchSizeBytes: 2 ** 20,
    maxBatchBytes: 2 ** 20,
    ...(producer === undefined ? {} : { producer }),
  });
  const [batch] = batches;
  if (batch === undefined) throw new Error('a record makes a batch');
  return batch;
}

/** A batch with the offset and the epoch that a leader stamps. */
export function stamped(batch: Buffer, baseOffset: number, leaderEpoch: number): Buffer {
  stampBatch(batch, baseOffset, leaderEpoch);
  return batch;
}

export function valuesOf(batch: RecordBatch): string[] {
  const cursor = new RecordCursor(batch);
  const values: string[] = [];
  while (cursor.next()) {
    const { valueStart, valueEnd } = cursor;
    values.push(valueStart < 0 ? '' : String(cursor.bytes.subarray(valueStart, valueEnd)));
  }
  return values;
}
