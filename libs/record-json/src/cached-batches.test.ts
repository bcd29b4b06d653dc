import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch, stampBatch } from '#log';
import { CachedBatch, CachedBatches } from './cached-batches.js';
import { parseJsonRecord } from './json-records.js';

const NOTHING = { bytes: Buffer.alloc(0), offsets: [], ends: [] };

describe('CachedBatches', () => {
  it('finds an entry by topic, partition and base offset', () => {
    const batches = new CachedBatches(64);
    const entry = entryAt(7);
    batches.add(entry);
    expect(batches.find(batchAt(7), 'orders', 2)).toBe(entry);
    expect(batches.find(batchAt(8), 'orders', 2)).toBeUndefined();
    expect(batches.find(batchAt(7), 'orders', 3)).toBeUndefined();
    expect(batches.find(batchAt(7), 'order', 2)).toBeUndefined();
  });

  it('finds an entry beyond offset 2^32', () => {
    const batches = new CachedBatches(64);
    const entry = entryAt(2 ** 40 + 7);
    batches.add(entry);
    expect(batches.find(batchAt(2 ** 40 + 7), 'orders', 2)).toBe(entry);
    expect(batches.find(batchAt(7), 'orders', 2)).toBeUndefined();
  });

  it.each([0, 1, 2, 3])('keeps the other entries of a slot when entry %i is removed', (removed) => {
    const batches = new CachedBatches(0);
    const entries = [0, 1, 2, 3].map((offset) => entryAt(offset));
    for (const entry of entries) batches.add(entry);
    batches.remove(entries[removed] as CachedBatch);
    for (const [offset, entry] of entries.entries()) {
      const expected = offset === removed ? undefined : entry;
      expect(batches.find(batchAt(offset), 'orders', 2)).toBe(expected);
    }
  });
});

function entryAt(offset: number): CachedBatch {
  return new CachedBatch(batchAt(offset), 'orders', 2, NOTHING, 0);
}

/** One record at an offset. */
function batchAt(offset: number): RecordBatch {
  const limits = { recordsMax: 1, headersPerRecordMax: 0, faultyMembersMax: 50, nowMs: () => 0 };
  const records = parseJsonRecord(Buffer.from('{"value":1}'), limits);
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: 1e6,
    maxBatchBytes: 1e6,
  });
  const [bytes] = batches as [Buffer];
  stampBatch(bytes, offset, 0);
  return new RecordBatch(bytes);
}
