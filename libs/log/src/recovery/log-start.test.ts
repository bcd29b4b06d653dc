import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  TOPIC,
  TOPIC_ID,
  testLog,
  topicConfig,
} from '../testing/log-fixture.js';

const SMALL_SEGMENTS = { 'segment.bytes': '1024' };
const MARKER = '/data/.log-starts-recorded';
const LOG_STARTS = '/data/log-start-offset-checkpoint';
const OUT_OF_ROOM = { diskReserveBytes: 0 };

/** A log of four segments with one record each; the broker is stopped. */
async function brokerOfFour(): Promise<FakeBroker> {
  const broker = new FakeBroker();
  const log = await testLog(await broker.open(), SMALL_SEGMENTS);
  for (let i = 0; i < 4; i += 1) await appendValues(log, `${i}${filler(900)}`);
  await broker.scheduler.advance(1000);
  broker.crash();
  return broker;
}

async function openLog(broker: FakeBroker): Promise<Log> {
  const log = await testLog(await broker.open(), SMALL_SEGMENTS);
  log.updateHighWatermark(log.offsets.syncedEnd);
  return log;
}

function segmentName(base: number): string {
  return LOG_0.replace('0.log', `${base}.log`);
}

async function removeByHand(broker: FakeBroker, ...bases: number[]): Promise<void> {
  for (const base of bases) await broker.disk.removeFile(broker.path(segmentName(base)));
  await broker.disk.syncDirectory(broker.path(''));
}

const offsetsOf = async (log: Log, from?: number): Promise<number[]> =>
  (await readAll(log, from)).map(([offset]) => offset);

describe('a start of a log that is missing, and that nobody deleted', () => {
  it('is named at every start, and its offsets are answered as damaged', async () => {
    const broker = await brokerOfFour();
    await removeByHand(broker, 0, 1);
    for (let start = 0; start < 3; start += 1) {
      const log = await openLog(broker);
      expect(log.damage.lostStart).toEqual({ startOffset: 0, endOffset: 2 });
      expect(log.offsets.logStart).toBe(0);
      expect(broker.seen.damagedRanges).toMatchObject([{ startOffset: 0, endOffset: 2 }]);
      await expect(log.reader.read(0, 4096, 4)).rejects.toMatchObject({
        code: 'CORRUPT_MESSAGE',
        members: { damagedStartOffset: 0, damagedEndOffset: 2 },
      });
      expect(await offsetsOf(log, 2)).toEqual([2, 3]);
      await broker.scheduler.advance(60_000);
      broker.crash();
    }
  });

  it('does not stop the writes', async () => {
    const broker = await brokerOfFour();
    await removeByHand(broker, 0);
    const log = await openLog(broker);
    expect(await appendValues(log, 'next')).toMatchObject({ baseOffset: 4 });
  });

  it('is a loss behind a log start that was moved by deleting records', async () => {
    const broker = await brokerOfFour();
    const log = await openLog(broker);
    await log.trimmer.deleteRecordsBefore(1);
    await broker.scheduler.settle();
    await broker.disk.syncDirectory(broker.path(''));
    broker.crash();
    await removeByHand(broker, 1);
    expect((await openLog(broker)).damage.lostStart).toEqual({ startOffset: 1, endOffset: 2 });
  });

  it('is whole again when the segments come back', async () => {
    const broker = await brokerOfFour();
    await broker.disk.rename(broker.path(segmentName(0)), '/data/backup');
    await broker.disk.syncDirectory(broker.path(''));
    await broker.disk.syncDirectory('/data');
    expect((await openLog(broker)).damage.lostStart).toBeDefined();
    broker.crash();
    await broker.disk.rename('/data/backup', broker.path(segmentName(0)));
    const log = await openLog(broker);
    expect([log.damage.lostStart, log.damage.ranges]).toEqual([undefined, []]);
    expect(await offsetsOf(log)).toEqual([0, 1, 2, 3]);
  });

  it('is abandoned by its exact bounds: the log begins after it, even after a crash', async () => {
    const broker = await brokerOfFour();
    await removeByHand(broker, 0, 1);
    const log = await openLog(broker);
    await expect(log.damage.acceptLoss({ startOffset: 0, endOffset: 3 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining('those missing are 0 up to 2'),
      members: { lostStartOffset: 0, lostEndOffset: 2 },
    });
    await log.damage.acceptLoss({ startOffset: 0, endOffset: 2 });
    await log.damage.acceptLoss({ startOffset: 0, endOffset: 2 });
    expect([log.damage.lostStart, log.damage.ranges, log.offsets.logStart]).toEqual([
      undefined,
      [],
      2,
    ]);
    broker.crash();
    const again = await openLog(broker);
    expect([again.damage.lostStart, again.damage.ranges]).toEqual([undefined, []]);
    expect(await offsetsOf(again)).toEqual([2, 3]);
  });

  it('ends with the records that retention or a deletion removes after it', async () => {
    const broker = await brokerOfFour();
    await removeByHand(broker, 0);
    const log = await openLog(broker);
    await log.trimmer.deleteSegmentsBefore(2);
    expect([log.damage.lostStart, log.damage.ranges]).toEqual([undefined, []]);
    broker.crash();
    expect((await openLog(broker)).damage.lostStart).toBeUndefined();
  });

  it('and an end that is missing are both named and both abandoned', async () => {
    const broker = await brokerOfFour();
    await removeByHand(broker, 0, 3);
    const log = await openLog(broker);
    expect(log.damage.lostStart).toEqual({ startOffset: 0, endOffset: 1 });
    expect(log.damage.lostRecords).toMatchObject({ startOffset: 3, endOffset: 4 });
    await log.damage.acceptLoss({ startOffset: 3, endOffset: 4 });
    log.updateHighWatermark(log.offsets.syncedEnd);
    await log.damage.acceptLoss({ startOffset: 0, endOffset: 1 });
    expect([log.damage.lostStart, log.damage.lostRecords, log.damage.ranges]).toEqual([
      undefined,
      undefined,
      [],
    ]);
  });
});

describe('a log start that is not written down', () => {
  it('is not a loss in a directory of an older version, and is one from then on', async () => {
    const broker = await brokerOfFour();
    await broker.disk.removeFile(MARKER);
    await removeByHand(broker, 0);
    const log = await openLog(broker);
    expect([log.damage.lostStart, log.offsets.logStart]).toEqual([undefined, 1]);
    broker.crash();
    await removeByHand(broker, 1);
    expect((await openLog(broker)).damage.lostStart).toEqual({ startOffset: 1, endOffset: 2 });
  });

  const FAULTS = ['is missing', 'is empty', 'is damaged'];
  it.each(FAULTS)('is not a loss when the file %s', async (how) => {
    const broker = await brokerOfFour();
    const log = await openLog(broker);
    await log.trimmer.deleteRecordsBefore(2);
    await broker.scheduler.settle();
    await broker.disk.syncDirectory(broker.path(''));
    broker.crash();
    if (how === 'is missing') await broker.disk.removeFile(LOG_STARTS);
    else if (how === 'is damaged') broker.disk.corrupt(LOG_STARTS, 2, 0x40);
    else await (await broker.disk.open(LOG_STARTS, 'write')).truncate(0);
    const again = await openLog(broker);
    expect([again.damage.lostStart, again.offsets.logStart]).toEqual([undefined, 2]);
  });

  it.each(['retention deletes segments', 'a client deletes records'])(
    'is never a loss wherever the power fails while %s on a full disk',
    async (how) => {
      for (let crashAt = 1; ; crashAt += 1) {
        const broker = await brokerOfFour();
        const manager = await broker.open(OUT_OF_ROOM);
        const log = await testLog(manager, SMALL_SEGMENTS);
        log.updateHighWatermark(log.offsets.syncedEnd);
        broker.disk.capacityBytes = broker.disk.usedBytes;
        let operations = 0;
        let isCrashed = false;
        broker.onOperation = () => {
          operations += 1;
          if (operations !== crashAt) return;
          isCrashed = true;
          broker.crash();
        };
        if (how.startsWith('retention'))
          await log.trimmer.deleteSegmentsBefore(2).catch(() => undefined);
        else await log.trimmer.deleteRecordsBefore(2).catch(() => undefined);
        await broker.scheduler.settle();
        broker.onOperation = undefined;
        broker.disk.capacityBytes = Number.POSITIVE_INFINITY;
        if (!isCrashed) broker.crash();
        const again = await openLog(broker);
        expect([again.damage.lostStart, again.damage.ranges]).toEqual([undefined, []]);
        expect([0, 1, 2]).toContain(again.offsets.logStart);
        expect((await offsetsOf(again)).slice(-2)).toEqual([2, 3]);
        await broker.scheduler.advance(10_000);
        expect((await broker.names()).filter((name) => name.endsWith('.deleted'))).toEqual([]);
        broker.crash();
        expect((await openLog(broker)).damage.lostStart).toBeUndefined();
        if (!isCrashed) return;
      }
    },
  );

  it('makes room on a full disk: the new start is recorded in the freed space', async () => {
    const broker = await brokerOfFour();
    const log = await testLog(await broker.open(OUT_OF_ROOM), SMALL_SEGMENTS);
    log.updateHighWatermark(log.offsets.syncedEnd);
    broker.disk.capacityBytes = broker.disk.usedBytes;
    const usedBytes = broker.disk.usedBytes;
    expect(await log.trimmer.deleteSegmentsBefore(2)).toBe(2);
    await broker.scheduler.settle();
    expect(broker.disk.usedBytes).toBeLessThan(usedBytes - 1500);
    expect((await broker.disk.readFile(LOG_STARTS)).toString()).toContain('orders 0 2');
    expect((await broker.names()).filter((name) => name.endsWith('.deleted'))).toEqual([]);
  });

  it('leaves the log as it was when it fails for another reason than a full disk', async () => {
    const broker = await brokerOfFour();
    const log = await openLog(broker);
    broker.disk.failNext('open', 'EMFILE', { path: LOG_STARTS });
    await expect(log.trimmer.deleteSegmentsBefore(2)).rejects.toMatchObject({ retriable: true });
    expect(log.offsets.logStart).toBe(0);
    expect(await offsetsOf(log)).toEqual([0, 1, 2, 3]);
    expect(await log.trimmer.deleteSegmentsBefore(2)).toBe(2);
  });
});

describe('the offsets of a deleted log', () => {
  it('are not taken for those of a new one of its name after a crash', async () => {
    const broker = await brokerOfFour();
    const manager = await broker.open();
    const old = await testLog(manager, SMALL_SEGMENTS);
    old.updateHighWatermark(old.offsets.syncedEnd);
    await old.trimmer.deleteRecordsBefore(4);
    await broker.scheduler.advance(1000);
    await manager.deleteLog(TOPIC);
    const made = await manager.createLog(TOPIC, TOPIC_ID, topicConfig());
    await appendValues(made, 'a');
    broker.crash();
    const again = await openLog(broker);
    expect([again.isWritable, again.damage.ranges]).toEqual([true, []]);
    expect(await readAll(again)).toEqual([[0, 'a']]);
  });
});
