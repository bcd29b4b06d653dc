import { describe, expect, it } from 'vitest';
import type { OffsetToCommit } from './broker.js';
import { produceOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';

const MINUTE_MS = 60_000;
const CHECK_MINUTES = 10;
const RETENTION_MINUTES = 60;

describe('committed offsets of a silent group', () => {
  it('are kept for the retention time after its last commit, and then removed', async () => {
    const test = await withRecords();
    await commit(test, 'silent');
    await pass(test, RETENTION_MINUTES - 1);
    expect(await committed(test, 'silent')).toEqual([1]);
    await pass(test, CHECK_MINUTES);
    expect(await committed(test, 'silent')).toEqual([]);
    expect(test.opened.status()).toMatchObject({ committedOffsets: 0, offsetsExpiredTotal: 1 });
    await test.losePower();
    expect(await committed(test, 'silent')).toEqual([]);
  });

  it('are kept, all of them, as long as it commits any', async () => {
    const test = await withRecords();
    await commit(test, 'busy', 0);
    for (let round = 0; round < 4; round += 1) {
      await pass(test, RETENTION_MINUTES / 2);
      await commit(test, 'busy', 1);
    }
    expect(await committed(test, 'busy')).toEqual([1, 1]);
    expect(test.opened.status().offsetsExpiredTotal).toBe(0);
  });

  it('expire group by group, whatever their number', async () => {
    const test = await withRecords();
    for (let group = 0; group < 130; group += 1) {
      await commit(test, `old-${group}`, 0);
      await commit(test, `old-${group}`, 1);
    }
    await pass(test, RETENTION_MINUTES / 2);
    await commit(test, 'young');
    await pass(test, RETENTION_MINUTES / 2 + CHECK_MINUTES);
    expect(test.opened.status()).toMatchObject({ committedOffsets: 1, offsetsExpiredTotal: 260 });
    expect(await committed(test, 'young')).toEqual([1]);
    expect(await committed(test, 'old-7')).toEqual([]);
  });

  it('expire too when nobody has asked for the group since a restart', async () => {
    const test = await withRecords();
    await commit(test, 'silent');
    await test.restart();
    await pass(test, RETENTION_MINUTES + CHECK_MINUTES);
    expect(test.opened.status()).toMatchObject({ committedOffsets: 0, offsetsExpiredTotal: 1 });
    expect(await committed(test, 'silent')).toEqual([]);
  });

  it('do not expire by a clock that jumps ahead', async () => {
    const test = await withRecords();
    await commit(test, 'silent');
    test.clock.setNowMs(test.clock.nowMs() + 2 * RETENTION_MINUTES * MINUTE_MS);
    await pass(test, RETENTION_MINUTES - 1);
    expect(await committed(test, 'silent')).toEqual([1]);
    expect(test.opened.status().clock).toMatchObject({
      aheadMs: 2 * RETENTION_MINUTES * MINUTE_MS,
    });
  });

  it('are tried again when the disk did not take it', async () => {
    const test = await withRecords();
    await commit(test, 'silent');
    test.disk.failNext('writev', 'ENOSPC', { path: '__consumer_offsets' });
    await pass(test, RETENTION_MINUTES);
    expect(await committed(test, 'silent')).toEqual([1]);
    await pass(test, CHECK_MINUTES);
    expect(await committed(test, 'silent')).toEqual([]);
  });
});

async function withRecords(): Promise<TestBroker> {
  const test = await TestBroker.start({ offsetsRetentionMinutes: RETENTION_MINUTES });
  await test.broker.createTopic({ name: 'events', partitions: 2 });
  for (const partition of [0, 1]) {
    const records = [1, 2].map((value) => ({ value: String(value), partition }));
    await test.broker.produce(produceOf('events', records));
  }
  return test;
}

function commit(test: TestBroker, group: string, partition = 0, offset = 1): Promise<void> {
  const one: OffsetToCommit = { topic: 'events', partition, offset };
  return test.broker.commitOffsets(group, [one]);
}

/** The offsets that a group has. */
async function committed(test: TestBroker, group: string): Promise<(number | null)[]> {
  return (await test.broker.committedOffsets(group)).map(({ offset }) => offset);
}

/** Time passes, step by step, with all that is due in it. */
async function pass(test: TestBroker, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) await test.scheduler.advance(MINUTE_MS);
}
