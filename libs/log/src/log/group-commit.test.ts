import { describe, expect, it, vi } from 'vitest';
import { RecordingLogger } from '#runtime/testing';
import { HeldFileSystem } from '../testing/held-file-system.js';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  testLog,
  topicConfig,
  valuesBatch,
} from '../testing/log-fixture.js';
import type { AppendResult } from './append-round.js';

const EPOCH = { leaderEpoch: 0 };

describe('group commit', () => {
  it('writes and syncs appends of one task once, in the order of the calls', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const before = broker.disk.counts(broker.path(LOG_0));
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => log.writer.append([valuesBatch([`v${i}`])], EPOCH)),
    );
    const after = broker.disk.counts(broker.path(LOG_0));
    expect(after.writes - before.writes).toBe(1);
    expect(after.syncs - before.syncs).toBe(1);
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual(results.map((_, i) => i));
    expect((await readAll(log))[42]).toEqual([42, 'v42']);
  });

  it('begins a round in the turn of the event loop that asks for it', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const soon = vi.spyOn(broker.scheduler, 'soon');
    await appendValues(log, 'a');
    expect(soon).not.toHaveBeenCalled();
  });

  it('gathers what arrives while a round is under way into the next one', async () => {
    const broker = new FakeBroker();
    const held = new HeldFileSystem(broker.disk.mount());
    const log = await testLog(await broker.open({}, held.port));
    const before = broker.disk.counts(broker.path(LOG_0));
    held.heldPath = LOG_0;
    const first = log.writer.append([valuesBatch(['first'])], EPOCH);
    await broker.scheduler.settle();
    const later = Array.from({ length: 20 }, (_, i) =>
      log.writer.append([valuesBatch([`${i}`])], EPOCH),
    );
    await broker.scheduler.settle();
    expect(log.offsets.logEnd).toBe(1);
    expect(log.offsets.syncedEnd).toBe(0);
    held.releaseAll();
    await Promise.all([first, ...later]);
    const after = broker.disk.counts(broker.path(LOG_0));
    expect(after.syncs - before.syncs).toBe(2);
    expect(log.offsets.syncedEnd).toBe(21);
  });

  it('answers after the sync, and only then moves the synced end', async () => {
    const broker = new FakeBroker();
    const held = new HeldFileSystem(broker.disk.mount());
    const log = await testLog(await broker.open({}, held.port));
    held.heldPath = LOG_0;
    const ends: number[] = [];
    log.writer.onSyncedEnd((end) => ends.push(end));
    let answer: AppendResult | undefined;
    const append = (async () => {
      answer = await log.writer.append([valuesBatch(['a'])], EPOCH);
      expect(ends).toEqual([1]);
    })();
    await broker.scheduler.settle();
    expect(answer).toBeUndefined();
    expect(ends).toEqual([]);
    held.releaseAll();
    await append;
    expect(answer).toMatchObject({ baseOffset: 0 });
  });

  it('shows the log end only once it is synced, while no follower fetches', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    const seen = new Set<string>();
    broker.onOperation = () => seen.add(`${log.offsets.logEnd} ${log.offsets.syncedEnd}`);
    await appendValues(log, 'b');
    await appendValues(log, 'c');
    expect([...seen]).toEqual(['1 1', '2 2']);
  });

  it('shows the log end before its sync from the first fetch of a follower on', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    let isWanted = false;
    const ends: number[] = [];
    log.writer.onLogEnd({
      isWanted: () => isWanted,
      moved: () => ends.push(log.offsets.logEnd - log.offsets.syncedEnd),
    });
    await appendValues(log, 'a');
    isWanted = true;
    const seen = new Set<string>();
    broker.onOperation = () => seen.add(`${log.offsets.logEnd} ${log.offsets.syncedEnd}`);
    await appendValues(log, 'b');
    expect([...seen]).toContain('2 1');
    expect(ends).toEqual([1, 1]);
  });

  it.each([
    { point: 'writev', code: 'ENOSPC' },
    { point: 'datasync', code: 'ENOSPC' },
    { point: 'writev', code: 'ENOMEM' },
    { point: 'datasync', code: 'ENOMEM' },
  ] as const)('cuts off a synced write that reports $code at its $point', async (fault) => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    const size = log.sizeBytes;
    broker.disk.failNext(fault.point, fault.code, { path: LOG_0, afterBytes: 30 });
    const refused = { code: 'KAFKA_STORAGE_ERROR', outcome: 'failed', retriable: true };
    await expect(appendValues(log, 'lost')).rejects.toMatchObject(refused);
    expect(await broker.disk.fileSize(broker.path(LOG_0))).toBe(size);
    broker.crash();
    const reopened = await testLog(await broker.open());
    expect(await readAll(reopened)).toEqual([[0, 'a']]);
    expect(await appendValues(reopened, 'b')).toMatchObject({ baseOffset: 1 });
  });

  it('goes offline when a synced write fails otherwise, with its producers as before', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    broker.disk.failNext('writev', 'EIO', { path: LOG_0 });
    const unknown = { code: 'KAFKA_STORAGE_ERROR', outcome: 'unknown', retriable: false };
    const append = log.writer.append([valuesBatch(['a'], producer)], EPOCH);
    await expect(append).rejects.toMatchObject(unknown);
    expect(log.isWritable).toBe(false);
    expect(log.offsets.logEnd).toBe(0);
    expect(log.state.producers.producerCount).toBe(0);
  });

  it('takes the log offline, and answers every append, when a round meets a bug', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    await log.writer.append([valuesBatch(['a'], producer)], EPOCH);
    broker.seen.appended = () => {
      throw new Error('a bug of the observer');
    };
    const answers = await Promise.allSettled([
      log.writer.append([valuesBatch(['b'])], EPOCH),
      log.writer.append([valuesBatch(['a'], producer)], EPOCH),
    ]);
    const refused = { code: 'KAFKA_STORAGE_ERROR', outcome: 'unknown', retriable: false };
    expect(answers).toMatchObject([{ reason: refused }, { reason: refused }]);
    expect(log.isWritable).toBe(false);
  });

  it('is offline once a rolled segment cannot be synced, with os durability', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open({ durability: 'os' }));
    await appendValues(log, 'a');
    broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    await log.roll();
    await broker.scheduler.settle();
    expect(log.isWritable).toBe(false);
    await expect(appendValues(log, 'b')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });

  it('answers after the write, without a sync, with os durability', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open({ durability: 'os' }));
    const before = broker.disk.counts(broker.path(LOG_0));
    await log.writer.append([valuesBatch(['a'])], EPOCH);
    expect(broker.disk.counts(broker.path(LOG_0)).syncs).toBe(before.syncs);
    expect(log.offsets.syncedEnd).toBe(1);
    expect(log.offsets.recoveryPoint).toBe(0);
  });

  it('keeps the batches of one call next to each other', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const [one, two] = await Promise.all([
      log.writer.append([valuesBatch(['a', 'b']), valuesBatch(['c'])], EPOCH),
      log.writer.append([valuesBatch(['d'])], EPOCH),
    ]);
    expect(one).toEqual({
      baseOffset: 0,
      lastOffset: 2,
      logAppendTimeMs: null,
      isDuplicate: false,
    });
    expect(two).toMatchObject({ baseOffset: 3, lastOffset: 3 });
    expect((await readAll(log)).map(([, value]) => value)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('bounds a round in bytes, and lets a larger append be a round of its own', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open({ roundBytesMax: 1000 }));
    const before = broker.disk.counts(broker.path(LOG_0));
    await Promise.all([
      log.writer.append([valuesBatch([filler(300)])], EPOCH),
      log.writer.append([valuesBatch([filler(300)])], EPOCH),
      log.writer.append([valuesBatch([filler(2000)])], EPOCH),
      log.writer.append([valuesBatch([filler(300)])], EPOCH),
    ]);
    expect(broker.disk.counts(broker.path(LOG_0)).syncs - before.syncs).toBe(3);
  });

  it('does not let partitions wait for each other', async () => {
    const broker = new FakeBroker();
    const held = new HeldFileSystem(broker.disk.mount());
    const manager = await broker.open({}, held.port);
    const slow = await testLog(manager);
    const fast = await manager.createLog({ topic: 'fast', partition: 0 }, 'id-2', topicConfig());
    held.heldPath = 'orders-0';
    const waiting = slow.writer.append([valuesBatch(['a'])], EPOCH);
    await expect(fast.writer.append([valuesBatch(['b'])], EPOCH)).resolves.toMatchObject({
      baseOffset: 0,
    });
    expect(slow.offsets.syncedEnd).toBe(0);
    held.releaseAll();
    await waiting;
  });

  it('caps the syncs in flight over all partitions', async () => {
    const broker = new FakeBroker();
    const held = new HeldFileSystem(broker.disk.mount());
    const manager = await broker.open({ syncsInFlightMax: 2 }, held.port);
    const logs = [await testLog(manager)];
    for (let i = 1; i < 5; i += 1) {
      logs.push(await manager.createLog({ topic: 'orders', partition: i }, 'id', topicConfig()));
    }
    held.heldPath = LOG_0;
    const appends = logs.map((log) => log.writer.append([valuesBatch(['a'])], EPOCH));
    await broker.scheduler.settle();
    expect(held.held).toHaveLength(2);
    held.held.shift()?.release();
    await broker.scheduler.settle();
    expect(held.held).toHaveLength(2);
    held.releaseAll();
    await Promise.all(appends);
  });

  it('reads what is committed while a sync is under way', async () => {
    const broker = new FakeBroker();
    const held = new HeldFileSystem(broker.disk.mount());
    const log = await testLog(await broker.open({}, held.port));
    await appendValues(log, 'a');
    held.heldPath = LOG_0;
    const waiting = log.writer.append([valuesBatch(['b'])], EPOCH);
    await broker.scheduler.settle();
    const batches = await log.reader.read(0, 4096, log.offsets.highWatermark);
    expect(batches.map(({ lastOffset }) => lastOffset)).toEqual([0]);
    held.releaseAll();
    await waiting;
  });

  it('refuses an append of a leader epoch that has ended', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.leadership.assignEpoch(3);
    await expect(log.writer.append([valuesBatch(['a'])], { leaderEpoch: 2 })).rejects.toMatchObject(
      {
        code: 'LEADER_NOT_AVAILABLE',
        outcome: 'failed',
      },
    );
    await log.writer.append([valuesBatch(['b'])], { leaderEpoch: 3 });
    await log.writer.append([valuesBatch(['c'])], { leaderEpoch: 5 });
    expect(log.leadership.epochAt(0)).toBe(3);
    expect(log.leadership.epochAt(1)).toBe(5);
    expect(log.leadership.epochEnd(4)).toEqual({ epoch: 3, endOffset: 1 });
  });

  it('refuses bytes that are not a record batch, and writes nothing', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const cutShort = valuesBatch(['a']).subarray(0, -1);
    await expect(log.writer.append([cutShort], EPOCH)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
    });
    expect(await appendValues(log, 'b')).toMatchObject({ baseOffset: 0 });
  });
});

describe('a disk that fails', () => {
  it('takes a round back when the disk is full, and goes on when there is room', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    const size = log.sizeBytes;
    broker.disk.failNext('writev', 'ENOSPC', { path: LOG_0, afterBytes: 70 });
    await expect(log.writer.append([valuesBatch(['lost'])], EPOCH)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
      retriable: true,
    });
    expect(log.offsets.logEnd).toBe(1);
    expect(await broker.disk.fileSize(broker.path(LOG_0))).toBe(size);
    expect(await appendValues(log, 'b')).toMatchObject({ baseOffset: 1 });
    expect(broker.seen.failures).toEqual([false]);
    broker.crash();
    expect(await readAll(await testLog(await broker.open()))).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
  });

  it('logs a full disk once a minute, with the number of writes that failed', async () => {
    const broker = new FakeBroker();
    const logger = new RecordingLogger();
    broker.logger = logger;
    const log = await testLog(await broker.open());
    const failTwice = async (): Promise<void> => {
      for (let count = 0; count < 2; count += 1) {
        broker.disk.failNext('writev', 'ENOSPC', { path: LOG_0, afterBytes: 0 });
        await expect(log.writer.append([valuesBatch(['lost'])], EPOCH)).rejects.toThrow();
      }
    };
    await failTwice();
    await broker.scheduler.advance(60_000);
    await failTwice();
    const lines = logger.lines.filter(({ message }) => message === 'a write failed');
    expect(lines.map(({ fields }) => fields['failures'])).toEqual([1, 2]);
  });

  it('never shows again what it answered as failed, whatever the power does', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    const lost = valuesBatch(['lost']);
    // The first batch of the round reaches the file as a whole.
    broker.disk.failNext('writev', 'ENOSPC', { path: LOG_0, afterBytes: lost.length });
    const appends = [
      log.writer.append([lost], EPOCH),
      log.writer.append([valuesBatch(['more'])], EPOCH),
    ];
    for (const append of appends) await expect(append).rejects.toMatchObject({ outcome: 'failed' });
    broker.crash();
    expect(await readAll(await testLog(await broker.open()))).toEqual([[0, 'a']]);
  });

  it('rejects all that wait when a full disk keeps a segment from being made', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    await appendValues(log, filler(1000));
    broker.disk.failNext('open', 'ENOSPC', { path: '00000000000000000001.log' });
    await expect(log.writer.append([valuesBatch([filler(1000)])], EPOCH)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
    });
    expect(await appendValues(log, filler(1000))).toMatchObject({ baseOffset: 1 });
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 1]);
  });

  it('takes writes offline for good after a failed sync, and leaves reads on', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    const gathered = log.writer.append([valuesBatch(['b'])], EPOCH);
    await expect(gathered).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'unknown',
      retriable: false,
    });
    expect(log.isWritable).toBe(false);
    const syncs = broker.disk.counts(broker.path(LOG_0)).syncs;
    await expect(log.writer.append([valuesBatch(['c'])], EPOCH)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
    });
    expect(broker.disk.counts(broker.path(LOG_0)).syncs).toBe(syncs);
    expect(log.offsets.syncedEnd).toBe(1);
    expect(broker.seen.failures).toEqual([true]);
    const batches = await log.reader.read(0, 4096, log.offsets.highWatermark);
    expect(batches).toHaveLength(1);
  });

  it('leaves no mark of a clean stop when a partition is offline', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    await appendValues(log, 'a');
    broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    await expect(log.writer.append([valuesBatch(['b'])], EPOCH)).rejects.toThrow('restarted');
    await manager.close();
    expect(await broker.disk.fileSize('/data/.kafka_cleanshutdown')).toBeUndefined();
    const reopened = await testLog(await broker.open());
    expect((await readAll(reopened))[0]).toEqual([0, 'a']);
    expect(await appendValues(reopened, 'c')).toMatchObject({
      lastOffset: reopened.offsets.logEnd - 1,
    });
  });

  it('goes offline when a failed write cannot be undone', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a');
    broker.disk.failNext('writev', 'EIO', { path: LOG_0 });
    broker.disk.failNext('truncate', 'EIO', { path: LOG_0 });
    await expect(log.writer.append([valuesBatch(['b'])], EPOCH)).rejects.toMatchObject({
      outcome: 'unknown',
      retriable: false,
    });
    expect(log.isWritable).toBe(false);
  });

  it('goes offline when the directory of a new segment cannot be synced', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.bytes': '1024' });
    await appendValues(log, filler(1000));
    broker.disk.failNext('syncDirectory', 'EIO', { path: 'orders-0', times: 9 });
    await expect(log.writer.append([valuesBatch([filler(1000)])], EPOCH)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
    });
    expect(log.isWritable).toBe(false);
  });
});
