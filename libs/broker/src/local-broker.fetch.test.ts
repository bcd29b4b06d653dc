import { describe, expect, it } from 'vitest';
import type { FetchRequest } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { produceOf, valuesOf } from './testing/records.js';
import { TestBroker, type TestBrokerOptions } from './testing/test-broker.js';

describe('fetch', () => {
  it('answers whole batches from the asked offset on, with the bounds of the log', async () => {
    const { broker } = await withTopic();
    await broker.produce(produceOf('events', ['a', 'b']));
    await broker.produce(produceOf('events', ['c']));
    const result = await broker.fetch(fetchOf({ offset: 1 }));
    expect(valuesOf(result, 1)).toEqual(['1:b', '2:c']);
    expect(result).toMatchObject({
      highWatermark: 3,
      logStartOffset: 0,
      logEndOffset: 3,
      leaderEpoch: 0,
    });
  });

  it('answers at least one batch, and no second one past maxBytes', async () => {
    const { broker } = await withTopic();
    await broker.produce(produceOf('events', ['x'.repeat(500)]));
    await broker.produce(produceOf('events', ['b']));
    expect((await broker.fetch(fetchOf({ maxBytes: 1 }))).batches).toHaveLength(1);
    expect((await broker.fetch(fetchOf({ maxBytes: 5000 }))).batches).toHaveLength(2);
  });

  it('reads no more batches from disk than hold the wanted records', async () => {
    const { broker } = await withTopic({ tailCacheBytes: 0 });
    for (const value of ['a', 'b', 'c', 'd']) await broker.produce(produceOf('events', [value]));
    const few = await broker.fetch(fetchOf({ offset: 1, recordsMax: 2 }));
    expect(valuesOf(few)).toEqual(['1:b', '2:c']);
    expect((await broker.fetch(fetchOf({ offset: 1 }))).batches).toHaveLength(3);
  });

  it('answers the same from disk as from memory', async () => {
    const test = await withTopic();
    await test.broker.produce(produceOf('events', ['a', 'b']));
    await test.losePower();
    expect(valuesOf(await test.broker.fetch(fetchOf({ offset: 0, waitMs: 10 })))).toEqual([
      '0:a',
      '1:b',
    ]);
  });

  it('is empty at the end, and out of range beyond it and below the start', async () => {
    const { broker } = await withTopic();
    await broker.produce(produceOf('events', ['a', 'b']));
    expect((await broker.fetch(fetchOf({ offset: 2 }))).batches).toEqual([]);
    const beyond = await failureOf(broker.fetch(fetchOf({ offset: 3 })));
    expect(beyond.code).toBe('OFFSET_OUT_OF_RANGE');
    expect(beyond.members).toEqual({ logStartOffset: 0, highWatermark: 2 });
    await broker.deleteRecords({ topic: 'events', partition: 0 }, 1);
    const below = await failureOf(broker.fetch(fetchOf({ offset: 0, waitMs: 100 })));
    expect(below.members).toEqual({ logStartOffset: 1, highWatermark: 2 });
  });

  it('knows no partition that is not there', async () => {
    const { broker } = await withTopic();
    for (const target of [{ partition: 1 }, { topic: 'nowhere' }]) {
      expect((await failureOf(broker.fetch(fetchOf(target)))).code).toBe(
        'UNKNOWN_TOPIC_OR_PARTITION',
      );
    }
  });
});

describe('a fetch that waits', () => {
  it('is woken by an append, not by a timer', async () => {
    const test = await withTopic();
    const waiting = test.broker.fetch(fetchOf({ waitMs: 10_000 }));
    expect(test.opened.status().delayedFetches).toBe(1);
    await test.broker.produce(produceOf('events', ['a']));
    expect(valuesOf(await waiting)).toEqual(['0:a']);
    expect(test.opened.status().delayedFetches).toBe(0);
  });

  it('is answered empty when its time is over', async () => {
    const test = await withTopic();
    const waiting = test.broker.fetch(fetchOf({ waitMs: 1000 }));
    await test.scheduler.advance(1000);
    expect((await waiting).batches).toEqual([]);
  });

  it('waits for minBytes, and then answers all that is there', async () => {
    const test = await withTopic();
    const waiting = test.broker.fetch(fetchOf({ waitMs: 1000, minBytes: 300 }));
    await test.broker.produce(produceOf('events', ['x'.repeat(100)]));
    await test.scheduler.settle();
    expect(test.opened.status().delayedFetches).toBe(1);
    await test.broker.produce(produceOf('events', ['y'.repeat(100)]));
    expect((await waiting).batches).toHaveLength(2);
    const rest = test.broker.fetch(fetchOf({ waitMs: 1000, minBytes: 5000 }));
    await test.scheduler.advance(1000);
    expect((await rest).batches).toHaveLength(2);
  });

  it('does not wait for bytes that would not fit into its answer', async () => {
    const { broker } = await withTopic();
    for (const value of ['a', 'b', 'c']) await broker.produce(produceOf('events', [value]));
    const request = fetchOf({ waitMs: 1000, minBytes: 100_000, maxBytes: 150 });
    expect((await broker.fetch(request)).batches.length).toBeGreaterThan(0);
  });

  it('leaves nothing behind when its caller goes away', async () => {
    const test = await withTopic();
    const timersBefore = test.scheduler.pendingTimers;
    const caller = new AbortController();
    const waiting = test.broker.fetch(fetchOf({ waitMs: 10_000, signal: caller.signal }));
    caller.abort();
    expect((await waiting).batches).toEqual([]);
    expect(test.opened.status().delayedFetches).toBe(0);
    expect(test.scheduler.pendingTimers).toBe(timersBefore);
    const late = test.broker.fetch(fetchOf({ waitMs: 10_000, signal: caller.signal }));
    expect((await late).batches).toEqual([]);
  });

  it('is refused when too many wait', async () => {
    const test = await withTopic({ longPollsMax: 2 });
    const waiting = [1, 2].map(() => test.broker.fetch(fetchOf({ waitMs: 1000 })));
    const error = await failureOf(test.broker.fetch(fetchOf({ waitMs: 1000 })));
    expect(error.code).toBe('THROTTLING_QUOTA_EXCEEDED');
    expect(test.opened.status().delayedFetchesRefusedTotal).toBe(1);
    await test.broker.produce(produceOf('events', ['a']));
    await Promise.all(waiting);
  });

  it('shares one answer among thousands of readers at the same place', async () => {
    const test = await withTopic({ longPollsMax: 5000 });
    const waiting = Array.from({ length: 1000 }, () =>
      test.broker.fetch(fetchOf({ waitMs: 1000 })),
    );
    await test.broker.produce(produceOf('events', ['a']));
    const answers = await Promise.all(waiting);
    expect(answers.every((answer) => valuesOf(answer)[0] === '0:a')).toBe(true);
    expect(new Set(answers).size).toBeLessThan(10);
  });

  it('is answered with as many records as it wants, beside one that wants more', async () => {
    const { broker } = await withTopic({ tailCacheBytes: 0 });
    const wanted = [1, undefined, 2];
    const waiting = wanted.map((recordsMax) =>
      broker.fetch(fetchOf({ waitMs: 10_000, ...(recordsMax !== undefined && { recordsMax }) })),
    );
    // Each record fills a batch, and the three are written together.
    const large = ['a', 'b', 'c'].map((letter) => letter.repeat(12_000));
    await broker.produce(produceOf('events', large));
    const counts = (await Promise.all(waiting)).map(({ batches }) => batches.length);
    expect(counts).toEqual([1, 3, 2]);
  });

  it('does not see what is written and not synced', async () => {
    const test = await withTopic();
    const waiting = test.broker.fetch(fetchOf({ waitMs: 1000 }));
    test.disk.failNext('datasync', 'EIO', { path: 'events' });
    await failureOf(test.broker.produce(produceOf('events', ['a'])));
    await test.scheduler.advance(1000);
    expect(await waiting).toMatchObject({ batches: [], highWatermark: 0, logEndOffset: 0 });
    expect((await test.broker.fetch(fetchOf({}))).batches).toEqual([]);
  });

  it('ends at once when the broker begins to stop', async () => {
    const test = await withTopic();
    const waiting = test.broker.fetch(fetchOf({ waitMs: 1000 }));
    test.opened.endWaits();
    expect((await waiting).batches).toEqual([]);
    expect((await test.broker.fetch(fetchOf({ waitMs: 1000 }))).batches).toEqual([]);
  });

  it('is told when its position is deleted meanwhile', async () => {
    const test = await withTopic();
    await test.broker.produce(produceOf('events', ['x'.repeat(10)]));
    const waiting = failureOf(test.broker.fetch(fetchOf({ waitMs: 1000, minBytes: 300 })));
    await test.broker.deleteRecords({ topic: 'events', partition: 0 }, 1);
    await test.broker.produce(produceOf('events', ['b']));
    expect((await waiting).code).toBe('OFFSET_OUT_OF_RANGE');
  });
});

describe('a fetch with the leader epoch of its position', () => {
  it('goes on over a restart that lost nothing', async () => {
    const test = await withTopic();
    await test.broker.produce(produceOf('events', ['a', 'b']));
    const before = await test.broker.fetch(fetchOf({}));
    await test.losePower();
    const { leaderEpoch } = before;
    const after = await test.broker.fetch(fetchOf({ offset: 2, leaderEpoch }));
    expect(after).toMatchObject({ batches: [], leaderEpoch: leaderEpoch + 1 });
    await test.broker.produce(produceOf('events', ['c']));
    const next = await test.broker.fetch(fetchOf({ offset: 2, leaderEpoch }));
    expect(valuesOf(next)).toEqual(['2:c']);
  });

  it('tells where the histories part when its records are not in the log any more', async () => {
    const test = await withTopic({ durability: 'os' });
    await test.broker.produce(produceOf('events', ['a', 'b', 'lost', 'lost']));
    const { leaderEpoch } = await test.broker.fetch(fetchOf({}));
    await test.losePower();
    await test.broker.produce(produceOf('events', ['c', 'd', 'e', 'f', 'g']));
    const error = await failureOf(test.broker.fetch(fetchOf({ offset: 4, leaderEpoch })));
    expect(error.code).toBe('OFFSET_OUT_OF_RANGE');
    expect(error.members).toMatchObject({ divergingOffset: 0, logStartOffset: 0 });
  });

  it('does not trust a position of an epoch that this log never had', async () => {
    const { broker } = await withTopic();
    await broker.produce(produceOf('events', ['a']));
    const error = await failureOf(broker.fetch(fetchOf({ offset: 1, leaderEpoch: 9 })));
    expect(error.members).toMatchObject({ divergingOffset: 0 });
  });
});

describe('listOffset', () => {
  it('answers the ends of the log, and the first record at or after a time', async () => {
    const { broker } = await withTopic();
    const records = [10, 30, 20].map((timestamp) => ({ value: 'x', timestamp }));
    await broker.produce(produceOf('events', records));
    const target = { topic: 'events', partition: 0 };
    expect(await broker.listOffset(target, 'earliest')).toMatchObject({ offset: 0 });
    expect(await broker.listOffset(target, 'latest')).toMatchObject({ offset: 3, timestamp: null });
    expect(await broker.listOffset(target, { timestampMs: 15 })).toEqual({
      offset: 1,
      timestamp: 30,
      leaderEpoch: 0,
    });
    expect(await broker.listOffset(target, { timestampMs: 31 })).toEqual({
      offset: null,
      timestamp: null,
      leaderEpoch: null,
    });
    expect((await failureOf(broker.listOffset({ ...target, partition: 5 }, 'latest'))).code).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
  });
});

describe('deleteRecords', () => {
  const target = { topic: 'events', partition: 0 };

  it('moves the log start, for good, and never back', async () => {
    const test = await withTopic();
    await test.broker.produce(produceOf('events', ['a', 'b', 'c']));
    expect(await test.broker.deleteRecords(target, 2)).toEqual({ logStartOffset: 2 });
    expect(await test.broker.deleteRecords(target, 1)).toEqual({ logStartOffset: 2 });
    await test.losePower();
    expect(await test.broker.listOffset(target, 'earliest')).toMatchObject({ offset: 2 });
  });

  it('deletes nothing beyond the high watermark, and nothing of a compacted topic', async () => {
    const { broker } = await withTopic();
    await broker.produce(produceOf('events', ['a']));
    const beyond = await failureOf(broker.deleteRecords(target, 2));
    expect(beyond).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', members: { highWatermark: 1 } });
    await broker.createTopic({ name: 'table', configs: { 'cleanup.policy': 'compact' } });
    const compacted = await failureOf(broker.deleteRecords({ topic: 'table', partition: 0 }, 0));
    expect(compacted.code).toBe('POLICY_VIOLATION');
  });
});

async function withTopic(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const test = await TestBroker.start(options);
  await test.broker.createTopic({ name: 'events' });
  return test;
}

function fetchOf(request: Partial<FetchRequest>): FetchRequest {
  return {
    topic: 'events',
    partition: 0,
    offset: 0,
    maxBytes: 1024 * 1024,
    minBytes: 1,
    waitMs: 0,
    ...request,
  };
}
