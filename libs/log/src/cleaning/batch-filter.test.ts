import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock, Scheduler } from '#runtime';
import { Throttler } from '../background/throttler.js';
import { crc32c } from '../record-batch/crc32c.js';
import { ATTRIBUTES_AT, CRC_AT, RecordBatch, stampBatch } from '../record-batch/record-batch.js';
import { type PlainRecord, readRecords } from '../testing/record-sets.js';
import { gzipBatch, testBatch } from '../testing/test-batches.js';
import { filterBatch, type RetentionRule } from './batch-filter.js';
import { OffsetMap } from './offset-map.js';

const NOW_MS = 5_000_000;
const DELETE_RETENTION_MS = 1000;
const BASE_OFFSET = 100;

const clock: Clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 };
const scheduler: Scheduler = {
  after: () => ({ cancel: () => undefined }),
  soon: (task) => queueMicrotask(task),
};
const throttler = new Throttler({ clock, scheduler, bytesPerSecond: 1e9, sliceMsMax: 5 });

/** The batch as it stands in a log, at BASE_OFFSET in leader epoch 7. */
function inLog(bytes: Buffer): RecordBatch {
  stampBatch(bytes, BASE_OFFSET, 7);
  return new RecordBatch(bytes);
}

/** The rule of a map that was built from these key and offset pairs. */
function ruleOf(
  offsets: Readonly<Record<string, number>>,
  other: Partial<RetentionRule> = {},
): RetentionRule {
  const map = new OffsetMap([1, 2, 3, 4], 100_000, 1000);
  for (const [key, offset] of Object.entries(offsets)) {
    map.put(Buffer.from(key), 0, Buffer.byteLength(key), offset);
  }
  return {
    offsets: map,
    mapEndOffset: 1000,
    nowMs: NOW_MS,
    deleteRetentionMs: DELETE_RETENTION_MS,
    producerLastOffsets: new Map(),
    ...other,
  };
}

async function filtered(batch: RecordBatch, rule: RetentionRule): Promise<RecordBatch | undefined> {
  const bytes = await filterBatch(batch, rule, throttler);
  return bytes === undefined ? undefined : new RecordBatch(bytes);
}

/** Offset, key, value and timestamp of each record; none for no batch. */
function contents(batch: RecordBatch | undefined): [number, unknown, unknown, number][] {
  if (batch === undefined) return [];
  return readRecords(batch).map((record) => {
    return [record.offset, record.key, record.value, record.timestamp];
  });
}

const A = { key: 'a', value: '1', timestamp: 10 };
const B = { key: 'b', value: '2', timestamp: 30 };
const C = { key: 'c', value: '3', timestamp: 20 };
const TOMBSTONE = { key: 't', value: null, timestamp: 40 };

describe('a batch', () => {
  it('whose records are all the last of their keys keeps its bytes', async () => {
    const batch = inLog(testBatch([A, B]));
    expect(await filterBatch(batch, ruleOf({ a: 100, b: 101 }), throttler)).toBe(batch.bytes);
  });

  it('keeps its place and header when it loses a record', async () => {
    const batch = inLog(testBatch([A, B, C], { producerId: 5, producerEpoch: 1, baseSequence: 9 }));
    const rest = await filtered(batch, ruleOf({ b: 555 }));
    expect(rest).toMatchObject({
      baseOffset: 100,
      lastOffset: 102,
      leaderEpoch: 7,
      producerId: 5,
      producerEpoch: 1,
      baseSequence: 9,
      lastSequence: 11,
      recordCount: 2,
      maxTimestamp: 20,
    });
    expect(rest?.isCrcValid()).toBe(true);
    expect(contents(rest)).toEqual([
      [100, 'a', '1', 10],
      [102, 'c', '3', 20],
    ]);
  });

  it('goes when nothing of it stays', async () => {
    expect(await filtered(inLog(testBatch([A])), ruleOf({ a: 101 }))).toBeUndefined();
  });

  it('stays, empty, while it has the last sequence of its producer', async () => {
    const producer = { producerId: 5, producerEpoch: 1, baseSequence: 9 };
    const batch = inLog(gzipBatch(testBatch([A, B], producer)));
    const producerLastOffsets = new Map([[5, 101]]);
    const rule = ruleOf({ a: 300, b: 300 }, { producerLastOffsets });
    const empty = await filtered(batch, rule);
    expect(empty).toMatchObject({
      recordCount: 0,
      sizeBytes: 61,
      lastOffset: 101,
      lastSequence: 10,
      compression: 'none',
    });
    expect(empty?.isCrcValid()).toBe(true);
    if (empty === undefined) return;
    expect(await filterBatch(empty, rule, throttler)).toBe(empty.bytes);
    const superseded = { ...rule, producerLastOffsets: new Map([[5, 102]]) };
    expect(await filtered(empty, superseded)).toBeUndefined();
  });

  it('loses records without a key', async () => {
    const rest = await filtered(inLog(testBatch([{ ...A, key: null }, B])), ruleOf({}));
    expect(contents(rest)).toEqual([[101, 'b', '2', 30]]);
  });

  it.each([
    ['a plain batch', (bytes: Buffer) => bytes],
    ['a compressed batch', gzipBatch],
  ])('keeps records that wait for their time of delivery, in %s', async (_what, packed) => {
    const at = (time: number) => [['sluice.deliver.at', String(time)]] as const;
    const batch = inLog(
      packed(
        testBatch([
          { ...A, headers: at(NOW_MS + 1) },
          { ...B, headers: at(NOW_MS) },
          { ...C, key: null, headers: at(NOW_MS + 2) },
        ]),
      ),
    );
    const rest = await filtered(batch, ruleOf({ a: 900, b: 900 }));
    expect(contents(rest).map(([offset]) => offset)).toEqual([100, 102]);
  });

  it('keeps every record from the end of the map on', async () => {
    const batch = inLog(testBatch([A, { ...A, key: null }, A]));
    const rest = await filtered(batch, ruleOf({ a: 900 }, { mapEndOffset: 101 }));
    expect(contents(rest).map(([offset]) => offset)).toEqual([101, 102]);
  });

  it('is unpacked on a thread, while the event loop turns', async () => {
    const batch = inLog(gzipBatch(testBatch([A, B])));
    let isFiltered = false;
    const filtering = filterBatch(batch, ruleOf({ a: 900 }), throttler).finally(() => {
      isFiltered = true;
    });
    // Work that does not leave this turn of the event loop ends within a few promises.
    for (let promises = 0; promises < 100; promises += 1) await Promise.resolve();
    expect(isFiltered).toBe(false);
    await filtering;
  });

  it('leaves the event loop while it checks its records and while it copies them', async () => {
    let nowMs = 0;
    let pauses = 0;
    const busy = new Throttler({
      clock: { nowMs: () => NOW_MS, monotonicMs: () => (nowMs += 10) },
      scheduler: {
        ...scheduler,
        soon: (task) => {
          pauses += 1;
          queueMicrotask(task);
        },
      },
      bytesPerSecond: 1e9,
      sliceMsMax: 5,
    });
    // Every other record stays: 640 records are checked, and 320 spans are copied, 64 at a time.
    const records = Array.from({ length: 640 }, (_, index) => (index % 2 === 0 ? A : B));
    const batch = inLog(gzipBatch(testBatch(records)));
    await filterBatch(batch, ruleOf({ a: 900 }), busy);
    expect(pauses).toBe(640 / 64 + 320 / 64);
  });

  it('of a codec that cannot be read stays as it is', async () => {
    const bytes = testBatch([A]);
    bytes.writeInt16BE(2, ATTRIBUTES_AT);
    bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
    const batch = inLog(bytes);
    expect(await filterBatch(batch, ruleOf({ a: 900 }), throttler)).toBe(batch.bytes);
  });
});

describe('a tombstone', () => {
  it('gets its delete horizon when it is compacted for the first time', async () => {
    const batch = inLog(testBatch([A, TOMBSTONE, C]));
    const rest = await filtered(batch, ruleOf({ c: 900 }));
    expect(rest?.hasDeleteHorizon).toBe(true);
    expect(rest?.baseTimestamp).toBe(NOW_MS + DELETE_RETENTION_MS);
    expect(rest?.maxTimestamp).toBe(40);
    expect(contents(rest)).toEqual([
      [100, 'a', '1', 10],
      [101, 't', null, 40],
    ]);
  });

  it.each([Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])(
    'gets a horizon that can be read when it is kept for %d ms',
    async (deleteRetentionMs) => {
      const batch = inLog(testBatch([A, TOMBSTONE]));
      const rest = await filtered(batch, ruleOf({}, { deleteRetentionMs }));
      expect(rest?.baseTimestamp).toBe(Number.MAX_SAFE_INTEGER);
      expect(contents(rest)).toEqual([
        [100, 'a', '1', 10],
        [101, 't', null, 40],
      ]);
    },
  );

  it('stays until its horizon, and goes then', async () => {
    const marked = await filtered(inLog(testBatch([TOMBSTONE, A])), ruleOf({}));
    if (marked === undefined) throw new Error('the tombstone went at once');
    const before = ruleOf({}, { nowMs: NOW_MS + DELETE_RETENTION_MS - 1 });
    expect(await filterBatch(marked, before, throttler)).toBe(marked.bytes);
    const rest = await filtered(marked, ruleOf({}, { nowMs: NOW_MS + DELETE_RETENTION_MS }));
    expect(contents(rest)).toEqual([[101, 'a', '1', 10]]);
  });

  it('goes at once when the key was written again', async () => {
    expect(await filtered(inLog(testBatch([TOMBSTONE])), ruleOf({ t: 500 }))).toBeUndefined();
  });
});

it('leaves exactly the records that the rule says, of any batch', async () => {
  const record = fc.record<PlainRecord>({
    key: fc.constantFrom('a', 'b', 'c', 'd', null),
    value: fc.oneof(fc.string({ maxLength: 40 }), fc.constant(null)),
    timestamp: fc.integer({ min: 0, max: 2 ** 50 }),
  });
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 30 }),
      fc.dictionary(key, fc.integer({ min: 90, max: 135 })),
      fc.integer({ min: 95, max: 135 }),
      fc.boolean(),
      async (records, offsets, mapEndOffset, isGzip) => {
        const plain = testBatch(records);
        const batch = inLog(isGzip ? gzipBatch(plain) : plain);
        const rule = ruleOf(offsets, { mapEndOffset });
        const expected = contents(batch).filter(([offset, recordKey]) => {
          if (offset >= mapEndOffset) return true;
          return typeof recordKey === 'string' && offset >= (offsets[recordKey] ?? -1);
        });
        const rest = await filtered(batch, rule);
        expect(contents(rest)).toEqual(expected);
        if (rest === undefined) return;
        expect(rest.isCrcValid()).toBe(true);
        expect(rest.lastOffset).toBe(batch.lastOffset);
      },
    ),
    { numRuns: 500 },
  );
});
