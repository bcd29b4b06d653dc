import { describe, expect, it } from 'vitest';
import { stampBatch } from '../record-batch/record-batch.js';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  TOPIC_ID,
  testLog,
  topicConfig,
  valuesBatch,
} from '../testing/log-fixture.js';

const RESERVE_BYTES = 4000;
const OPTIONS = { diskReserveBytes: RESERVE_BYTES };
const OTHER = { topic: 'other', partition: 0 };

describe('recovery on a disk without a byte of room', () => {
  it('keeps a torn tail in what is held back, and the partition opens', async () => {
    const { broker, torn } = await fullBrokerWithTornTail(RESERVE_BYTES - 1000);
    const manager = await broker.open(OPTIONS);
    const log = await testLog(manager);
    expect(manager.unopenedLogs.size).toBe(0);
    expect((await readAll(log)).map(([offset]) => offset)).toEqual([0, 1, 2]);
    expect(log.isWritable).toBe(true);
    expect(await broker.disk.readFile(broker.path(`${LOG_0}.cut-1`))).toEqual(torn);
    expect(await broker.names()).not.toContain(`${LOG_0}.cut-2`);
    expect(manager.reserve.status).toEqual({ isDiskFull: true, heldBytes: 0 });
    broker.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await broker.scheduler.advance(1000);
    expect(await appendValues(log, 'd')).toMatchObject({ baseOffset: 3 });
  });

  it('leaves a larger tail, and the space for deleting records elsewhere', async () => {
    const { broker, torn } = await fullBrokerWithTornTail(RESERVE_BYTES + 1000);
    const manager = await broker.open(OPTIONS);
    expect([...manager.unopenedLogs.keys()]).toEqual(['orders-0']);
    expect(await broker.names()).not.toContain(`${LOG_0}.cut-1`);
    const other = manager.log(OTHER);
    await other?.trimmer.deleteRecordsBefore(1);
    expect(other?.offsets.logStart).toBe(1);
    broker.disk.crash();
    broker.disk.capacityBytes = Number.POSITIVE_INFINITY;
    const again = await broker.open(OPTIONS);
    expect(again.log(OTHER)?.offsets.logStart).toBe(1);
    expect((await testLog(again)).offsets.logEnd).toBe(3);
    expect(await broker.disk.readFile(broker.path(`${LOG_0}.cut-1`))).toEqual(torn);
  });

  it.each([
    ['indexes', /index$/],
    ['leader epochs', /^leader-epoch/],
  ])('writes the %s that it rebuilds', async (_, removed) => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(OPTIONS), { 'segment.bytes': '16384' });
    for (let record = 0; record < 40; record += 1) await appendValues(log, filler(1000));
    broker.crash();
    const names = (await broker.names()).filter((name) => removed.test(name));
    for (const name of names) await broker.disk.removeFile(broker.path(name));
    broker.disk.capacityBytes = broker.disk.usedBytes;
    const manager = await broker.open(OPTIONS);
    expect(manager.unopenedLogs.size).toBe(0);
    expect(await readAll(await testLog(manager))).toHaveLength(40);
    expect(await broker.names()).toEqual(expect.arrayContaining(names));
    expect(manager.reserve.isWhole).toBe(false);
  });
});

/** Two logs; that of the test ends with bytes that are not a batch, and the disk is full. */
async function fullBrokerWithTornTail(
  tornBytes: number,
): Promise<{ readonly broker: FakeBroker; readonly torn: Buffer }> {
  const broker = new FakeBroker();
  const manager = await broker.open(OPTIONS);
  const log = await testLog(manager);
  for (const value of ['a', 'b', 'c']) await appendValues(log, value);
  await appendValues(await manager.createLog(OTHER, `${TOPIC_ID}-2`, topicConfig()), 'x', 'y');
  const batch = valuesBatch([filler(2 * tornBytes)]);
  stampBatch(batch, 3, 0);
  const torn = batch.subarray(0, tornBytes);
  const file = await broker.disk.open(broker.path(LOG_0), 'write');
  await file.writev([torn], await file.sizeBytes());
  await file.datasync();
  await file.close();
  await broker.scheduler.advance(1000);
  broker.crash();
  broker.disk.capacityBytes = broker.disk.usedBytes;
  return { broker, torn };
}
