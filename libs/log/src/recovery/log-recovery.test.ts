import { describe, expect, it } from 'vitest';
import { stampBatch } from '../record-batch/record-batch.js';
import {
  appendValues,
  batchBytes,
  FakeBroker,
  filler,
  INDEX_0,
  LOG_0,
  readAll,
  TIME_INDEX_0,
  TOPIC,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const LOG_2 = '00000000000000000002.log';

/** Writes bytes to a file of the partition, durably, as a machine that fails may leave them. */
async function write(
  broker: FakeBroker,
  name: string,
  bytes: Buffer,
  position: number,
): Promise<void> {
  const file = await broker.disk.open(broker.path(name), 'create');
  await file.writev([bytes], position);
  await file.datasync();
  await broker.disk.syncDirectory(`/data/${TOPIC.topic}-${TOPIC.partition}`);
  await file.close();
}

/** A batch as a leader would have written it at this offset. */
function stamped(offset: number, ...values: string[]): Buffer {
  const bytes = valuesBatch(values);
  stampBatch(bytes, offset, 0);
  return bytes;
}

/** Three acknowledged records, one a batch; the broker runs no more. */
async function brokerOfThree(): Promise<FakeBroker> {
  const broker = new FakeBroker();
  const log = await testLog(await broker.open());
  for (const value of ['a', 'b', 'c']) await appendValues(log, value);
  return broker;
}

describe('recovery', () => {
  it('finds everything acknowledged after a power failure', async () => {
    const broker = await brokerOfThree();
    broker.crash();
    const log = await testLog(await broker.open());
    expect(await readAll(log)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    expect(broker.seen.cutBytes).toBe(0);
  });

  it('truncates a torn batch at the tail and keeps what it cut', async () => {
    const broker = await brokerOfThree();
    const size = 3 * batchBytes('a');
    const torn = stamped(3, 'never acknowledged').subarray(0, 70);
    await write(broker, LOG_0, torn, size);
    broker.crash();
    const log = await testLog(await broker.open());
    expect(log.offsets.logEnd).toBe(3);
    expect(log.isWritable).toBe(true);
    expect(broker.seen.cutBytes).toBe(70);
    expect(await broker.disk.readFile(broker.path(`${LOG_0}.cut-1`))).toEqual(torn);
    expect(await broker.disk.fileSize(broker.path(LOG_0))).toBe(size);
    expect(await appendValues(log, 'd')).toMatchObject({ baseOffset: 3 });
  });

  it('numbers what it keeps of several crashes', async () => {
    const broker = await brokerOfThree();
    const size = 3 * batchBytes('a');
    for (const n of [1, 2]) {
      await write(broker, LOG_0, Buffer.alloc(n * 10), size);
      broker.crash();
      await broker.open();
    }
    expect(await broker.disk.fileSize(broker.path(`${LOG_0}.cut-1`))).toBe(10);
    expect(await broker.disk.fileSize(broker.path(`${LOG_0}.cut-2`))).toBe(20);
  });

  it('counts what it keeps, also of earlier crashes, until the log is deleted', async () => {
    const broker = await brokerOfThree();
    const size = 3 * batchBytes('a');
    for (const [n, kept] of [
      [1, 10],
      [2, 30],
    ] as const) {
      await write(broker, LOG_0, Buffer.alloc(n * 10), size);
      broker.crash();
      expect((await broker.open()).quarantine.bytes).toBe(kept);
    }
    broker.crash();
    const manager = await broker.open();
    expect(manager.quarantine.bytes).toBe(30);
    await manager.deleteLog(TOPIC);
    expect(manager.quarantine.bytes).toBe(0);
  });

  it('cuts a size that survived without its data', async () => {
    const broker = await brokerOfThree();
    await write(broker, LOG_0, Buffer.alloc(4096), 3 * batchBytes('a'));
    broker.crash();
    const log = await testLog(await broker.open());
    expect(log.offsets.logEnd).toBe(3);
    expect(log.damage.ranges).toEqual([]);
  });

  it('takes a bad batch with valid ones after it for damage, and serves those', async () => {
    const broker = await brokerOfThree();
    broker.crash();
    broker.disk.corrupt(broker.path(LOG_0), batchBytes('a') + 65);
    const log = await testLog(await broker.open());
    expect(log.offsets.logEnd).toBe(3);
    expect(log.isWritable).toBe(true);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 1, endOffset: 2 }]);
    expect(broker.seen.damagedRanges).toHaveLength(1);
    expect(broker.seen.cutBytes).toBe(0);
    expect((await log.reader.read(0, 1, 3)).map(({ lastOffset }) => lastOffset)).toEqual([0]);
    await expect(log.reader.read(1, 1, 3)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    expect((await log.reader.read(2, 1, 3)).map(({ lastOffset }) => lastOffset)).toEqual([2]);
  });

  it('finds valid batches after one whose length is damaged', async () => {
    const broker = await brokerOfThree();
    broker.crash();
    broker.disk.corrupt(broker.path(LOG_0), 10, 0x40);
    const log = await testLog(await broker.open());
    expect(log.damage.ranges).toMatchObject([{ startOffset: 0, endOffset: 1 }]);
    expect((await log.reader.read(1, 4096, 3)).map(({ lastOffset }) => lastOffset)).toEqual([1, 2]);
  });

  it('takes a partition offline when committed records are missing at its end', async () => {
    const broker = await brokerOfThree();
    await broker.scheduler.advance(1000);
    broker.crash();
    broker.disk.corrupt(broker.path(LOG_0), 2 * batchBytes('a') + 65);
    const log = await testLog(await broker.open());
    expect(log.isWritable).toBe(false);
    expect(log.offsets.logEnd).toBe(3);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 2, endOffset: 3 }]);
    expect((await log.reader.read(0, 4096, 3)).map(({ lastOffset }) => lastOffset)).toEqual([0, 1]);
    await expect(log.reader.read(2, 4096, 3)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    await expect(appendValues(log, 'd')).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      message: expect.stringContaining('until its log is restored'),
    });
  });

  it('finds the same again at the next start, clean or not', async () => {
    const broker = await brokerOfThree();
    await broker.scheduler.advance(1000);
    broker.crash();
    const file = await broker.disk.open(broker.path(LOG_0), 'write');
    await file.truncate(batchBytes('a'));
    await file.datasync();
    await (await broker.open()).close();
    const log = await testLog(await broker.open());
    expect(log.isWritable).toBe(false);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 1, endOffset: 3 }]);
    expect((await log.reader.read(0, 4096, 3)).map(({ lastOffset }) => lastOffset)).toEqual([0]);
    await expect(log.reader.read(1, 4096, 3)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
  });

  it('ends with a sync: what it found cannot be lost by the next power failure', async () => {
    const broker = await brokerOfThree();
    broker.crash();
    // A killed process leaves this state: the machine has the bytes, the disk does not.
    const file = await broker.disk.open(broker.path(LOG_0), 'write');
    await file.writev([stamped(3, 'd')], 3 * batchBytes('a'));
    expect((await testLog(await broker.open())).offsets.logEnd).toBe(4);
    broker.crash();
    expect((await readAll(await testLog(await broker.open())))[3]).toEqual([3, 'd']);
  });

  it('reads only the last batches of the segments before the recovery point', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    for (let i = 0; i < 4; i += 1) await appendValues(log, filler(900));
    await broker.scheduler.advance(1000);
    broker.crash();
    const before = broker.disk.counts(broker.path(LOG_0)).reads;
    const again = await testLog(await broker.open());
    expect(again.segments).toHaveLength(4);
    expect(broker.disk.counts(broker.path(LOG_0)).reads).toBe(before + 1);
  });

  it('rewrites what a failed sync may have left in memory, before it is read', async () => {
    const broker = await brokerOfThree();
    broker.disk.kill();
    const log = await testLog(await broker.open());
    broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    await expect(appendValues(log, 'd')).rejects.toMatchObject({ outcome: 'unknown' });
    broker.disk.kill();
    // The process is another one, the machine is the same: it reads the record from memory.
    expect(await readAll(await testLog(await broker.open()))).toHaveLength(4);
    broker.crash();
    expect(await readAll(await testLog(await broker.open()))).toHaveLength(4);
  });

  it('reads a log once that has no idempotent producers', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (let i = 0; i < 50; i += 1) await appendValues(log, filler(1000));
    // The recovery point is written down: what it covers is not written again.
    await broker.scheduler.advance(1000);
    broker.crash();
    const before = broker.disk.counts(broker.path(LOG_0)).reads;
    await broker.open();
    expect(broker.disk.counts(broker.path(LOG_0)).reads - before).toBe(1);
  });

  it('makes the name of a new segment durable before it acknowledges its records', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    for (let i = 0; i < 3; i += 1) await appendValues(log, `${i}`.repeat(900));
    broker.crash();
    const again = await testLog(await broker.open());
    expect(again.offsets.logEnd).toBe(3);
    expect(again.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
    expect((await readAll(again)).map(([offset]) => offset)).toEqual([0, 1, 2]);
  });

  it('removes an empty segment that a roll left, and cuts the torn tail before it', async () => {
    const broker = await brokerOfThree();
    await write(broker, LOG_0, Buffer.alloc(30), 3 * batchBytes('a'));
    await write(broker, '00000000000000000003.log', Buffer.alloc(0), 0);
    broker.crash();
    const log = await testLog(await broker.open());
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0]);
    expect(log.offsets.logEnd).toBe(3);
    expect(await appendValues(log, 'd')).toMatchObject({ baseOffset: 3 });
  });

  it('reports a segment that is missing in the middle', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    for (let i = 0; i < 5; i += 1) await appendValues(log, filler(900));
    broker.crash();
    await broker.disk.removeFile(broker.path(LOG_2));
    const again = await testLog(await broker.open());
    await expect(again.reader.read(2, 4096, 5)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
      members: { damagedStartOffset: 2, damagedEndOffset: 3 },
    });
    expect((await again.reader.read(3, 4096, 5))[0]?.baseOffset).toBe(3);
  });

  it('builds missing and damaged indexes again', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager, { 'segment.bytes': '20000' });
    for (let i = 0; i < 40; i += 1) await appendValues(log, filler(1000));
    await manager.close();
    await broker.disk.removeFile(broker.path(INDEX_0));
    await write(broker, TIME_INDEX_0, Buffer.from([1, 2, 3]), 0);
    const again = await testLog(await broker.open());
    expect(await readAll(again)).toHaveLength(40);
    expect(await again.reader.offsetForTimestamp(1000, 40)).toMatchObject({ offset: 0 });
    expect(again.segments[0]?.offsetIndex.entryCount).toBeGreaterThan(2);
  });

  it('repairs an index that points into the middle of a batch', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    for (let i = 0; i < 30; i += 1) await appendValues(log, filler(1000));
    await manager.close();
    // The position of the second entry.
    broker.disk.corrupt(broker.path(INDEX_0), 15, 1);
    const again = await testLog(await broker.open());
    const batches = await again.reader.read(10, 1, 30);
    expect(batches[0]?.baseOffset).toBe(10);
    expect(again.damage.ranges).toEqual([]);
    expect(await readAll(again)).toHaveLength(30);
  });

  it('removes what unfinished work left behind', async () => {
    const broker = await brokerOfThree();
    const leftovers = [
      '00000000000000000000.log.cleaned',
      '00000000000000000000.index.cleaned',
      '00000000000000000001.log.deleted',
      '00000000000000000002.timeindex.deleted',
      '00000000000000000002.timeindex.swap',
      '00000000000000000007.index',
      'leader-epoch-checkpoint.tmp',
    ];
    for (const name of leftovers) await write(broker, name, Buffer.from('left over'), 0);
    broker.crash();
    const log = await testLog(await broker.open());
    expect(await readAll(log)).toHaveLength(3);
    const names = await broker.names();
    for (const name of leftovers) expect(names).not.toContain(name);
  });

  it('reads the leader epochs from the log when their file is damaged', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    await log.writer.append([valuesBatch(['a'])], { leaderEpoch: 1 });
    await log.writer.append([valuesBatch(['b'])], { leaderEpoch: 4 });
    await manager.close();
    await write(broker, 'leader-epoch-checkpoint', Buffer.from('nonsense'), 0);
    const again = await testLog(await broker.open());
    expect(again.leadership.epochAt(0)).toBe(1);
    expect(again.leadership.epochEnd(1)).toEqual({ epoch: 1, endOffset: 1 });
    expect(again.leadership.latestEpoch).toBe(4);
  });

  it('keeps a leader epoch in which nothing was written', async () => {
    const broker = await brokerOfThree();
    broker.crash();
    const log = await testLog(await broker.open());
    await log.leadership.assignEpoch(9);
    broker.crash();
    expect((await testLog(await broker.open())).leadership.latestEpoch).toBe(9);
  });

  it('is not needed after a clean stop', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    for (let i = 0; i < 100; i += 1) await appendValues(log, filler(1000));
    await manager.close();
    expect(await broker.disk.fileSize('/data/.kafka_cleanshutdown')).toBeGreaterThan(0);
    const before = broker.disk.counts(broker.path(LOG_0)).reads;
    const again = await testLog(await broker.open());
    expect(again.offsets.logEnd).toBe(100);
    // One read of the batch that the time index ends with, one of what follows the last entry.
    expect(broker.disk.counts(broker.path(LOG_0)).reads - before).toBe(2);
    expect(await broker.disk.fileSize('/data/.kafka_cleanshutdown')).toBeUndefined();
  });

  it('starts over when a clean stop’s log does not end where it should', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    for (const value of ['a', 'b', 'c']) await appendValues(log, value);
    await manager.close();
    await write(broker, LOG_0, stamped(3, 'appended by hand'), 3 * batchBytes('a'));
    const again = await testLog(await broker.open());
    expect(again.offsets.logEnd).toBe(4);
  });
});
