import { beforeEach, describe, expect, it } from 'vitest';
import { type PlainRecord, produceOf } from './testing/records.js';
import { TestBroker, type TestBrokerOptions } from './testing/test-broker.js';

/** The shortest delay of most records here. */
const DELAY_MS = 60_000;

let test: TestBroker;
beforeEach(() => start());

async function start(options: TestBrokerOptions = {}): Promise<void> {
  test = await TestBroker.start({ delayedTailRecordsMax: 20, ...options });
  await test.broker.createTopic({ name: 'jobs', partitions: 1 });
}

async function produce(...records: readonly PlainRecord[]): Promise<void> {
  await test.broker.produce(produceOf('jobs', records));
}

function join(memberId = 'm', group = 'g') {
  const request = { memberId, topics: ['jobs'], mode: 'queue', autoOffsetReset: 'earliest' };
  return test.broker.groups.join(group, request as never);
}

/** Offsets of the records that a member gets now. */
async function poll(memberId = 'm', limit = 1000, group = 'g'): Promise<number[]> {
  const { groups } = test.broker;
  const { reads } = await groups.poll(group, memberId, { limit, maxBytes: 1e7, waitMs: 0 });
  return reads.flatMap((read) => ('records' in read ? read.records : [])).map((one) => one.offset);
}

async function ack(offsets: readonly number[], memberId = 'm'): Promise<void> {
  const acks = offsets.map((offset) => {
    return { topic: 'jobs', partition: 0, offset, type: 'ack' } as const;
  });
  for (const { error } of await test.broker.groups.acknowledge('g', memberId, acks)) {
    expect(error).toBeUndefined();
  }
}

/** Records that come due one after the other, in another order than that of their offsets. */
function delayedBy(ms: (at: number) => number, count: number): PlainRecord[] {
  const nowMs = test.clock.nowMs();
  return Array.from({ length: count }, (_, at) => {
    return { value: String(at), deliverAtMs: nowMs + ms(at) };
  });
}

describe('delayed records', () => {
  it.each([
    ['a clean restart', () => test.restart()],
    ['a loss of power', () => test.losePower()],
  ])('are neither early nor forgotten after %s', async (_what, again) => {
    const dueMs = (at: number): number => DELAY_MS + ((at * 37) % 100) * 1000;
    await produce(...delayedBy(dueMs, 100));
    await join();
    const startMs = test.clock.nowMs();
    expect(await poll()).toEqual([]);
    await again();
    await join();
    expect(await poll()).toEqual([]);
    const seen: number[] = [];
    for (let round = 0; round < 11; round += 1) {
      await test.scheduler.advance(round === 0 ? DELAY_MS - 1 : 10_000);
      if (round === 5) await again();
      await join();
      const offsets = await poll();
      for (const offset of offsets) {
        expect(startMs + dueMs(offset)).toBeLessThanOrEqual(test.clock.nowMs());
      }
      seen.push(...offsets);
      await ack(offsets);
    }
    expect(seen.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: 100 }, (_, at) => at),
    );
  });

  it('are listed from files after a restart: the log is not read again', async () => {
    await produce(...delayedBy(() => 1000, 100));
    await join();
    await poll();
    expect(test.opened.status().delayedRecords).toMatchObject({
      indexes: 1,
      records: 100,
      rebuildsTotal: 1,
    });
    await test.restart();
    await join();
    await test.scheduler.advance(1000);
    expect(await poll()).toHaveLength(100);
    expect(test.opened.status().delayedRecords.rebuildsTotal).toBe(0);
  });

  it('wait in a key-ordered group, which goes on with other keys, and come when due', async () => {
    const { groups } = test.broker;
    await groups.alterConfigs('g', { 'sluice.share.key.ordered': true });
    await join();
    const deliverAtMs = test.clock.nowMs() + 1000;
    await produce(
      { value: '0', key: 'a', deliverAtMs },
      { value: '1', key: 'a' },
      { value: '2', key: 'b' },
    );
    expect(await poll()).toEqual([2]);
    await test.scheduler.advance(1000);
    expect(await poll()).toEqual([0]);
    await ack([0]);
    expect(await poll()).toEqual([1]);
  });

  it('do not stall a key-ordered group when a window cannot hold them all', async () => {
    const configs = {
      'sluice.share.key.ordered': true,
      'share.partition.max.record.locks': 100,
    };
    await test.broker.groups.alterConfigs('g', configs);
    await join();
    const records = delayedBy(() => 1000, 300);
    const delayed = records.map((record, at) => ({ ...record, key: `k${at}` }));
    await produce(...delayed, { value: 'now', key: 'other' });
    expect(await poll()).toEqual([300]);
    await test.scheduler.advance(1000);
    const seen: number[] = [];
    for (let round = 0; round < 20 && seen.length < 300; round += 1) {
      const offsets = await poll();
      seen.push(...offsets);
      await ack(offsets);
    }
    expect(new Set(seen).size).toBe(300);
  });

  it('of many partitions close the index that was not used for longest', async () => {
    await start({ delayedIndexesMax: 2 });
    for (const topic of ['a', 'b', 'c']) {
      await test.broker.createTopic({ name: topic, partitions: 1 });
      const records = delayedBy(() => 1000, 30);
      await test.broker.produce(produceOf(topic, records));
      const request = { topics: [topic], mode: 'queue', autoOffsetReset: 'earliest' };
      await test.broker.groups.join(topic, { memberId: 'm', ...request } as never);
      expect(await poll('m', 100, topic)).toEqual([]);
    }
    expect(test.opened.status().delayedRecords).toMatchObject({ indexes: 2, evictedTotal: 1 });
    await test.scheduler.advance(1000);
    for (const topic of ['a', 'b', 'c']) expect(await poll('m', 100, topic)).toHaveLength(30);
    expect(test.opened.status().delayedRecords).toMatchObject({ indexes: 2, rebuildsTotal: 3 });
  });
});
