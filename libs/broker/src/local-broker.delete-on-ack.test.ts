import { beforeEach, describe, expect, it } from 'vitest';
import type { TopicDescription } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { produceOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';

const INTERVAL_MS = 1000;
const CONFIGS = { 'sluice.delete.on.ack': true };

let test: TestBroker;
beforeEach(async () => {
  test = await TestBroker.start();
  await test.broker.createTopic({ name: 'jobs', partitions: 1, configs: CONFIGS });
});

async function produce(...values: readonly string[]): Promise<void> {
  const records = values.map((value) => ({ value }));
  await test.broker.produce(produceOf('jobs', records));
}

function join(group: string): Promise<unknown> {
  return test.broker.groups.join(group, { memberId: 'm', topics: ['jobs'], mode: 'queue' });
}

/** Polls once and acknowledges the first records. */
async function work(group: string, count: number): Promise<void> {
  const { groups } = test.broker;
  const { reads } = await groups.poll(group, 'm', { limit: 1000, maxBytes: 1e7, waitMs: 0 });
  const records = reads.flatMap((read) => ('records' in read ? read.records : []));
  const acks = records.slice(0, count).map(({ offset }) => {
    return { topic: 'jobs', partition: 0, offset, type: 'ack' } as const;
  });
  await groups.acknowledge(group, 'm', acks);
}

function describeJobs(): Promise<TopicDescription> {
  return test.broker.describeTopic('jobs');
}

/** The start of the log after one round of deletions. */
async function logStart(): Promise<number | null | undefined> {
  await test.scheduler.advance(INTERVAL_MS);
  return (await describeJobs()).partitions[0]?.logStartOffset;
}

describe('a topic with sluice.delete.on.ack', () => {
  it('keeps its records while it has no queue', async () => {
    await produce('a', 'b');
    expect(await logStart()).toBe(0);
    expect((await describeJobs()).queueGroups).toEqual([]);
  });

  it('loses what all of its queues are done with', async () => {
    await produce('a', 'b', 'c');
    await join('one');
    await join('two');
    expect((await describeJobs()).queueGroups).toEqual(['one', 'two']);
    await work('one', 3);
    expect(await logStart()).toBe(0);
    await work('two', 1);
    expect(await logStart()).toBe(1);
  });

  it('waits for a queue that has a position and did not poll yet', async () => {
    await produce('a');
    await join('one');
    await join('two');
    await work('one', 1);
    expect(await logStart()).toBe(0);
  });

  it('does not wait for a queue that was deleted', async () => {
    await produce('a');
    await join('one');
    await join('two');
    await work('one', 1);
    await test.broker.groups.leave('two', 'm');
    await test.broker.groups.delete('two');
    expect(await logStart()).toBe(1);
    expect((await describeJobs()).queueGroups).toEqual(['one']);
  });

  it('knows its queues after a restart', async () => {
    await produce('a', 'b');
    await join('one');
    await work('one', 1);
    await test.restart();
    expect((await describeJobs()).queueGroups).toEqual(['one']);
    expect(await logStart()).toBe(1);
  });

  it('is not compacted', async () => {
    const configs = { ...CONFIGS, 'cleanup.policy': 'compact' };
    const refused = await failureOf(test.broker.createTopic({ name: 'table', configs }));
    expect(refused).toMatchObject({ code: 'INVALID_CONFIG' });
    const altered = await failureOf(
      test.broker.alterTopic('jobs', { configs: { 'cleanup.policy': 'compact' } }),
    );
    expect(altered).toMatchObject({ code: 'INVALID_CONFIG' });
  });
});

it('a topic without sluice.delete.on.ack keeps what its queues are done with', async () => {
  await test.broker.createTopic({ name: 'kept', partitions: 1 });
  const { groups } = test.broker;
  await groups.join('one', { memberId: 'm', topics: ['kept'], mode: 'queue' });
  await test.broker.produce(produceOf('kept', [{ value: 'a' }]));
  const { reads } = await groups.poll('one', 'm', { limit: 9, maxBytes: 1e7, waitMs: 0 });
  expect(reads).toHaveLength(1);
  const ack = { topic: 'kept', partition: 0, offset: 0, type: 'ack' } as const;
  await groups.acknowledge('one', 'm', [ack]);
  await test.scheduler.advance(INTERVAL_MS);
  const { partitions, queueGroups } = await test.broker.describeTopic('kept');
  expect(partitions[0]?.logStartOffset).toBe(0);
  expect(queueGroups).toEqual(['one']);
});
