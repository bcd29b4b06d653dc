import { describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { RestQueue, valuesOf } from './rest-queue.js';

const gateway = useGateway({ SLUICE_DELETE_ON_ACK_INTERVAL_MS: '50' });
const HOUR_MS = 3_600_000;

/** The topic as it is described. */
async function topicOf(queue: RestQueue): Promise<Record<string, unknown>> {
  return (await queue.call('GET', `/v1/topics/${queue.topic}`)).body;
}

function open(): Promise<RestQueue> {
  return RestQueue.open(gateway, { configs: { 'sluice.delete.on.ack': true } });
}

/** Waits until the topic's log begins at an offset. */
async function expectLogStart(queue: RestQueue, logStartOffset: number): Promise<void> {
  await expect.poll(() => topicOf(queue)).toMatchObject({ partitions: [{ logStartOffset }] });
}

describe('a topic with sluice.delete.on.ack', () => {
  test('keeps everything until it has a queue, then what one is not done with', async () => {
    const queue = await open();
    const other = new RestQueue(gateway, queue.topic);
    await queue.produce({ value: 1 }, { value: 2 }, { value: 3 });
    expect(await topicOf(queue)).toMatchObject({ queueGroups: [] });
    await queue.join('a', { autoOffsetReset: undefined });
    await other.join('a', { autoOffsetReset: undefined });
    expect(await topicOf(queue)).toMatchObject({
      queueGroups: [queue.group, other.group],
      partitions: [{ logStartOffset: 0 }],
    });
    const records = await queue.poll('a');
    expect(valuesOf(records)).toEqual([1, 2, 3]);
    await queue.ack('a', records);
    const others = await other.poll('a');
    await other.ack('a', others.slice(0, 1));
    await expectLogStart(queue, 1);
    expect(valuesOf(await queue.recordsOf(queue.topic))).toEqual([2, 3]);
    await other.ack('a', others.slice(1));
    await expectLogStart(queue, 3);
  });

  test('does not wait for a group that was deleted', async () => {
    const queue = await open();
    const other = new RestQueue(gateway, queue.topic);
    await queue.produce({ value: 1 });
    await queue.join('a');
    await other.join('a');
    await queue.ack('a', await queue.poll('a'));
    await other.leave('a');
    await other.call('DELETE', '');
    await expectLogStart(queue, 1);
    expect(await topicOf(queue)).toMatchObject({ queueGroups: [queue.group] });
  });

  test('keeps a delayed record and those after it', async () => {
    const queue = await open();
    await queue.produce({ value: 1 });
    await queue.join('a');
    await queue.ack('a', await queue.poll('a'));
    await queue.produce({ value: 'later', delayMs: HOUR_MS }, { value: 3 });
    await queue.ack('a', await queue.poll('a'));
    await expectLogStart(queue, 1);
    await queue.call('DELETE', `/queue/records/${queue.topic}/0/1`);
    await expectLogStart(queue, 3);
  });

  test('is read from its start: a queue cannot ask for its end', async () => {
    const queue = await open();
    const body = { memberId: 'a', topics: [queue.topic], mode: 'queue', autoOffsetReset: 'latest' };
    expect(await queue.call('POST', '/members', body)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', errors: [{ pointer: '/autoOffsetReset' }] },
    });
  });

  test('is not compacted', async () => {
    const queue = await open();
    const configs = { 'cleanup.policy': 'compact' };
    expect(await queue.call('PATCH', `/v1/topics/${queue.topic}`, { configs })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_CONFIG', errors: [{ pointer: '/configs/sluice.delete.on.ack' }] },
    });
    const both = { ...configs, 'sluice.delete.on.ack': true };
    const topic = { name: `${queue.topic}-compacted`, configs: both };
    expect(await queue.call('POST', '/v1/topics', topic)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_CONFIG' },
    });
  });
});
