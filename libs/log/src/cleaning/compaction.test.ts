import { describe, expect, it } from 'vitest';
import type { TopicConfigOverrides } from '#protocol';
import { type Logger, silentLogger } from '#runtime';
import { RecordingLogger } from '#runtime/testing';
import type { LogManagerOptions } from '../data-dir/log-manager-options.js';
import type { Log } from '../log.js';
import { ATTRIBUTES_AT } from '../record-batch/record-batch.js';
import { FakeBroker, LOG_0, recordsOf, testLog } from '../testing/log-fixture.js';
import type { PlainRecord } from '../testing/record-sets.js';
import { gzipBatch, testBatch, unreadableBatch } from '../testing/test-batches.js';

const CHECK_MS = 5000;
const COMPACTED = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  'segment.bytes': '1024',
} as const;

async function compactedLog(
  overrides: TopicConfigOverrides = {},
  options: Partial<LogManagerOptions> = {},
  logger: Logger = silentLogger,
): Promise<{ broker: FakeBroker; log: Log }> {
  const broker = new FakeBroker();
  broker.logger = logger;
  const manager = await broker.open({ compactionBytesPerSecond: 1e12, ...options });
  return { broker, log: await testLog(manager, { ...COMPACTED, ...overrides }) };
}

/** Appends one batch and commits it. */
async function append(log: Log, batch: Buffer): Promise<void> {
  await log.writer.append([batch], { leaderEpoch: 0 });
  log.updateHighWatermark(log.offsets.syncedEnd);
}

function put(broker: FakeBroker, key: string | null, value: string | null): PlainRecord {
  return { key, value, timestamp: broker.clock.nowMs() };
}

/** Offsets and values, from the start. */
async function contents(log: Log): Promise<[number, string][]> {
  const records: [number, string][] = [];
  for (let offset = 0; offset < log.offsets.logEnd; ) {
    const batches = await log.reader.read(offset, 1_000_000, log.offsets.logEnd);
    records.push(...recordsOf(batches));
    offset = batches.at(-1)?.nextOffset ?? log.offsets.logEnd;
  }
  return records;
}

describe('compaction', () => {
  it('keeps the last value of each key at its offset, and skips the active segment', async () => {
    const { broker, log } = await compactedLog();
    await append(log, testBatch([put(broker, 'a', '1'), put(broker, 'b', '2')]));
    await append(log, testBatch([put(broker, 'a', '3'), put(broker, null, '4')]));
    await log.roll();
    await append(log, testBatch([put(broker, 'b', '5'), put(broker, 'b', '6')]));
    await broker.scheduler.advance(CHECK_MS);
    expect(await contents(log)).toEqual([
      [1, '2'],
      [2, '3'],
      [4, '5'],
      [5, '6'],
    ]);
    expect(log.state.cleanedEnd).toBe(4);
  });

  it('is not held up by a record from the future under min.compaction.lag.ms', async () => {
    const { broker, log } = await compactedLog({ 'min.compaction.lag.ms': '8000' });
    const timestamp = Number.MAX_SAFE_INTEGER;
    for (const value of ['1', '2', '3']) {
      await append(log, testBatch([{ key: 'a', value, timestamp }]));
      await log.roll();
    }
    await broker.scheduler.advance(5000);
    expect(await contents(log)).toHaveLength(3);
    await broker.scheduler.advance(10_000);
    expect(await contents(log)).toEqual([[2, '3']]);
  });

  it('keeps a batch whose records cannot be read, and its neighbours as it should', async () => {
    const { broker, log } = await compactedLog();
    const unreadable = unreadableBatch(testBatch([put(broker, 'b', '2')]));
    await append(log, testBatch([put(broker, 'a', '1')]));
    await append(log, unreadable);
    await append(log, testBatch([put(broker, 'a', '3')]));
    await log.roll();
    await broker.waitForCompaction(1);
    const batches = await log.reader.read(0, 1_000_000, log.offsets.logEnd);
    expect(batches.map(({ baseOffset }) => baseOffset)).toEqual([1, 2]);
    expect(batches[0]?.bytes.subarray(ATTRIBUTES_AT)).toEqual(unreadable.subarray(ATTRIBUTES_AT));
  });

  it('goes on at a later check when an index could not be read', async () => {
    const logger = new RecordingLogger();
    const { broker, log } = await compactedLog({ 'min.compaction.lag.ms': '1' }, {}, logger);
    await append(log, testBatch([put(broker, 'a', '1'), put(broker, 'a', '2')]));
    await log.roll();
    await broker.scheduler.settle();
    log.segments[0]?.unloadIndexesIfIdle();
    log.segments[0]?.unloadIndexesIfIdle();
    broker.disk.failNext('readFile', 'EIO', { path: 'index' });
    await broker.scheduler.advance(CHECK_MS);
    expect([broker.disk.waitingFaults, broker.seen.cleanedSegments]).toEqual([0, 0]);
    const warnings = logger.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toMatchObject([
      { message: 'a compaction failed', fields: { topic: 'orders', partition: 0 } },
    ]);
    await broker.waitForCompaction(1);
    expect(await contents(log)).toEqual([[1, '2']]);
  });

  it('leaves the log as it is when the segments were deleted meanwhile', async () => {
    const { broker, log } = await compactedLog();
    await append(log, testBatch([put(broker, 'a', '1'), put(broker, 'a', '2')]));
    await log.roll();
    let deletion: Promise<number> | undefined;
    broker.onOperation = () => {
      if (broker.disk.counts(broker.path(`${LOG_0}.cleaned`)).syncs === 0) return;
      deletion ??= log.trimmer.deleteRecordsBefore(2);
    };
    await broker.scheduler.advance(CHECK_MS);
    expect(await deletion).toBe(2);
    expect(broker.seen.cleanedSegments).toBe(0);
    expect((await broker.names()).filter((name) => name.includes('.cleaned'))).toEqual([]);
    await append(log, testBatch([put(broker, 'a', '3')]));
    expect(log.offsets.logStart).toBe(2);
  });

  it('leaves what is not committed, and what is too young', async () => {
    const { broker, log } = await compactedLog({ 'min.compaction.lag.ms': '8000' });
    for (const value of ['1', '2', '3']) {
      await append(log, testBatch([put(broker, 'a', value)]));
      await log.roll();
      await broker.scheduler.advance(3000);
    }
    await broker.scheduler.advance(3000);
    expect(await contents(log)).toHaveLength(3);
    await broker.scheduler.advance(CHECK_MS);
    expect((await contents(log)).map(([, value]) => value)).toEqual(['3']);
  });

  it('takes several passes for more keys than its map holds', async () => {
    const { broker, log } = await compactedLog({}, { compactionMapBytes: 24 * 4 });
    for (let i = 0; i < 40; i += 1) {
      await append(log, testBatch([put(broker, `key ${i % 10}`, String(i))]));
      if (i % 5 === 4) await log.roll();
    }
    await broker.scheduler.advance(CHECK_MS);
    const expected = Array.from({ length: 10 }, (_, i) => [30 + i, String(30 + i)]);
    expect(await contents(log)).toEqual(expected);
    expect(log.state.cleanedEnd).toBe(40);
  });

  it('makes one segment of small neighbours, and keeps look-ups right', async () => {
    const { broker, log } = await compactedLog();
    for (let i = 0; i < 12; i += 1) {
      await append(log, testBatch([put(broker, `key ${i % 6}`, 'v'.repeat(60) + i)]));
      await log.roll();
    }
    const before = log.segments.length;
    await broker.scheduler.advance(CHECK_MS);
    expect(log.segments.length).toBeLessThan(before / 2);
    for (const [offset] of await contents(log)) {
      const [batch] = await log.reader.read(offset, 1, log.offsets.logEnd);
      expect(batch?.baseOffset).toBe(offset);
    }
    expect((await broker.names()).filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
  });

  it('reads compressed batches, and rewrites those that lose records', async () => {
    const { broker, log } = await compactedLog();
    const records = Array.from({ length: 50 }, (_, i) => put(broker, `key ${i}`, `value ${i}`));
    await append(log, gzipBatch(testBatch(records)));
    await log.roll();
    await append(log, testBatch(records.slice(10)));
    await log.roll();
    await broker.waitForCompaction(2);
    expect((await contents(log)).slice(0, 11).map(([offset]) => offset)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => i),
      50,
    ]);
  });

  it('removes a tombstone once delete.retention.ms has passed, and revives nothing', async () => {
    const { broker, log } = await compactedLog({ 'delete.retention.ms': '20000' });
    await append(log, testBatch([put(broker, 'a', '1')]));
    await append(log, testBatch([put(broker, 'a', null)]));
    await log.roll();
    await broker.scheduler.advance(CHECK_MS);
    expect(await contents(log)).toEqual([[1, 'null']]);
    await broker.scheduler.advance(30_000);
    await append(log, testBatch([put(broker, 'b', '2')]));
    await log.roll();
    await broker.scheduler.advance(CHECK_MS);
    expect(await contents(log)).toEqual([[2, '2']]);
  });

  it.each([
    ['', 0],
    [', before the recovery point was written down', 100],
  ])(
    'leaves a log that recovery finds whole when its last records were removed%s',
    async (_, times) => {
      const { broker, log } = await compactedLog();
      if (times > 0) broker.disk.failNext('writev', 'EIO', { path: 'recovery-point', times });
      await append(log, testBatch([put(broker, 'a', '1')]));
      await append(log, testBatch([put(broker, null, '2'), put(broker, null, '3')]));
      await log.roll();
      await broker.scheduler.advance(CHECK_MS);
      expect(await contents(log)).toEqual([[0, '1']]);
      broker.crash();
      const again = await testLog(await broker.open(), COMPACTED);
      expect(again.isWritable).toBe(true);
      expect(again.damage.ranges).toEqual([]);
      expect(again.offsets.logEnd).toBe(3);
      await append(again, testBatch([put(broker, 'c', '4')]));
      expect(await contents(again)).toEqual([
        [0, '1'],
        [3, '4'],
      ]);
    },
  );

  it.each([
    ['base offset', 0],
    ['length', 10],
    ['magic', 16],
    ['records', 64],
  ])('leaves a log as it is when the %s of a batch is damaged', async (_, at) => {
    const { broker, log } = await compactedLog();
    const first = testBatch([put(broker, 'a', '1')]);
    const byte = first.length + at;
    await append(log, first);
    await append(log, testBatch([put(broker, 'a', '2')]));
    await log.roll();
    broker.disk.corrupt(broker.path(LOG_0), byte);
    await broker.scheduler.advance(CHECK_MS);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 1, endOffset: 2 }]);
    expect(log.state.cleanedEnd).toBe(0);
    expect((await log.reader.read(0, 1, 2)).map(({ baseOffset }) => baseOffset)).toEqual([0]);
  });

  it('ends without a trace when the disk is full, and is tried again', async () => {
    const { broker, log } = await compactedLog();
    await append(log, testBatch([put(broker, 'a', '1')]));
    await append(log, testBatch([put(broker, 'a', '2')]));
    await log.roll();
    broker.disk.failNext('writev', 'ENOSPC', { path: '.cleaned' });
    await broker.scheduler.advance(CHECK_MS);
    expect(await contents(log)).toHaveLength(2);
    expect((await broker.names()).filter((name) => name.includes('cleaned'))).toEqual([]);
    await broker.scheduler.advance(CHECK_MS);
    expect(await contents(log)).toEqual([[1, '2']]);
  });
});
