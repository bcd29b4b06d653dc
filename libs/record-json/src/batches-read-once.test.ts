import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch, stampBatch } from '#log';
import { BatchesReadOnce } from './batches-read-once.js';
import { parseJsonRecord } from './json-records.js';

describe('BatchesReadOnce', () => {
  it('knows a batch again, and no other that has the same records', () => {
    const seen = new BatchesReadOnce();
    expect(seen.add(batchAt(7))).toBe(false);
    expect(seen.add(batchAt(8))).toBe(false);
    expect(seen.add(batchAt(7))).toBe(true);
  });

  it('forgets the batches that a long scan displaces', () => {
    const seen = new BatchesReadOnce();
    for (let offset = 0; offset < 20_000; offset += 1)
      expect(seen.add(batchAt(offset))).toBe(false);
    expect(seen.add(batchAt(0))).toBe(false);
    expect(seen.add(batchAt(19_999))).toBe(true);
  });
});

const record = encoded();

/** One record at an offset. The object is the same each time. */
function batchAt(offset: number): RecordBatch {
  stampBatch(record.bytes, offset, 0);
  return record;
}

function encoded(): RecordBatch {
  const limits = { recordsMax: 1, headersPerRecordMax: 0, faultyMembersMax: 50, nowMs: () => 0 };
  const records = parseJsonRecord(Buffer.from('{"value":1}'), limits);
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: 1e6,
    maxBatchBytes: 1e6,
  });
  return new RecordBatch(batches[0] as Buffer);
}
