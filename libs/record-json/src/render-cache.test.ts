import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch, stampBatch } from '#log';
import { parseJsonRecords } from './json-records.js';
import { RenderCache } from './render-cache.js';
import {
  type RenderedBatch,
  type RenderRequest,
  renderBatch,
  renderRecords,
} from './render-records.js';

const ALL: RenderRequest = {
  topic: 'orders',
  partition: 0,
  format: 'default',
  framing: 'array',
  offset: 0,
  recordsMax: 1000,
  bytesMax: 1e9,
};

/** Batches of three records each. */
function batches(count: number, valueBytes = 10, baseOffset = 0): RecordBatch[] {
  const records = Array.from({ length: 3 }, (_, n) => ({ value: `${n}`.repeat(valueBytes) }));
  const limits = {
    recordsMax: 3,
    headersPerRecordMax: 0,
    faultyMembersMax: 50,
    nowMs: () => 1_000,
  };
  const set = parseJsonRecords(Buffer.from(JSON.stringify({ records })), limits);
  return Array.from({ length: count }, (_, index) => {
    const { batches: encoded } = encodeRecordBatches([{ records: set, indexes: undefined }], {
      nowMs: 0,
      timestampType: 'CreateTime',
      batchSizeBytes: 1e6,
      maxBatchBytes: 1e6,
    });
    const [bytes] = encoded;
    if (bytes === undefined) throw new Error('no batch');
    stampBatch(bytes, baseOffset + index * 3, 0);
    return new RecordBatch(bytes);
  });
}

describe('RenderCache', () => {
  it('answers what renderRecords answers, before and after it keeps the batches', () => {
    const some = batches(5);
    for (const valueBytes of [10, 9000]) {
      const large = valueBytes === 10 ? some : batches(4, valueBytes);
      for (const cached of [0, 1, 2, 4]) {
        const cache = new RenderCache(1e9);
        for (const batch of large.slice(1, 1 + cached)) cache.renderedBatch(batch, 'orders', 0);
        for (let round = 0; round < 3; round += 1) {
          for (const request of requests(valueBytes)) {
            const expected = renderRecords(large, request);
            const answer = cache.render(large, request);
            expect({ ...answer, chunks: Buffer.concat(answer.chunks).toString() }).toEqual({
              ...expected,
              chunks: Buffer.concat(expected.chunks).toString(),
            });
          }
        }
      }
    }
  });

  it('answers what stands before an unreadable batch, however often that is asked for', () => {
    const some = batches(3);
    // Codec 3: bytes that are not an LZ4 frame.
    some[1]?.bytes.writeInt16BE(3, 21);
    const cache = new RenderCache(1e9);
    for (let round = 0; round < 3; round += 1) {
      const { count, nextOffset, fault } = cache.render(some, ALL);
      expect({ count, nextOffset }).toEqual({ count: 3, nextOffset: 3 });
      expect(fault).toMatchObject({ members: { damagedStartOffset: 3, damagedEndOffset: 6 } });
      expect(() => cache.render(some, { ...ALL, offset: 3 })).toThrow(
        'Reading goes on at offset 6',
      );
      expect(cache.render(some, { ...ALL, offset: 6 }).count).toBe(3);
    }
  });

  it('renders a batch once for many readers', () => {
    const cache = new RenderCache(1e6);
    const [batch] = batches(1) as [RecordBatch];
    const rendered = cache.renderedBatch(batch, 'orders', 0);
    expect(cache.renderedBatch(batch, 'orders', 0)).toBe(rendered);
    expect(cache.counters()).toMatchObject({ hits: 1, misses: 1, entries: 1 });
  });

  it('knows a batch again when it is read a second time from disk', () => {
    const cache = new RenderCache(1e6);
    const [batch] = batches(1) as [RecordBatch];
    const rendered = cache.renderedBatch(batch, 'orders', 0);
    const copy = new RecordBatch(Buffer.from(batch.bytes));
    expect(cache.renderedBatch(copy, 'orders', 0)).toBe(rendered);
  });

  it('renders a batch that replaces another at the same base offset', () => {
    const cache = new RenderCache(1e6);
    const [batch] = batches(1) as [RecordBatch];
    const [other] = batches(1, 11) as [RecordBatch];
    const [laterEpoch] = batches(1) as [RecordBatch];
    stampBatch(laterEpoch.bytes, 0, 1);
    const [otherCrc] = batches(1) as [RecordBatch];
    otherCrc.bytes.writeUInt32BE(otherCrc.crc ^ 1, 17);
    const rendered = cache.renderedBatch(batch, 'orders', 0);
    for (const replacing of [other, laterEpoch, otherCrc]) {
      const { misses } = cache.counters();
      expect(jsonOf(cache.renderedBatch(replacing, 'orders', 0))).toEqual(
        jsonOf(renderBatch(replacing, 'orders', 0)),
      );
      expect(cache.counters().misses).toBe(misses + 1);
    }
    expect(cache.renderedBatch(batch, 'orders', 0)).toBe(rendered);
  });

  it('keeps the JSON of each partition and topic apart', () => {
    const cache = new RenderCache(1e6);
    const [batch] = batches(1) as [RecordBatch];
    for (const [topic, partition] of [
      ['orders', 0],
      ['orders', 1],
      ['orders1', 0],
    ] as const) {
      expect(jsonOf(cache.renderedBatch(batch, topic, partition))).toEqual(
        jsonOf(renderBatch(batch, topic, partition)),
      );
    }
    expect(cache.counters()).toMatchObject({ hits: 0, misses: 3, entries: 3 });
  });

  it('stays below its bytes when batches replace each other and partitions come and go', () => {
    const cache = new RenderCache(5000);
    for (let round = 0; round < 200; round += 1) {
      const [batch] = batches(1, 10 + (round % 7)) as [RecordBatch];
      cache.renderedBatch(batch, 'orders', round % 11);
      cache.renderedBatch(batch, 'orders', round % 3);
      expect(cache.counters().sizeBytes).toBeLessThanOrEqual(5000);
    }
    const { misses, entries, evictions } = cache.counters();
    expect(entries).toBe(misses - evictions);
  });

  it('has each record of a batch with its comma, its offset and its end', () => {
    const [, batch] = batches(2) as [RecordBatch, RecordBatch];
    const { bytes, offsets, ends } = new RenderCache(1e6).renderedBatch(batch, 'orders', 0);
    expect(offsets).toEqual([3, 4, 5]);
    expect(ends.at(-1)).toBe(bytes.length);
    ends.forEach((end, index) => {
      const text = bytes.toString('utf8', ends[index - 1] ?? 0, end);
      expect(text[0]).toBe(',');
      expect(JSON.parse(text.slice(1))).toMatchObject({ offset: offsets[index] });
    });
  });

  it('keeps a batch from its second reader on, so that a scan leaves it alone', () => {
    const cache = new RenderCache(1e6);
    cache.render(batches(10), ALL);
    expect(cache.counters().entries).toBe(0);
    const some = batches(2);
    cache.render(some, ALL);
    cache.render(some, ALL);
    expect(cache.counters().entries).toBe(2);
    const { hits } = cache.counters();
    cache.render(some, ALL);
    expect(cache.counters().hits).toBe(hits + 2);
  });

  it('stays below its bytes, and keeps what is used', () => {
    // Offsets of as many digits each: batches of one size.
    const some = batches(50, 10, 1000);
    const one = new RenderCache(1e6);
    one.renderedBatch(some[0] as RecordBatch, 'orders', 0);
    const cache = new RenderCache(one.counters().sizeBytes * 10);
    const hot = some[0] as RecordBatch;
    for (const batch of some) {
      cache.renderedBatch(batch, 'orders', 0);
      cache.renderedBatch(hot, 'orders', 0);
      expect(cache.counters().sizeBytes).toBeLessThanOrEqual(one.counters().sizeBytes * 10);
    }
    const { misses, entries, evictions } = cache.counters();
    expect(misses).toBe(50);
    expect(entries).toBe(10);
    expect(evictions).toBe(40);
    cache.renderedBatch(hot, 'orders', 0);
    cache.renderedBatch(some[49] as RecordBatch, 'orders', 0);
    expect(cache.counters().misses).toBe(50);
    cache.renderedBatch(some[1] as RecordBatch, 'orders', 0);
    expect(cache.counters().misses).toBe(51);
  });

  it('makes room when all that it keeps is used', () => {
    const some = batches(30, 10, 1000);
    const one = new RenderCache(1e6);
    one.renderedBatch(some[0] as RecordBatch, 'orders', 0);
    const bytesMax = one.counters().sizeBytes * 5;
    const cache = new RenderCache(bytesMax);
    for (const batch of some) {
      for (let reader = 0; reader < 2; reader += 1) cache.renderedBatch(batch, 'orders', 0);
      expect(cache.counters().sizeBytes).toBeLessThanOrEqual(bytesMax);
    }
    expect(cache.counters()).toMatchObject({ entries: 5, evictions: 25 });
  });

  it('keeps nothing larger than itself, and nothing at all when it has no bytes', () => {
    for (const bytesMax of [0, 100]) {
      const cache = new RenderCache(bytesMax);
      const some = batches(2);
      for (let round = 0; round < 3; round += 1) expect(cache.render(some, ALL).count).toBe(6);
      expect(cache.renderedBatch(some[0] as RecordBatch, 'orders', 0).offsets).toEqual([0, 1, 2]);
      expect(cache.counters()).toMatchObject({ entries: 0, sizeBytes: 0 });
    }
  });

  it('keeps the default format only', () => {
    const cache = new RenderCache(1e6);
    const some = batches(1);
    for (let round = 0; round < 3; round += 1) {
      cache.render(some, { ...ALL, format: 'base64' });
      cache.render(some, { ...ALL, framing: 'lines' });
    }
    expect(cache.counters()).toMatchObject({ entries: 0, hits: 0, misses: 0 });
  });
});

function jsonOf({ bytes }: RenderedBatch): string {
  return bytes.toString();
}

function requests(valueBytes: number): RenderRequest[] {
  const all: RenderRequest[] = [ALL];
  for (let offset = 0; offset <= 12; offset += 1) all.push({ ...ALL, offset });
  for (let recordsMax = 1; recordsMax <= 13; recordsMax += 1) {
    all.push({ ...ALL, recordsMax }, { ...ALL, recordsMax, offset: 2 });
  }
  for (let records = 0; records < 13; records += 1) {
    for (const more of [0, 101, 102, 103, 113, 114, 115, 116]) {
      all.push({ ...ALL, bytesMax: records * (valueBytes + 105) + more });
      all.push({ ...ALL, offset: 4, bytesMax: records * (valueBytes + 105) + more });
    }
  }
  return all;
}
