import { describe, expect, it } from 'vitest';
import type { LogManagerOptions } from '../data-dir/log-manager-options.js';
import type { Log } from '../log.js';
import { emptyBatch } from '../record-batch/empty-batch.js';
import { stampBatch } from '../record-batch/record-batch.js';
import { segmentFileName } from '../segment/segment-names.js';
import {
  appendValues,
  batchBytes,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const LOST = { startOffset: 1, endOffset: 3 };
const ELECTION = { epoch: 1, electionId: 'first' };
const VALUES = ['a', 'b', 'c'];

/** A broker whose log had three records, one a batch; the last two are cut from the file. */
async function brokerThatLost(): Promise<FakeBroker> {
  const broker = await stoppedBroker(VALUES);
  await cutFile(broker, LOG_0, batchBytes('a'));
  return broker;
}

async function stoppedBroker(
  values: readonly string[],
  segmentBytes = '1048576',
): Promise<FakeBroker> {
  const broker = new FakeBroker();
  const log = await testLog(await broker.open(), { 'segment.bytes': segmentBytes });
  for (const value of values) await appendValues(log, value);
  await broker.scheduler.advance(1000);
  broker.crash();
  return broker;
}

async function cutFile(broker: FakeBroker, name: string, sizeBytes: number): Promise<void> {
  const file = await broker.disk.open(broker.path(name), 'write');
  await file.truncate(sizeBytes);
  await file.datasync();
  await file.close();
}

async function openLog(broker: FakeBroker, options: Partial<LogManagerOptions> = {}): Promise<Log> {
  return testLog(await broker.open(options));
}

/** The log is complete, the lost offsets are empty, and the next record gets the next offset. */
async function expectGivenUp(log: Log): Promise<void> {
  expect(log.damage.lostRecords).toBeUndefined();
  expect(log.isWritable).toBe(true);
  expect(log.damage.ranges).toEqual([]);
  expect(log.offsets.logEnd).toBe(3);
  expect(await readAll(log)).toEqual([[0, 'a']]);
  expect(await readAll(log, 1)).toEqual([]);
}

describe('lost records at the end of a log', () => {
  it('are named, and their loss is never accepted without a call', async () => {
    const broker = await brokerThatLost();
    for (let start = 0; start < 3; start += 1) {
      const log = await openLog(broker);
      await broker.scheduler.advance(60_000);
      expect(log.damage.lostRecords).toMatchObject(LOST);
      expect(log.isWritable).toBe(false);
      await expect(appendValues(log, 'd')).rejects.toMatchObject({
        code: 'KAFKA_STORAGE_ERROR',
        message: expect.stringContaining('records 1 up to 3 are missing at the end of its log'),
      });
      broker.crash();
    }
  });

  it('are accepted as lost: their offsets hold nothing, and are not given to others', async () => {
    const broker = await brokerThatLost();
    const log = await openLog(broker);
    await log.damage.acceptLoss(LOST);
    await expectGivenUp(log);
    expect(await appendValues(log, 'd')).toMatchObject({ baseOffset: 3 });
    for (const end of ['crash', 'clean stop']) {
      if (end === 'crash') broker.crash();
      else await (await broker.open()).close();
      const again = await openLog(broker);
      expect(again.isWritable).toBe(true);
      expect(again.damage.ranges).toEqual([]);
      expect(again.leadership.epochEnd(0)).toEqual({ epoch: 0, endOffset: 4 });
      expect(await readAll(again)).toEqual([
        [0, 'a'],
        [3, 'd'],
      ]);
      expect((await again.reader.read(1, 4096, 4)).map(({ baseOffset }) => baseOffset)).toEqual([
        1, 3,
      ]);
      broker.crash();
    }
  });

  it('stay accepted as lost after a power failure, before anything else was written', async () => {
    const broker = await brokerThatLost();
    await (await openLog(broker)).damage.acceptLoss(LOST);
    broker.crash();
    await expectGivenUp(await openLog(broker));
  });

  it('leave their damaged bytes beside the log', async () => {
    const broker = await stoppedBroker(VALUES);
    const content = await broker.disk.readFile(broker.path(LOG_0));
    broker.disk.corrupt(broker.path(LOG_0), batchBytes('a') + 65);
    broker.disk.corrupt(broker.path(LOG_0), 2 * batchBytes('a') + 65);
    const log = await openLog(broker);
    await log.damage.acceptLoss(LOST);
    await expectGivenUp(log);
    const kept = await broker.disk.readFile(broker.path(`${LOG_0}.cut-1`));
    expect(kept.length).toBe(content.length - batchBytes('a'));
    expect(broker.seen.cutBytes).toBe(kept.length);
    broker.crash();
    await expectGivenUp(await openLog(broker));
  });

  it('may be whole segments', async () => {
    const values = Array.from({ length: 4 }, () => filler(900));
    const broker = await stoppedBroker(values, '1024');
    for (const base of [1, 2, 3]) {
      await broker.disk.removeFile(broker.path(LOG_0.replace('0.log', `${base}.log`)));
    }
    const log = await openLog(broker);
    expect(log.damage.lostRecords).toMatchObject({ startOffset: 1, endOffset: 4 });
    await log.damage.acceptLoss({ startOffset: 1, endOffset: 4 });
    expect(await appendValues(log, 'd')).toMatchObject({ baseOffset: 4 });
    broker.crash();
    expect((await readAll(await openLog(broker))).map(([offset]) => offset)).toEqual([0, 4]);
  });

  it('are accepted as lost by exactly their bounds alone, which a refusal names', async () => {
    const log = await openLog(await brokerThatLost());
    for (const range of [
      { startOffset: 0, endOffset: 3 },
      { startOffset: 1, endOffset: 2 },
      { startOffset: 1, endOffset: 4 },
    ]) {
      await expect(log.damage.acceptLoss(range)).rejects.toMatchObject({
        code: 'OFFSET_OUT_OF_RANGE',
        message: expect.stringContaining('those missing are 1 up to 3'),
        members: { lostStartOffset: 1, lostEndOffset: 3 },
      });
    }
    expect(log.isWritable).toBe(false);
  });

  it('are accepted as lost once: the same call again does nothing, others fail', async () => {
    const broker = await brokerThatLost();
    let log = await openLog(broker);
    await Promise.all([log.damage.acceptLoss(LOST), log.damage.acceptLoss(LOST)]);
    await appendValues(log, 'd');
    for (let round = 0; round < 2; round += 1) {
      const sizeBytes = log.sizeBytes;
      await log.damage.acceptLoss(LOST);
      expect(log.sizeBytes).toBe(sizeBytes);
      const others = [
        { startOffset: 1, endOffset: 2 },
        { startOffset: 3, endOffset: 4 },
        { startOffset: 4, endOffset: 9 },
      ];
      for (const other of others) {
        await expect(log.damage.acceptLoss(other)).rejects.toMatchObject({
          code: 'OFFSET_OUT_OF_RANGE',
          message: expect.stringContaining('no records are missing there'),
        });
      }
      broker.crash();
      log = await openLog(broker);
    }
  });

  it('are not what a failed sync leaves: that is refused', async () => {
    const broker = new FakeBroker();
    const log = await openLog(broker);
    await appendValues(log, 'a');
    broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    await expect(appendValues(log, 'b')).rejects.toMatchObject({ outcome: 'unknown' });
    await expect(log.damage.acceptLoss({ startOffset: 1, endOffset: 2 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    expect(log.isWritable).toBe(false);
  });

  it('are not accepted as lost when one batch cannot have their offsets', async () => {
    const far = 2 ** 32;
    const broker = new FakeBroker();
    const log = await openLog(broker);
    await appendValues(log, 'a');
    await log.leadership.stopLeading();
    await log.leadership.tryAccept(ELECTION);
    const copy = valuesBatch(['b']);
    stampBatch(copy, far, 1);
    const leader = { election: ELECTION, compactedEndOffset: far, elections: [] };
    await log.copies.append([copy], leader);
    await broker.scheduler.advance(1000);
    broker.crash();
    await broker.disk.removeFile(broker.path(segmentFileName(far, 'log')));
    const again = await openLog(broker);
    const lost = { startOffset: 1, endOffset: far + 1 };
    expect(again.damage.lostRecords).toMatchObject(lost);
    await expect(again.damage.acceptLoss(lost)).rejects.toMatchObject({
      code: 'POLICY_VIOLATION',
      message: expect.stringContaining('the log must be restored'),
    });
    expect(again.isWritable).toBe(false);
  });

  it('are not accepted as lost between two segments if one batch cannot hold them', async () => {
    const broker = new FakeBroker();
    const log = await openLog(broker);
    await appendValues(log, 'a');
    await log.roll();
    await log.leadership.stopLeading();
    await log.leadership.tryAccept(ELECTION);
    const leader = { election: ELECTION, compactedEndOffset: 0, elections: [] };
    const bounds = [1, 2 ** 31, 2 ** 32];
    // Two batches with as many offsets as a batch can have, each in a segment of its own.
    for (const [at, baseOffset] of bounds.slice(0, -1).entries()) {
      const lastOffset = (bounds[at + 1] ?? 0) - 1;
      await log.copies.append([emptyBatch({ baseOffset, lastOffset }, 1)], leader);
      await log.roll();
    }
    const last = valuesBatch(['b']);
    stampBatch(last, 2 ** 32, 1);
    await log.copies.append([last], leader);
    await broker.scheduler.advance(1000);
    broker.crash();
    for (const base of bounds.slice(0, -1)) {
      await broker.disk.removeFile(broker.path(segmentFileName(base, 'log')));
    }
    const again = await openLog(broker);
    const lost = { startOffset: 1, endOffset: 2 ** 32 };
    expect(again.damage.lostBetween).toEqual([lost]);
    await expect(again.damage.acceptLoss(lost)).rejects.toMatchObject({
      code: 'POLICY_VIOLATION',
      message: expect.stringContaining('the log must be restored'),
    });
    expect(again.damage.lostBetween).toEqual([lost]);
  });

  it('are accepted as lost on a full disk', async () => {
    const broker = await brokerThatLost();
    const manager = await broker.open({ diskReserveBytes: 1000 });
    const log = await testLog(manager);
    broker.disk.capacityBytes = broker.disk.usedBytes;
    await log.damage.acceptLoss(LOST);
    expect(manager.reserve.isWhole).toBe(false);
    expect(log.isWritable).toBe(true);
    broker.crash();
    await expectGivenUp(await openLog(broker, { diskReserveBytes: 1000 }));
  });

  it.each([
    ['writev', LOG_0],
    ['datasync', LOG_0],
    ['truncate', LOG_0],
    ['writev', 'cut-1'],
  ] as const)(
    'stay lost when the disk fails (%s of %s), and can be accepted as lost later',
    async (point, path) => {
      const broker = await stoppedBroker(VALUES);
      broker.disk.corrupt(broker.path(LOG_0), batchBytes('a') + 65);
      broker.disk.corrupt(broker.path(LOG_0), 2 * batchBytes('a') + 65);
      const log = await openLog(broker);
      broker.disk.failNext(point, 'EIO', { path });
      await expect(log.damage.acceptLoss(LOST)).rejects.toMatchObject({
        code: 'KAFKA_STORAGE_ERROR',
      });
      expect(log.isWritable).toBe(false);
      expect(log.damage.lostRecords).toMatchObject(LOST);
      await expect(log.reader.read(1, 100, 3)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
      await log.damage.acceptLoss(LOST);
      await expectGivenUp(log);
      broker.crash();
      await expectGivenUp(await openLog(broker));
    },
  );

  it('are lost or accepted as lost after a crash at any moment, never anything else', async () => {
    for (let crashAt = 1, hasCrashed = true; hasCrashed; crashAt += 1) {
      const broker = await stoppedBroker(VALUES);
      broker.disk.corrupt(broker.path(LOG_0), batchBytes('a') + 65);
      broker.disk.corrupt(broker.path(LOG_0), 2 * batchBytes('a') + 65);
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
      if (again.damage.lostRecords !== undefined) {
        expect(again.damage.lostRecords, `crash at ${crashAt}`).toMatchObject(LOST);
        await again.damage.acceptLoss(LOST);
      }
      await expectGivenUp(again);
    }
  });
});
