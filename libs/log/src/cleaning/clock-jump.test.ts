import { describe, expect, it } from 'vitest';
import type { LogManager } from '../data-dir/log-manager.js';
import type { Log } from '../log.js';
import { FakeBroker, readAll, testLog, topicConfig } from '../testing/log-fixture.js';
import { testBatch } from '../testing/test-batches.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const GRACE_MS = 60 * MINUTE_MS;
const OPTIONS = { producerIdExpirationMs: 60 * MINUTE_MS, compactionCheckIntervalMs: 5000 };
/**
 * Ten hours of retention for records and tombstones, in a log that is both deleted from and
 * compacted.
 */
const CONFIG = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': String(10 * 60 * MINUTE_MS),
  'delete.retention.ms': String(10 * 60 * MINUTE_MS),
  'min.cleanable.dirty.ratio': '0',
} as const;

describe('a clock that jumps a day ahead', () => {
  it('deletes nothing for the grace time, and what is past retention after it', async () => {
    const { broker, log } = await withRecords();
    broker.clock.setNowMs(broker.clock.nowMs() + DAY_MS);
    await broker.scheduler.advance(GRACE_MS - MINUTE_MS);
    expect(await valuesOf(log)).toEqual(['new', null]);
    expect(log.offsets.logStart).toBe(0);
    await broker.scheduler.advance(2 * MINUTE_MS);
    expect(log.offsets.logStart).toBe(3);
  });

  it('and back again within seconds deletes nothing at all', async () => {
    const { broker, log } = await withRecords();
    broker.clock.setNowMs(broker.clock.nowMs() + DAY_MS);
    await broker.scheduler.advance(30_000);
    broker.clock.setNowMs(broker.clock.nowMs() - DAY_MS);
    await broker.scheduler.advance(2 * GRACE_MS);
    expect(await valuesOf(log)).toEqual(['new', null]);
  });

  it('forgets no producer: a retry is still recognised', async () => {
    const { broker, log } = await withRecords();
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const append = async (): Promise<unknown> => {
      const result = await log.writer.append([testBatch([record(broker, 'x', 'y')], producer)], {
        leaderEpoch: 0,
      });
      log.updateHighWatermark(log.offsets.syncedEnd);
      return result;
    };
    await append();
    broker.clock.setNowMs(broker.clock.nowMs() + DAY_MS);
    await broker.scheduler.advance(30_000);
    expect(await append()).toMatchObject({ isDuplicate: true });
  });

  it.each(['a crash', 'a clean stop'])('before a start after %s deletes nothing', async (end) => {
    const { broker, manager } = await withRecords();
    await broker.scheduler.advance(2 * MINUTE_MS);
    if (end === 'a crash') broker.crash();
    else await manager.close();
    broker.clock.setNowMs(broker.clock.nowMs() + DAY_MS);
    const again = await broker.open(OPTIONS);
    const log = await opened(again);
    await broker.scheduler.advance(GRACE_MS - MINUTE_MS);
    expect(await valuesOf(log)).toEqual(['new', null]);
    expect(again.expiryClock.status).toMatchObject({ aheadMs: DAY_MS, jumpsTotal: 0 });
    // The time that is not trusted yet is not kept either.
    broker.crash();
    const third = await broker.open(OPTIONS);
    expect(third.expiryClock.status.aheadMs).toBeGreaterThan(DAY_MS - GRACE_MS);
  });
});

/**
 * A compacted log of two keys: an old value and its successor, and a tombstone that is kept for
 * now.
 */
async function withRecords(): Promise<{ broker: FakeBroker; manager: LogManager; log: Log }> {
  const broker = new FakeBroker();
  const manager = await broker.open(OPTIONS);
  const log = await opened(manager);
  for (const [key, value] of [
    ['a', 'old'],
    ['a', 'new'],
    ['b', null],
  ] as const) {
    await log.writer.append([testBatch([record(broker, key, value)])], { leaderEpoch: 0 });
  }
  log.updateHighWatermark(log.offsets.syncedEnd);
  await log.roll();
  await broker.scheduler.advance(MINUTE_MS);
  expect(await valuesOf(log)).toEqual(['new', null]);
  return { broker, manager, log };
}

async function opened(manager: LogManager): Promise<Log> {
  const log = await testLog(manager, CONFIG);
  log.updateConfig(topicConfig(CONFIG));
  log.updateHighWatermark(log.offsets.syncedEnd);
  return log;
}

function record(
  broker: FakeBroker,
  key: string,
  value: string | null,
): { key: string; value: string | null; timestamp: number } {
  return { key, value, timestamp: broker.clock.nowMs() };
}

async function valuesOf(log: Log): Promise<(string | null)[]> {
  return (await readAll(log)).map(([, value]) => (value === 'null' ? null : value));
}
