import { expect, it } from 'vitest';
import { appendValues, FakeBroker, testLog } from '../testing/log-fixture.js';

const HIGH_WATERMARKS = '/data/replication-offset-checkpoint';
/** More than the time between two checkpoints. */
const LATER_MS = 120_000;

it('writes the file of a kind of offset only when one of them has changed', async () => {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await testLog(manager);
  const two = await manager.createLog({ topic: 'two', partition: 0 }, 'id', log.config);
  const writesWhile = async (change: () => Promise<unknown>): Promise<number> => {
    await change();
    const before = broker.disk.counts(`${HIGH_WATERMARKS}.tmp`).writes;
    await broker.scheduler.advance(LATER_MS);
    return broker.disk.counts(`${HIGH_WATERMARKS}.tmp`).writes - before;
  };
  expect(await writesWhile(() => appendValues(log, 'a'))).toBe(1);
  expect(await writesWhile(() => Promise.resolve())).toBe(0);
  expect(await writesWhile(() => appendValues(log, 'b'))).toBe(1);
  expect(await writesWhile(() => appendValues(two, 'c'))).toBe(1);
  expect(await writesWhile(() => Promise.resolve())).toBe(0);
});

it('writes a file again when a log is deleted, and those of one kind only', async () => {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await testLog(manager);
  const two = await manager.createLog({ topic: 'two', partition: 0 }, 'id', log.config);
  await appendValues(log, 'a');
  await appendValues(two, 'b');
  await broker.scheduler.advance(LATER_MS);
  const writes = () => ({
    highWatermarks: broker.disk.counts(`${HIGH_WATERMARKS}.tmp`).writes,
    logStarts: broker.disk.counts('/data/log-start-offset-checkpoint.tmp').writes,
  });
  const before = writes();
  await manager.deleteLog({ topic: 'two', partition: 0 });
  await broker.scheduler.advance(LATER_MS);
  const { highWatermarks, logStarts } = before;
  expect(writes()).toEqual({ highWatermarks: highWatermarks + 1, logStarts });
});
