import { describe, expect, it } from 'vitest';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  testLog,
  valuesBatch,
} from './testing/log-fixture.js';
import { testBatch } from './testing/test-batches.js';

/** Each test is a fault that random histories have found, in its shortest form. */
describe('a truncation', () => {
  it('cuts the records after damage', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    await appendValues(log, 'a');
    for (const value of ['b', 'c'])
      await log.writer.append([valuesBatch([value])], { leaderEpoch: 0 });
    await manager.close();
    broker.disk.corrupt(broker.path(LOG_0), 16, 0xff);

    const again = await testLog(await broker.open());
    await again.trimmer.truncateTo(2);
    expect(await again.writer.append([valuesBatch(['d'])], { leaderEpoch: 0 })).toMatchObject({
      baseOffset: 2,
    });
    expect(await readAll(again, 1)).toEqual([
      [1, 'b'],
      [2, 'd'],
    ]);
  });

  it('leaves no recovery point above the new end', async () => {
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
});

describe('a producer snapshot above the end of a truncation', () => {
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  const nextEpoch = { ...producer, producerEpoch: 1 };
  const record = { key: null, value: 'a', timestamp: 1 };

  it('does not come back with a crash, once the log has grown to its offset again', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['first'])], { leaderEpoch: 0 });
    await log.writer.append([testBatch([record], producer)], { leaderEpoch: 0 });
    await log.roll();
    await broker.scheduler.settle();
    await log.trimmer.truncateTo(1);
    await log.writer.append([testBatch([record], nextEpoch)], { leaderEpoch: 0 });
    broker.crash();

    const again = await testLog(await broker.open());
    const next = testBatch([record], { ...nextEpoch, baseSequence: 1 });
    expect(await again.writer.append([next], { leaderEpoch: 0 })).toMatchObject({ baseOffset: 2 });
  });
});

describe('a start after a crash amid a roll', () => {
  it('does not trust an index that was written before the segment was full', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await testLog(manager);
    await manager.close();
    const second = await testLog(await broker.open());
    await second.writer.append([testBatch([{ key: null, value: 'a', timestamp: 5000 }])], {
      leaderEpoch: 0,
    });
    await broker.scheduler.advance(1000);
    broker.disk.failNext('open', 'EIO', { path: 'index', times: 9 });
    await second.roll();
    broker.crash();

    const log = await testLog(await broker.open());
    expect((await log.reader.offsetForTimestamp(4000, 1))?.offset).toBe(0);
  });
});

describe('a batch whose records were deleted', () => {
  it('is recognised wherever the power fails in a roll', async () => {
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    for (let crashAt = 1, isOver = false; !isOver; crashAt += 1) {
      const broker = new FakeBroker();
      const log = await testLog(await broker.open());
      await log.writer.append([valuesBatch(['a'], producer)], { leaderEpoch: 0 });
      log.updateHighWatermark(log.offsets.syncedEnd);
      await log.trimmer.deleteRecordsBefore(1);
      let operations = 0;
      broker.onOperation = () => {
        operations += 1;
        if (operations === crashAt) broker.crash();
      };
      await log.roll().catch(() => undefined);
      broker.onOperation = undefined;
      isOver = operations < crashAt;
      if (isOver) broker.crash();

      const again = await testLog(await broker.open());
      again.updateHighWatermark(again.offsets.syncedEnd);
      const retried = await again.writer.append([valuesBatch(['a'], producer)], { leaderEpoch: 0 });
      expect(retried, `power fails at operation ${crashAt}`).toMatchObject({
        isDuplicate: true,
        baseOffset: 0,
      });
    }
  });
});

describe('leader epochs', () => {
  it('are not forgotten when recovery meets a batch that begins below the log start', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a', 'b'])], { leaderEpoch: 1 });
    log.updateHighWatermark(log.offsets.syncedEnd);
    await log.trimmer.deleteRecordsBefore(1);
    await log.leadership.assignEpoch(2);
    broker.crash();
    const again = await testLog(await broker.open());
    expect(again.leadership.latestEpoch).toBe(2);
    expect(again.leadership.epochAt(1)).toBe(1);
  });
});

describe('producer state', () => {
  it('is kept by a crash for records that were deleted from the log start', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    await log.writer.append([valuesBatch(['a', 'b'], producer)], { leaderEpoch: 0 });
    await appendValues(log, filler(10));
    await log.trimmer.deleteRecordsBefore(3);
    broker.crash();

    const again = await testLog(await broker.open());
    again.updateHighWatermark(again.offsets.syncedEnd);
    const retry = again.writer.append([valuesBatch(['a', 'b'], producer)], { leaderEpoch: 0 });
    expect(await retry).toMatchObject({ baseOffset: 0, isDuplicate: true });
  });
});
