import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import { FakeBroker, testLog } from '../testing/log-fixture.js';
import { testBatch, unreadableBatch } from '../testing/test-batches.js';

const RECORD = { key: null, value: 'v', timestamp: 2000 };

/** Appends one batch of records with these timestamps, and commits it. */
async function appendAt(log: Log, timestamps: readonly number[], valueBytes = 1): Promise<void> {
  const value = 'v'.repeat(valueBytes);
  const records = timestamps.map((timestamp) => ({ key: null, value, timestamp }));
  await log.writer.append([testBatch(records)], { leaderEpoch: 0 });
  log.updateHighWatermark(log.offsets.syncedEnd);
}

async function offsetAt(log: Log, timestampMs: number): Promise<number | undefined> {
  return (await log.reader.offsetForTimestamp(timestampMs, log.offsets.logEnd))?.offset;
}

describe('a look-up by time', () => {
  it('finds the first record of a batch whose last one is in the time index', async () => {
    const log = await testLog(await new FakeBroker().open());
    await appendAt(log, [1000, 3000, 2000]);
    await log.roll();
    expect(await offsetAt(log, 3000)).toBe(1);
    expect(await offsetAt(log, 2500)).toBe(1);
    expect(await offsetAt(log, 1000)).toBe(0);
    expect(await offsetAt(log, 3001)).toBeUndefined();
  });

  it('names the batch whose records cannot be read', async () => {
    const log = await testLog(await new FakeBroker().open());
    await appendAt(log, [1000]);
    await log.writer.append([unreadableBatch(testBatch([RECORD]))], { leaderEpoch: 0 });
    log.updateHighWatermark(log.offsets.syncedEnd);
    expect(await offsetAt(log, 1000)).toBe(0);
    await expect(offsetAt(log, 2000)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
      members: { damagedStartOffset: 1, damagedEndOffset: 2 },
    });
  });

  it('does not see records below the log start', async () => {
    const log = await testLog(await new FakeBroker().open());
    await appendAt(log, [1000, 2000, 1500]);
    await log.trimmer.deleteRecordsBefore(2);
    expect(await offsetAt(log, 1000)).toBe(2);
    expect(await offsetAt(log, 1600)).toBeUndefined();
  });

  it('finds what no index entry speaks of after a truncation', async () => {
    const log = await testLog(await new FakeBroker().open());
    for (const timestamp of [1000, 2000, 3000]) await appendAt(log, [timestamp], 3000);
    await appendAt(log, [4000]);
    await log.writer.append([testBatch([{ key: null, value: 'v', timestamp: 9000 }])], {
      leaderEpoch: 0,
    });
    await log.trimmer.truncateTo(4);
    expect(await offsetAt(log, 3500)).toBe(3);
    expect(await offsetAt(log, 4001)).toBeUndefined();
  });
});
