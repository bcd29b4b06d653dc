import { describe, expect, it } from 'vitest';
import { CONSUMER_OFFSETS_TOPIC } from '#protocol';
import { failureOf } from './testing/failure-of.js';
import { produceOf } from './testing/records.js';
import { TestBroker, type TestBrokerOptions } from './testing/test-broker.js';

describe('commitOffsets', () => {
  it('keeps offsets with their metadata, and tells the lag', async () => {
    const { broker } = await withRecords();
    await broker.commitOffsets('g', [
      { topic: 'events', partition: 1, offset: 1, metadata: 'half', leaderEpoch: 0 },
      { topic: 'events', partition: 0, offset: 2 },
    ]);
    expect(await broker.committedOffsets('g')).toEqual([
      { topic: 'events', partition: 0, offset: 2, highWatermark: 2, lag: 0, metadata: null },
      { topic: 'events', partition: 1, offset: 1, highWatermark: 2, lag: 1, metadata: 'half' },
    ]);
  });

  it('replaces earlier offsets, also by lower ones', async () => {
    const { broker } = await withRecords();
    for (const offset of [1, 2, 0]) {
      await broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset }]);
      expect(await broker.committedOffsets('g')).toMatchObject([{ offset }]);
    }
  });

  it('keeps groups apart', async () => {
    const { broker } = await withRecords();
    const groups = Array.from({ length: 20 }, (_, number) => `group-${number}`);
    await Promise.all(
      groups.map((group, number) =>
        broker.commitOffsets(group, [{ topic: 'events', partition: 0, offset: number % 3 }]),
      ),
    );
    for (const [number, group] of groups.entries()) {
      expect(await broker.committedOffsets(group)).toMatchObject([{ offset: number % 3 }]);
    }
  });

  it('keeps offsets of topics that a start opens after the offsets topic', async () => {
    const test = await TestBroker.start({
      topicsMax: 100,
      partitionsMax: 100,
      partitionsPerBrokerMax: 100,
    });
    const topics = Array.from({ length: 40 }, (_, number) => `zebra-${number}`);
    for (const topic of topics) {
      await test.broker.createTopic({ name: topic, partitions: 1 });
      await test.broker.commitOffsets('g', [{ topic, partition: 0, offset: 0 }]);
    }
    await test.restart();
    await test.scheduler.advance(1000);
    expect(await test.broker.committedOffsets('g')).toHaveLength(topics.length);
  });

  it('creates the compacted, internal offsets topic at the first commit', async () => {
    const { broker } = await withRecords();
    expect(await broker.committedOffsets('g')).toEqual([]);
    expect(await broker.listTopics({ includeInternal: true })).toHaveLength(1);
    await broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset: 0 }]);
    const topic = await broker.describeTopic(CONSUMER_OFFSETS_TOPIC);
    expect(topic.internal).toBe(true);
    expect(topic.partitions).toHaveLength(4);
    expect(topic.configs['cleanup.policy']).toBe('compact');
    expect(await broker.listTopics({ includeInternal: false })).toHaveLength(1);
  });

  it.each([
    ['a partition that is not there', { partition: 7 }, 'UNKNOWN_TOPIC_OR_PARTITION', '/offsets/1'],
    ['a topic that is not there', { topic: 'nowhere' }, 'UNKNOWN_TOPIC_OR_PARTITION', '/offsets/1'],
    ['a negative offset', { offset: -1 }, 'INVALID_REQUEST', '/offsets/1/offset'],
    ['half an offset', { offset: 0.5 }, 'INVALID_REQUEST', '/offsets/1/offset'],
    [
      'an offset above the high watermark',
      { offset: 3 },
      'OFFSET_OUT_OF_RANGE',
      '/offsets/1/offset',
    ],
    ['the same partition twice', { partition: 0 }, 'INVALID_REQUEST', '/offsets/1'],
    ['too much metadata', { metadata: 'x'.repeat(4097) }, 'INVALID_REQUEST', '/offsets/1/metadata'],
    [
      'metadata with too many bytes of UTF-8',
      { metadata: '語'.repeat(1366) },
      'INVALID_REQUEST',
      '/offsets/1/metadata',
    ],
  ])('commits nothing of a list with %s', async (_, bad, code, pointer) => {
    const { broker } = await withRecords();
    const good = { topic: 'events', partition: 0, offset: 1 };
    const error = await failureOf(
      broker.commitOffsets('g', [good, { ...good, partition: 1, ...bad }]),
    );
    expect(error.code).toBe(code);
    expect(error.faults.map((fault) => fault.pointer)).toEqual([pointer]);
    if (code === 'OFFSET_OUT_OF_RANGE') {
      expect(error.members).toEqual({ logStartOffset: 0, highWatermark: 2 });
    }
    expect(await broker.committedOffsets('g')).toEqual([]);
  });

  it('refuses a group without a name', async () => {
    const { broker } = await withRecords();
    expect((await failureOf(broker.commitOffsets('', []))).code).toBe('INVALID_REQUEST');
    expect((await failureOf(broker.committedOffsets(''))).code).toBe('INVALID_REQUEST');
  });

  it('does not show a commit that the disk did not take', async () => {
    const test = await withRecords();
    const commit = { topic: 'events', partition: 0, offset: 1 };
    await test.broker.commitOffsets('g', [commit]);
    test.disk.failNext('writev', 'ENOSPC', { path: CONSUMER_OFFSETS_TOPIC });
    const error = await failureOf(test.broker.commitOffsets('g', [{ ...commit, offset: 2 }]));
    expect(error.code).toBe('KAFKA_STORAGE_ERROR');
    expect(await test.broker.committedOffsets('g')).toMatchObject([{ offset: 1 }]);
  });
});

describe('committedOffsets', () => {
  it('shows all partitions of one topic, null where nothing is committed', async () => {
    const { broker } = await withRecords();
    await broker.commitOffsets('g', [{ topic: 'events', partition: 1, offset: 1 }]);
    expect(await broker.committedOffsets('g', 'events')).toEqual([
      { topic: 'events', partition: 0, offset: null, highWatermark: 2, lag: null, metadata: null },
      { topic: 'events', partition: 1, offset: 1, highWatermark: 2, lag: 1, metadata: null },
    ]);
    expect(await broker.committedOffsets('g', 'nowhere')).toEqual([]);
    expect(await broker.committedOffsets('unknown', 'events')).toEqual([]);
  });

  it('survives a restart and a loss of power', async () => {
    const test = await withRecords();
    for (const [offset, start] of [
      [1, () => test.restart()],
      [2, () => test.losePower()],
    ] as const) {
      await test.broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset }]);
      await start();
      expect(await test.broker.committedOffsets('g')).toMatchObject([{ offset, lag: 2 - offset }]);
    }
  });

  it('ends with its topic: one of the same name has none, before and after a restart', async () => {
    const test = await withRecords();
    await test.broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset: 2 }]);
    await test.broker.deleteTopic('events');
    expect(await test.broker.committedOffsets('g')).toEqual([]);
    await test.broker.createTopic({ name: 'events', partitions: 2 });
    expect(await test.broker.committedOffsets('g', 'events')).toEqual([]);
    await test.broker.commitOffsets('g', [{ topic: 'events', partition: 1, offset: 0 }]);
    await test.losePower();
    expect(await test.broker.committedOffsets('g')).toMatchObject([{ partition: 1, offset: 0 }]);
  });

  it('ends with its topic also where the group was not looked at since the start', async () => {
    const test = await withRecords();
    await test.broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset: 2 }]);
    await test.restart();
    await test.broker.deleteTopic('events');
    await test.broker.createTopic({ name: 'events', partitions: 2 });
    expect(await test.broker.committedOffsets('g', 'events')).toEqual([]);
  });
});

async function withRecords(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const test = await TestBroker.start(options);
  await test.broker.createTopic({ name: 'events', partitions: 2 });
  const records = [0, 0, 1, 1].map((partition) => ({ value: 'x', partition }));
  await test.broker.produce(produceOf('events', records));
  return test;
}
