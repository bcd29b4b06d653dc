import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '#runtime';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  RealBroker,
  readAll,
  TOPIC,
  TOPIC_ID,
  testLog,
  topicConfig,
  valuesBatch,
} from '../testing/log-fixture.js';
import { gzipBatch, testBatch } from '../testing/test-batches.js';
import { DataDirLockedError } from './data-dir.js';

const OTHER = { topic: 'a.b_c-1', partition: 12 };

describe('the log manager', () => {
  it('keeps a second process out of the data directory', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await expect(broker.open()).rejects.toThrow(DataDirLockedError);
    await expect(broker.open()).rejects.toThrow('/data is in use by another process');
    await manager.close();
    await (await broker.open()).close();
  });

  it('warns once of more partitions than open files, also at a start', async () => {
    const broker = new FakeBroker();
    const warnings: string[] = [];
    broker.logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) };
    const manager = await broker.open({ openFilesMax: 2 });
    for (let partition = 0; partition < 4; partition += 1) {
      expect(warnings).toHaveLength(partition > 2 ? 1 : 0);
      await manager.createLog({ topic: 'many', partition }, 'id', topicConfig());
    }
    await manager.close();
    await broker.open({ openFilesMax: 2 });
    const warning: unknown = expect.stringContaining('there are more partitions than');
    expect(warnings).toEqual([warning, warning]);
  });

  it('finds all logs again, with their topic ids', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await testLog(manager);
    const other = await manager.createLog(OTHER, 'id-of-other', topicConfig());
    await appendValues(other, 'x');
    broker.crash();
    const again = await broker.open();
    expect([...again.logs()].map((log) => log.topicId).toSorted()).toEqual([
      TOPIC_ID,
      'id-of-other',
    ]);
    expect(again.log(OTHER)?.offsets.logEnd).toBe(1);
  });

  it("writes the topic id in Kafka's form, 22 characters of base64", async () => {
    const broker = new FakeBroker();
    await testLog(await broker.open());
    expect(String(await broker.disk.readFile(broker.path('partition.metadata')))).toBe(
      'version: 0\ntopic_id: obLD1AAAQACAAAAAAAAAAQ\n',
    );
  });

  it.each([
    ['a full disk', true],
    ['a disk with room', false],
  ])('reads the topic id of an earlier version on %s, and rewrites it', async (_title, isFull) => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await appendValues(await testLog(manager), 'a');
    await manager.close();
    const path = broker.path('partition.metadata');
    const file = await broker.disk.open(path, 'create');
    await file.writev([Buffer.from(`version: 0\ntopic_id: ${TOPIC_ID}\n`)], 0);
    await file.close();
    if (isFull) broker.disk.failNext('writev', 'ENOSPC', { path: 'partition.metadata' });
    const again = await broker.open();
    expect(again.log(TOPIC)?.topicId).toBe(TOPIC_ID);
    expect(again.log(TOPIC)?.offsets.logEnd).toBe(1);
    const written = String(await broker.disk.readFile(path));
    expect(written).toContain(
      isFull ? `topic_id: ${TOPIC_ID}\n` : 'topic_id: obLD1AAAQACAAAAAAAAAAQ',
    );
  });

  it('creates a log that survives a power failure, even when it is empty', async () => {
    const broker = new FakeBroker();
    await testLog(await broker.open());
    broker.crash();
    expect((await broker.open()).log(TOPIC)?.topicId).toBe(TOPIC_ID);
  });

  it('refuses to make a log that is there', async () => {
    const manager = await new FakeBroker().open();
    await testLog(manager);
    await expect(manager.createLog(TOPIC, 'another', topicConfig())).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
    });
  });

  it('refuses a creation on a full disk with KAFKA_STORAGE_ERROR, and succeeds later', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    broker.disk.failNext('writev', 'ENOSPC', { path: 'partition.metadata' });
    await expect(testLog(manager)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(await appendValues(await testLog(manager), 'a')).toMatchObject({ baseOffset: 0 });
  });

  it('deletes a log for good: a log of its name begins empty', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    await appendValues(log, 'old');
    await manager.deleteLog(TOPIC);
    expect(manager.log(TOPIC)).toBeUndefined();
    await expect(log.writer.append([valuesBatch(['x'])], { leaderEpoch: 0 })).rejects.toThrow();
    const fresh = await testLog(manager);
    expect(fresh.offsets.logEnd).toBe(0);
    await appendValues(fresh, 'new');
    broker.crash();
    expect(await readAll(await testLog(await broker.open()))).toEqual([[0, 'new']]);
  });

  it('deletes a log whose topic has the longest name there can be', async () => {
    const broker = new RealBroker();
    onTestFinished(() => broker.remove());
    const longest = { topic: 'n'.repeat(249), partition: 12_345 };
    const manager = await broker.open();
    await appendValues(await manager.createLog(longest, 'id', topicConfig()), 'a');
    await manager.deleteLog(longest);
    const names = (await broker.fileSystem.readDirectory(broker.dataDir)).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('n'))).toEqual([]);
    await manager.close();
  });

  it('does not show the records of a log that could not be deleted under its name', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await appendValues(await testLog(manager), 'old');
    broker.disk.failNext('rename', 'EIO', { path: '-0', times: 2 });
    await expect(manager.deleteLog(TOPIC)).rejects.toThrow();
    await expect(manager.createLog(TOPIC, 'new-id', topicConfig())).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    const fresh = await manager.createLog(TOPIC, 'new-id', topicConfig());
    expect(fresh.offsets.logEnd).toBe(0);
    await appendValues(fresh, 'new');
    broker.crash();
    const again = (await broker.open()).log(TOPIC);
    expect(again?.topicId).toBe('new-id');
    expect(again && (await readAll(again))).toEqual([[0, 'new']]);
  });

  it('finishes the deletion that a crash interrupted', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await appendValues(await testLog(manager), 'a');
    broker.disk.failNext('removeDirectory', 'EIO');
    await expect(manager.deleteLog(TOPIC)).rejects.toThrow();
    broker.crash();
    const again = await broker.open();
    expect(again.log(TOPIC)).toBeUndefined();
    const names = (await broker.disk.readDirectory('/data')).map(({ name }) => name);
    expect(names.filter((name) => name.endsWith('-delete'))).toEqual([]);
  });

  it('quarantines a log that it must not keep, until its topic is deleted', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await appendValues(await testLog(manager), 'old');
    await manager.setAside(TOPIC);
    const fresh = await manager.createLog(TOPIC, 'new-id', topicConfig());
    expect(fresh.offsets.logEnd).toBe(0);
    broker.crash();
    const again = await broker.open();
    const [[directory, topicId] = []] = again.strayLogs;
    expect([directory?.endsWith('-stray'), topicId]).toEqual([true, TOPIC_ID]);
    expect(again.quarantine.bytes).toBeGreaterThan(0);
    expect((await broker.disk.readFile(`/data/${directory}/${LOG_0}`)).length).toBeGreaterThan(0);
    await again.removeStrays('another-id');
    expect(again.strayLogs.size).toBe(1);
    await again.removeStrays(TOPIC_ID);
    expect(again.strayLogs.size).toBe(0);
    expect(again.quarantine.bytes).toBe(0);
    const names = (await broker.disk.readDirectory('/data')).map(({ name }) => name);
    expect(names).not.toContain(directory);
  });

  it('lets segments grow beyond segment.bytes once there are too many of them', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open({ segmentsMax: 3 });
    const log = await manager.createLog(TOPIC, TOPIC_ID, topicConfig({ 'segment.bytes': '1024' }));
    for (let count = 0; count < 4; count += 1) await appendValues(log, filler(900));
    expect(log.segments.length).toBe(4);
    broker.crash();
    const again = await broker.open({ segmentsMax: 3 });
    expect(again.segmentCount).toBe(4);
    const reopened = again.log(TOPIC);
    reopened?.updateConfig(topicConfig({ 'segment.bytes': '1024' }));
    if (reopened === undefined) throw new Error('the log is there');
    for (let count = 0; count < 4; count += 1) await appendValues(reopened, filler(900));
    expect(reopened.segments.length).toBeLessThanOrEqual(5);
    expect(await readAll(reopened)).toHaveLength(8);
  });

  it('creates no log in the place of one that could not be quarantined', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await appendValues(await testLog(manager), 'old');
    broker.disk.failNext('rename', 'EIO', { path: '-0', times: 9 });
    await expect(manager.setAside(TOPIC)).rejects.toThrow();
    await expect(manager.createLog(TOPIC, 'new-id', topicConfig())).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
    });
    broker.crash();
    expect(await readAll(await testLog(await broker.open()))).toEqual([[0, 'old']]);
  });

  it('opens the other logs when one cannot be opened, and leaves that one alone', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    await appendValues(await testLog(manager), 'a');
    const other = await manager.createLog(OTHER, 'id', topicConfig());
    await appendValues(other, 'b');
    await manager.close();
    await broker.disk.removeFile(broker.path('partition.metadata'));
    const again = await broker.open();
    expect([...again.unopenedLogs.keys()]).toEqual(['orders-0']);
    expect(again.log(OTHER)?.offsets.logEnd).toBe(1);
    await expect(testLog(again)).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
    expect(await broker.disk.fileSize(broker.path(LOG_0))).toBeGreaterThan(0);
  });

  it('removes what a crash left of a creation', async () => {
    const broker = new FakeBroker();
    await broker.disk.makeDirectory('/data/orders-0');
    await broker.disk.syncDirectory('/');
    await broker.disk.syncDirectory('/data');
    const manager = await broker.open();
    expect(manager.unopenedLogs.size).toBe(0);
    expect(await appendValues(await testLog(manager), 'a')).toMatchObject({ baseOffset: 0 });
  });

  it('deletes records from the future by the time they were written, and warns once', async () => {
    const broker = new FakeBroker();
    const warnings: string[] = [];
    broker.logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) };
    const log = await testLog(await broker.open(), { 'retention.ms': '60000' });
    const inTenYears = broker.clock.nowMs() + 10 * 365 * 86_400_000;
    for (const value of ['a', 'b']) {
      const batch = testBatch([{ key: null, value, timestamp: inTenYears }]);
      await log.writer.append([batch], { leaderEpoch: 0 });
      log.updateHighWatermark(log.offsets.syncedEnd);
      await log.roll();
    }
    await broker.scheduler.advance(50_000);
    expect(log.offsets.logStart).toBe(0);
    await broker.scheduler.advance(20_000);
    expect(log.offsets.logStart).toBe(2);
    expect(warnings.filter((line) => line.includes('timestamp in the future'))).toHaveLength(1);
  });

  it('writes recovery points and high watermarks down within a second', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await appendValues(log, 'a', 'b');
    await broker.scheduler.advance(1000);
    for (const name of ['recovery-point-offset-checkpoint', 'replication-offset-checkpoint']) {
      expect(String(await broker.disk.readFile(`/data/${name}`))).toBe('0\n1\norders 0 2\n');
    }
    broker.crash();
    expect((await testLog(await broker.open())).offsets.highWatermark).toBe(2);
  });

  it('does not write checkpoints that have not changed', async () => {
    const broker = new FakeBroker();
    await appendValues(await testLog(await broker.open()), 'a');
    await broker.scheduler.advance(1000);
    const before = broker.disk.counts('/data').syncs;
    await broker.scheduler.advance(10_000);
    expect(broker.disk.counts('/data').syncs).toBe(before);
  });

  it('recovers everything when the recovery points are damaged', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager, { 'segment.bytes': '1024' });
    for (let i = 0; i < 3; i += 1) await appendValues(log, filler(900));
    await manager.close();
    broker.disk.corrupt('/data/recovery-point-offset-checkpoint', 0);
    const again = await testLog(await broker.open());
    expect(again.offsets.logEnd).toBe(3);
    expect(again.isWritable).toBe(true);
  });

  it('rolls a segment by time', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'segment.ms': '60000' });
    await appendValues(log, 'a');
    await broker.scheduler.advance(50_000);
    expect(log.segments).toHaveLength(1);
    await broker.scheduler.advance(20_000);
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 1]);
    await broker.scheduler.advance(200_000);
    expect(log.segments).toHaveLength(2);
  });

  it('keeps open files within their bound, whatever the number of segments', async () => {
    const broker = new RealBroker();
    onTestFinished(() => broker.remove());
    const manager = await broker.open({ openFilesMax: 4 });
    const log = await testLog(manager, { 'segment.bytes': '1024' });
    for (let i = 0; i < 20; i += 1) await appendValues(log, `${i}`.padEnd(900));
    expect(log.segments).toHaveLength(20);
    expect((await readAll(log)).map(([offset]) => offset)).toEqual(log.segments.map((_, i) => i));
    expect(manager.openFileCount).toBeLessThanOrEqual(4);
    await manager.close();
    expect(manager.openFileCount).toBe(0);
  });

  it('answers the appends under way before it closes, and refuses later ones', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    const append = log.writer.append([valuesBatch(['a'])], { leaderEpoch: 0 });
    const closed = manager.close();
    await expect(append).resolves.toMatchObject({ baseOffset: 0 });
    await closed;
    await expect(log.writer.append([valuesBatch(['b'])], { leaderEpoch: 0 })).rejects.toMatchObject(
      {
        code: 'LEADER_NOT_AVAILABLE',
      },
    );
  });

  it('does not delete by a default config what it has found on disk', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager, { 'retention.ms': '-1' });
    await appendValues(log, 'old');
    await manager.close();
    const again = await broker.open();
    await broker.scheduler.advance(60_000);
    expect(again.log(TOPIC)?.offsets.logStart).toBe(0);
    again.log(TOPIC)?.updateConfig(topicConfig({ 'retention.ms': '1000' }));
    await broker.scheduler.advance(60_000);
    expect(again.log(TOPIC)?.offsets.logStart).toBe(1);
  });

  it('deletes by retention on a disk too full for a checkpoint', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), {
      'retention.bytes': '1000',
      'segment.bytes': '1024',
      'retention.ms': '-1',
    });
    for (let i = 0; i < 4; i += 1) await appendValues(log, filler(900));
    await broker.scheduler.settle();
    broker.disk.failNext('open', 'ENOSPC', { path: 'log-start-offset-checkpoint', times: 100 });
    await broker.scheduler.advance(10_000);
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([2, 3]);
    expect(await broker.names()).not.toContain(LOG_0);
    broker.crash();
    expect((await testLog(await broker.open())).offsets.logStart).toBe(2);
  });

  it.each([
    ['the tail cache', 1024 * 1024],
    ['the disk', 0],
  ])('bounds what batches from %s unpack to, per broker', async (_title, tailCacheBytes) => {
    const packed = gzipBatch(testBatch([{ key: null, value: filler(5000), timestamp: 0 }]));
    const unpackedWithin = async (unpackedBatchBytesMax: number): Promise<number> => {
      const manager = await new FakeBroker().open({ tailCacheBytes, unpackedBatchBytesMax });
      const log = await testLog(manager);
      await log.writer.append([Buffer.from(packed)], { leaderEpoch: 0 });
      const [batch] = await log.reader.read(0, 4096, log.offsets.logEnd);
      const records = Buffer.concat((await batch?.recordsPiecesOnThread()) ?? []);
      expect(batch?.recordsBytes()).toEqual(records);
      return records.length;
    };
    const [wide, narrow] = await Promise.allSettled([unpackedWithin(8000), unpackedWithin(4000)]);
    expect(wide).toMatchObject({ value: expect.any(Number) as number });
    expect(narrow).toMatchObject({ reason: { bound: 'SLUICE_UNPACKED_BATCH_BYTES_MAX' } });
  });
});
