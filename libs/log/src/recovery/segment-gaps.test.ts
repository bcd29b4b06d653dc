import { describe, expect, it } from 'vitest';
import type { LogManagerOptions } from '../data-dir/log-manager-options.js';
import type { Log } from '../log.js';
import { segmentFileName } from '../segment/segment-names.js';
import {
  appendValues,
  batchBytes,
  FakeBroker,
  filler,
  readAll,
  testLog,
} from '../testing/log-fixture.js';

const SMALL_SEGMENTS = { 'segment.bytes': '1024' };
const COMPACTED = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  ...SMALL_SEGMENTS,
} as const;
const VALUE = filler(900);
const LOST = { startOffset: 1, endOffset: 3 };
const REST = [0, 3, 4];

describe('segments that are missing in the middle of a log', () => {
  it.each(['crash', 'clean stop'] as const)('are named at every start after a %s', async (end) => {
    const broker = await brokerOfFive(end);
    await removeByHand(broker, 1, 2);
    for (let start = 0; start < 3; start += 1) {
      const manager = await broker.open();
      const log = await testLog(manager, SMALL_SEGMENTS);
      expect(log.damage.lostBetween).toEqual([LOST]);
      expect(broker.seen.damagedRanges).toMatchObject([LOST]);
      await expect(log.reader.read(1, 4096, 5)).rejects.toMatchObject({
        code: 'CORRUPT_MESSAGE',
        members: { damagedStartOffset: 1, damagedEndOffset: 3 },
      });
      expect(await offsetsOf(log, 3)).toEqual([3, 4]);
      if (end === 'crash') broker.crash();
      else await manager.close();
    }
  });

  it('do not stop the writes', async () => {
    const broker = await brokerOfFive();
    await removeByHand(broker, 1, 2);
    const log = await openLog(broker);
    expect(await appendValues(log, 'next')).toMatchObject({ baseOffset: 5 });
  });

  it.each([
    ['beyond its segment', 6, 4],
    ['of a later batch', 7, 1],
  ])('are not those after a base offset that has become one %s', async (_, position, mask) => {
    const broker = new FakeBroker();
    const written = await openLog(broker);
    for (let i = 0; i < 6; i += 1) await appendValues(written, `${i}${filler(250)}`);
    await broker.scheduler.advance(1000);
    broker.disk.corrupt(broker.path(segmentFileName(0, 'log')), position, mask);
    broker.crash();
    const log = await openLog(broker);
    await expect(log.reader.read(0, 4096, 6)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    expect(log.damage.ranges).toMatchObject([{ startOffset: 0, endOffset: 1, startPosition: 0 }]);
    expect(await offsetsOf(log, 1)).toEqual([1, 2, 3, 4, 5]);
  });

  it('are not a loss once they come back', async () => {
    const broker = await brokerOfFive();
    const name = segmentFileName(1, 'log');
    await broker.disk.rename(broker.path(name), '/data/backup');
    await syncFiles(broker);
    expect((await openLog(broker)).damage.lostBetween).toEqual([{ startOffset: 1, endOffset: 2 }]);
    broker.crash();
    await broker.disk.rename('/data/backup', broker.path(name));
    const log = await openLog(broker);
    expect([log.damage.lostBetween, log.damage.ranges]).toEqual([[], []]);
    expect(await offsetsOf(log, 0)).toEqual([0, 1, 2, 3, 4]);
  });

  it('are found where the segment before has lost its last batch, or all of them', async () => {
    for (const [sizeBytes, startOffset] of [
      [batchBytes('a'), 1],
      [0, 0],
    ] as const) {
      const broker = new FakeBroker();
      const log = await openLog(broker);
      for (const value of ['a', 'b', VALUE, 'd']) await appendValues(log, value);
      await broker.scheduler.advance(1000);
      broker.crash();
      await cutFile(broker, segmentFileName(0, 'log'), sizeBytes);
      const lost = { startOffset, endOffset: 2 };
      const again = await openLog(broker);
      expect(again.damage.lostBetween).toEqual([lost]);
      await again.damage.acceptLoss(lost);
      await expectWhole(again, [...Array(startOffset).keys(), 2, 3]);
      broker.crash();
      await expectWhole(await openLog(broker), [...Array(startOffset).keys(), 2, 3]);
    }
  });

  it('are found without an index, and with one that leads nowhere', async () => {
    for (const damage of ['missing', 'wrong', 'odd'] as const) {
      const broker = new FakeBroker();
      const log = await openLog(broker, { 'segment.bytes': '16384' });
      for (let i = 0; i < 40; i += 1) await appendValues(log, VALUE);
      await broker.scheduler.advance(1000);
      const second = log.segments[1]?.baseOffset ?? 0;
      const third = log.segments[2]?.baseOffset ?? 0;
      broker.crash();
      await removeByHand(broker, second);
      const index = broker.path(segmentFileName(0, 'index'));
      if (damage === 'missing') await broker.disk.removeFile(index);
      else if (damage === 'odd') await cutFile(broker, segmentFileName(0, 'index'), 9);
      else for (let at = 7; at < 24; at += 8) broker.disk.corrupt(index, at, 0x11);
      await syncFiles(broker);
      const again = await openLog(broker, { 'segment.bytes': '16384' });
      expect(again.damage.lostBetween, damage).toEqual([{ startOffset: second, endOffset: third }]);
      expect(again.damage.ranges, damage).toHaveLength(1);
    }
  });

  it('are told from a tail that is damaged, which is not a loss of whole batches', async () => {
    const broker = await brokerOfFive();
    const log = segmentFileName(1, 'log');
    await cutFile(broker, log, batchBytes(VALUE) - 100);
    const again = await openLog(broker);
    expect(again.damage.lostBetween).toEqual([]);
    expect(again.damage.ranges).toMatchObject([{ startOffset: 1, endOffset: 2, startPosition: 0 }]);
  });

  it('are not a loss below the log start', async () => {
    const broker = await brokerOfFive();
    const log = await openLog(broker);
    await log.trimmer.deleteRecordsBefore(2);
    broker.crash();
    const again = await openLog(broker);
    expect([again.damage.lostBetween, again.offsets.logStart]).toEqual([[], 2]);
  });

  it('are not a loss where compaction has been', async () => {
    const broker = await brokerOfFive();
    const log = await openLog(broker);
    log.state.denseFrom = 3;
    await broker.scheduler.advance(1000);
    broker.crash();
    await removeByHand(broker, 1, 2);
    expect((await openLog(broker)).damage.ranges).toEqual([]);
  });

  it('are not covered by compaction', async () => {
    const broker = await brokerOfFive();
    await removeByHand(broker, 1, 2);
    const log = await openLog(broker, COMPACTED);
    log.updateHighWatermark(log.offsets.syncedEnd);
    for (let i = 0; i < 20; i += 1) await broker.scheduler.advance(5000);
    expect(broker.seen.cleanedSegments).toBe(0);
    expect(log.damage.lostBetween).toEqual([LOST]);
    await log.damage.acceptLoss(LOST);
    for (let i = 0; i < 20; i += 1) await broker.scheduler.advance(5000);
    expect(broker.seen.cleanedSegments).toBeGreaterThan(0);
  });
});

describe('records missing in the middle of a log that are abandoned', () => {
  it('must be named by exactly their bounds', async () => {
    const broker = await brokerOfFive();
    await removeByHand(broker, 1, 2);
    const log = await openLog(broker);
    await expect(log.damage.acceptLoss({ startOffset: 1, endOffset: 2 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining('those missing are 1 up to 3'),
      members: { lostStartOffset: 1, lostEndOffset: 3 },
    });
    expect(log.damage.lostBetween).toEqual([LOST]);
  });

  it('hold nothing from then on, and readers pass over their offsets', async () => {
    const broker = await brokerOfFive();
    await removeByHand(broker, 1, 2);
    let log = await openLog(broker);
    for (const end of ['crash', 'clean stop', 'last']) {
      await log.damage.acceptLoss(LOST);
      await expectWhole(log, REST);
      expect((await log.reader.read(1, 1, 5))[0]).toMatchObject({ recordCount: 0, nextOffset: 3 });
      broker.crash();
      if (end === 'clean stop') await (await broker.open()).close();
      if (end !== 'last') log = await openLog(broker);
    }
    log = await openLog(broker);
    await broker.scheduler.advance(120_000);
    expect([broker.seen.scrubPasses, log.damage.ranges]).toEqual([1, []]);
  });

  it.each([
    ['writev', segmentFileName(1, 'log')],
    ['datasync', segmentFileName(1, 'log')],
    ['open', segmentFileName(1, 'log')],
    ['syncDirectory', 'orders-0'],
  ] as const)('stay lost when the disk fails (%s of %s)', async (point, path) => {
    const broker = await brokerOfFive();
    await removeByHand(broker, 1, 2);
    const log = await openLog(broker);
    broker.disk.failNext(point, 'EIO', { path });
    await expect(log.damage.acceptLoss(LOST)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect([log.damage.lostBetween, log.isWritable]).toEqual([[LOST], true]);
    await log.damage.acceptLoss(LOST);
    await expectWhole(log, REST);
  });

  it('are lost or abandoned after a crash at any moment, never anything else', async () => {
    for (let crashAt = 1, hasCrashed = true; hasCrashed; crashAt += 1) {
      const broker = await brokerOfFive();
      await removeByHand(broker, 1, 2);
      const log = await openLog(broker);
      let operations = 0;
      hasCrashed = false;
      broker.onOperation = () => {
        operations += 1;
        if (operations !== crashAt) return;
        hasCrashed = true;
        broker.crash();
      };
      await log.damage.acceptLoss(LOST).catch(() => undefined);
      broker.onOperation = undefined;
      broker.crash();
      const again = await openLog(broker);
      if (again.damage.lostBetween.length > 0) {
        expect(again.damage.lostBetween, `crash at ${crashAt}`).toEqual([LOST]);
        await again.damage.acceptLoss(LOST);
      }
      await expectWhole(again, REST);
    }
  });
});

/** A broker whose log has five segments with one record each; it is stopped. */
async function brokerOfFive(end: 'crash' | 'clean stop' = 'crash'): Promise<FakeBroker> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await testLog(manager, SMALL_SEGMENTS);
  for (let i = 0; i < 5; i += 1) await appendValues(log, VALUE);
  await broker.scheduler.advance(1000);
  if (end === 'crash') broker.crash();
  else await manager.close();
  return broker;
}

async function openLog(
  broker: FakeBroker,
  config: Parameters<typeof testLog>[1] = SMALL_SEGMENTS,
  options: Partial<LogManagerOptions> = {},
): Promise<Log> {
  const log = await testLog(await broker.open(options), config);
  log.updateHighWatermark(log.offsets.syncedEnd);
  return log;
}

async function removeByHand(broker: FakeBroker, ...bases: number[]): Promise<void> {
  for (const base of bases) await broker.disk.removeFile(broker.path(segmentFileName(base, 'log')));
  await syncFiles(broker);
}

async function syncFiles(broker: FakeBroker): Promise<void> {
  await broker.disk.syncDirectory(broker.path(''));
  await broker.disk.syncDirectory('/data');
}

async function cutFile(broker: FakeBroker, name: string, sizeBytes: number): Promise<void> {
  const file = await broker.disk.open(broker.path(name), 'write');
  await file.truncate(sizeBytes);
  await file.datasync();
  await file.close();
}

async function expectWhole(log: Log, offsets: readonly number[]): Promise<void> {
  expect([log.damage.lostBetween, log.damage.lostStart, log.damage.ranges]).toEqual([
    [],
    undefined,
    [],
  ]);
  expect(await offsetsOf(log, 0)).toEqual(offsets);
}

const offsetsOf = async (log: Log, from: number): Promise<number[]> =>
  (await readAll(log, from)).map(([offset]) => offset);
