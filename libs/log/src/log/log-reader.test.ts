import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import {
  appendValues,
  batchBytes,
  FakeBroker,
  filler,
  LOG_0,
  recordsOf,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';
import { testBatch } from '../testing/test-batches.js';

/** Base offsets of what a read gives. */
async function bases(log: Log, offset: number, maxBytes: number, end: number): Promise<number[]> {
  return (await log.reader.read(offset, maxBytes, end)).map(({ baseOffset }) => baseOffset);
}

describe('reading from disk', () => {
  it('gives whole batches below the end, at least one, and no more than fits', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 5; i += 1) await appendValues(log, 'a', 'b');
    const size = batchBytes('a', 'b');
    expect(await bases(log, 0, 1, 10)).toEqual([0]);
    expect(await bases(log, 3, 2 * size, 10)).toEqual([2, 4]);
    expect(await bases(log, 3, 1_000_000, 7)).toEqual([2, 4]);
    expect(await bases(log, 6, 1_000_000, 7)).toEqual([]);
    expect(await bases(log, 10, 1_000_000, 10)).toEqual([]);
  });

  it('takes one read for an answer anywhere in a large segment', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 200; i += 1) await appendValues(log, filler(1000));
    for (const offset of [0, 77, 150, 199]) {
      const before = broker.disk.counts(broker.path(LOG_0)).reads;
      const [batch] = await log.reader.read(offset, 5000, 200);
      expect(batch?.baseOffset).toBe(offset);
      expect(broker.disk.counts(broker.path(LOG_0)).reads - before).toBe(1);
    }
  });

  it('reads a batch that is larger than what was asked for', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, filler(100_000));
    expect(recordsOf(await log.reader.read(0, 10, 1))).toEqual([[0, filler(100_000)]]);
  });

  it('reads no more batches than hold the wanted records', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 5; i += 1) await appendValues(log, 'a', 'b');
    const basesFor = async (offset: number, recordsMax: number) =>
      (await log.reader.read(offset, 1_000_000, 10, recordsMax)).map(
        ({ baseOffset }) => baseOffset,
      );
    expect(await basesFor(0, 1)).toEqual([0]);
    expect(await basesFor(0, 2)).toEqual([0]);
    expect(await basesFor(0, 3)).toEqual([0, 2]);
    // Offset 2 is in the first batch, and is not asked for.
    expect(await basesFor(3, 2)).toEqual([2, 4]);
    expect(await basesFor(3, 100)).toEqual([2, 4, 6, 8]);
  });

  it.each([
    ['small records', 100, 200, 1],
    ['records that are larger than the first piece', 20_000, 20, 2],
    ['one large record', 100_000, 1, 2],
  ])('reads few records in few pieces: %s', async (_, bytes, recordsMax, reads) => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 300; i += 1) await appendValues(log, filler(bytes));
    const before = broker.disk.counts(broker.path(LOG_0)).reads;
    const batches = await log.reader.read(10, 2_000_000, 300, recordsMax);
    expect(batches.map(({ baseOffset }) => baseOffset)).toEqual(
      Array.from({ length: recordsMax }, (__, index) => 10 + index),
    );
    expect(broker.disk.counts(broker.path(LOG_0)).reads - before).toBe(reads);
  });

  it('keeps the limit of bytes where more records are wanted than fit', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 30; i += 1) await appendValues(log, filler(20_000));
    const batches = await log.reader.read(0, 5.5 * batchBytes(filler(20_000)), 30, 20);
    expect(batches).toHaveLength(5);
  });

  it('answers a disk that does not with KAFKA_STORAGE_ERROR, and goes on', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    broker.disk.failNext('read', 'EIO', { path: LOG_0 });
    await expect(log.reader.read(0, 100, 1)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(log.damage.ranges).toEqual([]);
    expect(await bases(log, 0, 100, 1)).toEqual([0]);
  });
});

describe('the tail cache', () => {
  it('gives readers at the tail the same batches each time, without the disk', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open({ tailCacheBytes: 100_000 }));
    for (let i = 0; i < 5; i += 1) await appendValues(log, 'a', 'b');
    const before = broker.disk.counts(broker.path(LOG_0)).reads;
    const batches = log.reader.readCached(3, 100_000, 9);
    expect(batches?.map(({ baseOffset }) => baseOffset)).toEqual([2, 4, 6]);
    expect((await log.reader.read(3, 1, 10))[0]).toBe(batches?.[0]);
    expect(broker.disk.counts(broker.path(LOG_0)).reads).toBe(before);
  });

  it('drops the oldest batches of all partitions to stay within its bound', async () => {
    const broker = new FakeBroker();
    const size = batchBytes('a');
    const manager = await broker.open({ tailCacheBytes: 3 * size });
    const one = await testLog(manager);
    const two = await manager.createLog({ topic: 'two', partition: 0 }, 'id', one.config);
    await appendValues(one, 'a');
    await appendValues(two, 'a');
    await appendValues(one, 'b');
    expect(one.reader.readCached(0, 1, 2)).toHaveLength(1);
    await appendValues(two, 'b');
    expect(manager.tailCacheBytes).toBe(3 * size);
    expect(one.reader.readCached(0, 1, 2)).toBeUndefined();
    expect(one.reader.readCached(1, 1, 2)).toHaveLength(1);
    expect(two.reader.readCached(0, 1, 2)).toHaveLength(1);
    expect(await bases(one, 0, 10_000, 2)).toEqual([0, 1]);
  });

  it('does not keep a batch that is larger than all of it', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open({ tailCacheBytes: 500 });
    const log = await testLog(manager);
    await appendValues(log, 'a');
    await appendValues(log, filler(1000));
    expect(manager.tailCacheBytes).toBe(0);
    expect(log.reader.readCached(0, 1, 2)).toBeUndefined();
    expect(await bases(log, 0, 10_000, 2)).toEqual([0, 1]);
  });
});

describe('look-ups by time', () => {
  const at = (timestamp: number): Buffer => testBatch([{ key: null, value: 'v', timestamp }]);

  it('find the first record at or after a time, over segments', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    for (let i = 0; i < 60; i += 1)
      await log.writer.append([at(1000 + 10 * i)], { leaderEpoch: 2 });
    expect(log.segments.length).toBeGreaterThan(3);
    expect(await log.reader.offsetForTimestamp(0, 60)).toEqual({
      offset: 0,
      timestamp: 1000,
      leaderEpoch: 2,
    });
    expect(await log.reader.offsetForTimestamp(1305, 60)).toMatchObject({
      offset: 31,
      timestamp: 1310,
    });
    expect(await log.reader.offsetForTimestamp(1590, 60)).toMatchObject({ offset: 59 });
    expect(await log.reader.offsetForTimestamp(1591, 60)).toBeUndefined();
    expect(await log.reader.offsetForTimestamp(1590, 59)).toBeUndefined();
  });

  it('do not rely on times that only rise', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (const time of [500, 100, 900, 300, 900])
      await log.writer.append([at(time)], { leaderEpoch: 0 });
    expect(await log.reader.offsetForTimestamp(200, 5)).toMatchObject({ offset: 0 });
    expect(await log.reader.offsetForTimestamp(600, 5)).toMatchObject({ offset: 2 });
  });

  it('skip deleted records', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a', 'b', 'c'])], { leaderEpoch: 0 });
    log.updateHighWatermark(3);
    await log.trimmer.deleteRecordsBefore(2);
    expect(await log.reader.offsetForTimestamp(0, 3)).toMatchObject({ offset: 2, timestamp: 1002 });
  });
});
