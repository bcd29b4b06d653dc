import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import { FilePool } from '../segment/file-pool.js';
import { LogSegment } from '../segment/segment.js';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const SMALL_SEGMENTS = { 'segment.bytes': '1024' };

/** A log with a segment for each of these many records. */
async function segmented(count: number): Promise<{ broker: FakeBroker; log: Log }> {
  const broker = new FakeBroker();
  const log = await testLog(await broker.open(), SMALL_SEGMENTS);
  for (let i = 0; i < count; i += 1) await appendValues(log, `${i}${filler(900)}`);
  return { broker, log };
}

const offsets = (log: Log): number[] => log.segments.map(({ baseOffset }) => baseOffset);

describe('deleting records', () => {
  it('moves the log start into a segment, durably, and removes the segments below', async () => {
    const { broker, log } = await segmented(4);
    expect(await log.trimmer.deleteRecordsBefore(2)).toBe(2);
    expect(offsets(log)).toEqual([2, 3]);
    await broker.scheduler.settle();
    expect(await broker.names()).not.toContain(LOG_0);
    broker.crash();
    const again = await testLog(await broker.open(), SMALL_SEGMENTS);
    expect(again.offsets.logStart).toBe(2);
    expect((await readAll(again)).map(([offset]) => offset)).toEqual([2, 3]);
  });

  it('keeps records from coming back whose segment is still there', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (const value of ['a', 'b', 'c']) await appendValues(log, value);
    expect(await log.trimmer.deleteRecordsBefore(2)).toBe(2);
    broker.crash();
    expect((await testLog(await broker.open())).offsets.logStart).toBe(2);
  });

  it('removes a segment whose records were deleted while it was the active one', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    await appendValues(log, filler(900));
    await log.trimmer.deleteRecordsBefore(1);
    for (let i = 0; i < 2; i += 1) await appendValues(log, filler(900));
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
    expect(await log.trimmer.deleteSegmentsBefore(1)).toBe(1);
    expect([log.segments[0]?.baseOffset, log.offsets.logStart]).toEqual([1, 1]);
  });

  it('never moves the log start back, nor above the high watermark', async () => {
    const { log } = await segmented(3);
    await log.trimmer.deleteRecordsBefore(2);
    expect(await log.trimmer.deleteRecordsBefore(1)).toBe(2);
    await expect(log.trimmer.deleteRecordsBefore(4)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    expect(await log.trimmer.deleteRecordsBefore(3)).toBe(3);
    expect(await appendValues(log, 'next')).toMatchObject({ baseOffset: 3 });
  });

  it('deletes nothing when the log start cannot be written down', async () => {
    const { broker, log } = await segmented(3);
    broker.disk.failNext('open', 'ENOSPC', { path: 'log-start-offset-checkpoint' });
    await expect(log.trimmer.deleteRecordsBefore(2)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect(log.offsets.logStart).toBe(0);
    expect(offsets(log)).toEqual([0, 1, 2]);
    expect(await log.trimmer.deleteRecordsBefore(2)).toBe(2);
  });

  it('deletes them although an old producer snapshot stays, and removes it later', async () => {
    const { broker, log } = await segmented(4);
    const snapshots = async () =>
      (await broker.names()).filter((name) => name.endsWith('snapshot'));
    const [oldest] = await snapshots();
    broker.disk.failNext('removeFile', 'EMFILE', { path: '.snapshot' });
    expect(await log.trimmer.deleteRecordsBefore(2)).toBe(2);
    expect(await snapshots()).toContain(oldest);
    await log.trimmer.deleteRecordsBefore(3);
    expect(await snapshots()).not.toContain(oldest);
  });

  it('waits with the removal of files for those who read them', async () => {
    const { broker, log } = await segmented(3);
    const [first] = log.segments;
    await first?.file.acquire();
    await log.trimmer.deleteRecordsBefore(2);
    await broker.scheduler.settle();
    expect(await broker.names()).toContain(LOG_0);
    first?.file.release();
    await broker.scheduler.settle();
    expect(await broker.names()).not.toContain(LOG_0);
  });

  it('by segment leaves the active one and what is not committed', async () => {
    const { log } = await segmented(4);
    await log.writer.append([valuesBatch([filler(900)])], { leaderEpoch: 0 });
    expect(await log.trimmer.deleteSegmentsBefore(3)).toBe(3);
    expect(offsets(log)).toEqual([3, 4]);
    expect(await log.trimmer.deleteSegmentsBefore(5)).toBe(1);
    expect(offsets(log)).toEqual([4]);
  });
});

describe('truncation', () => {
  it('cuts within a segment and across segments, durably', async () => {
    const { broker, log } = await segmented(5);
    await log.trimmer.truncateTo(3);
    expect(log.offsets.logEnd).toBe(3);
    expect(log.offsets.highWatermark).toBe(3);
    expect(offsets(log)).toEqual([0, 1, 2, 3]);
    broker.crash();
    const again = await testLog(await broker.open(), SMALL_SEGMENTS);
    expect(again.offsets.logEnd).toBe(3);
    expect(again.isWritable).toBe(true);
    expect(await appendValues(again, 'new')).toMatchObject({ baseOffset: 3 });
    expect((await readAll(again))[3]).toEqual([3, 'new']);
  });

  it('cuts a batch as a whole', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open({ tailCacheBytes: 10_000 }));
    await appendValues(log, 'a');
    await appendValues(log, 'b', 'c', 'd');
    await log.trimmer.truncateTo(3);
    expect(log.offsets.logEnd).toBe(1);
    expect(await readAll(log)).toEqual([[0, 'a']]);
    await appendValues(log, 'e');
    expect(await readAll(log)).toEqual([
      [0, 'a'],
      [1, 'e'],
    ]);
  });

  it('keeps all batches below it when one of them has a wrong base offset', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (const value of ['a', 'b', 'c', 'd']) await appendValues(log, value);
    broker.disk.corrupt(broker.path(LOG_0), 6, 4);
    await log.trimmer.truncateTo(3);
    expect(log.offsets.logEnd).toBe(3);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 0, endOffset: 1 }]);
    const kept = await log.reader.read(1, 10_000, 3);
    expect(kept.map(({ baseOffset }) => baseOffset)).toEqual([1, 2]);
  });

  it('drops leader epochs that begin above the new end', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a'])], { leaderEpoch: 1 });
    await log.writer.append([valuesBatch(['b'])], { leaderEpoch: 2 });
    await log.trimmer.truncateTo(1);
    expect(log.leadership.latestEpoch).toBe(1);
  });

  it('takes the recovery point back with it', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a'])], { leaderEpoch: 0 });
    await broker.scheduler.advance(1000);
    await log.trimmer.truncateTo(0);
    expect(log.offsets.recoveryPoint).toBe(0);
    await broker.scheduler.advance(1000);
    broker.crash();
    expect((await testLog(await broker.open())).isWritable).toBe(true);
  });

  it('to the log end or above changes nothing', async () => {
    const { log } = await segmented(2);
    await log.trimmer.truncateTo(2);
    expect(log.offsets.logEnd).toBe(2);
  });

  it('does not disturb a read that is under way', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 50; i += 1) await appendValues(log, filler(1000));
    const reads = Array.from({ length: 20 }, (_, i) => log.reader.read(i, 100_000, 50));
    await log.trimmer.truncateTo(25);
    await appendValues(log, 'other');
    for (const batches of await Promise.all(reads)) expect(batches.length).toBeGreaterThan(0);
    expect(log.damage.ranges).toEqual([]);
  });
});

describe('replacing segments', () => {
  /** A compacted form of the first two segments: the record of the second. */
  async function cleaned(log: Log, broker: FakeBroker): Promise<LogSegment> {
    const files = new FilePool(broker.disk.mount(), 8);
    const segment = await LogSegment.create(files, log.directory, 0, '.cleaned');
    const [batch] = await log.reader.read(1, 1, 2);
    if (batch === undefined) throw new Error('the test log has an offset 1');
    const handle = await segment.file.acquire();
    await handle.writev([batch.bytes], 0);
    segment.file.release();
    const { sizeBytes, lastOffset, maxTimestamp } = batch;
    segment.appended({ position: 0, sizeBytes, lastOffset, maxTimestamp });
    await segment.datasync();
    await segment.flushIndexes();
    await broker.scheduler.settle();
    return segment;
  }

  it('swaps them in, keeps readers of the old ones, and survives a crash after it', async () => {
    const { broker, log } = await segmented(4);
    const [first] = log.segments;
    await first?.file.acquire();
    expect(
      await log.trimmer.replaceSegments(log.segments.slice(0, 2), await cleaned(log, broker)),
    ).toBe(true);
    expect(offsets(log)).toEqual([0, 2, 3]);
    expect((await readAll(log)).map(([offset]) => offset)).toEqual([1, 2, 3]);
    expect(log.damage.ranges).toEqual([]);
    first?.file.release();
    broker.crash();
    const again = await testLog(await broker.open(), SMALL_SEGMENTS);
    expect((await readAll(again)).map(([offset]) => offset)).toEqual([1, 2, 3]);
    expect(again.damage.ranges).toEqual([]);
    expect((await broker.names()).filter((name) => /deleted|swap|cleaned/.test(name))).toEqual([]);
  });

  it('is refused when they are no longer of the log', async () => {
    const { broker, log } = await segmented(4);
    const old = log.segments.slice(0, 2);
    const segment = await cleaned(log, broker);
    await log.trimmer.deleteRecordsBefore(1);
    expect(await log.trimmer.replaceSegments(old, segment)).toBe(false);
    expect(offsets(log)).toEqual([1, 2, 3]);
  });

  it('leaves all of the old or all of the new, wherever the power fails', async () => {
    const outcomes = new Set<string>();
    for (let crashAt = 1; ; crashAt += 1) {
      const { broker, log } = await segmented(4);
      const segment = await cleaned(log, broker);
      let operations = 0;
      let isCrashed = false;
      broker.onOperation = () => {
        operations += 1;
        if (operations !== crashAt) return;
        isCrashed = true;
        broker.crash();
      };
      await log.trimmer.replaceSegments(log.segments.slice(0, 2), segment).catch(() => undefined);
      broker.onOperation = undefined;
      if (!isCrashed) break;
      const again = await testLog(await broker.open(), SMALL_SEGMENTS);
      outcomes.add((await readAll(again)).map(([offset]) => offset).join());
      expect(again.offsets.logEnd).toBe(4);
      expect(again.isWritable).toBe(true);
    }
    expect([...outcomes].toSorted()).toEqual(['0,1,2,3', '1,2,3']);
  });
});
