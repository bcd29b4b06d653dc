import { afterEach, describe, expect, test } from 'vitest';
import { GatewayUnderTest, useGateway } from '../data/gateway-under-test.js';
import { SocketClient } from './socket-client.js';

const gateway = useGateway({ SLUICE_REQUEST_BYTES_MAX: '65536' });

const clients: SocketClient[] = [];

async function connected(to: GatewayUnderTest = gateway): Promise<SocketClient> {
  const client = await SocketClient.open(to.url);
  clients.push(client);
  return client;
}

async function producer(): Promise<{ producerId: number; producerEpoch: number }> {
  const response = await fetch(`${gateway.url}/v1/producers`, { method: 'POST' });
  return (await response.json()) as { producerId: number; producerEpoch: number };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

describe('publish', () => {
  test('it is answered with the offsets of its records in order', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    const client = await connected();
    const records = [
      { value: 'a', partition: 1, timestamp: 5 },
      { value: 'b', partition: 0, timestamp: 6 },
      { value: 'c', partition: 1, timestamp: 7 },
    ];
    expect(await client.request('publish', { topic, records })).toEqual({
      event: 'published',
      id: 1,
      data: {
        offsets: [
          { partition: 1, offset: 0, timestamp: 5 },
          { partition: 0, offset: 0, timestamp: 6 },
          { partition: 1, offset: 1, timestamp: 7 },
        ],
      },
    });
  });

  test('values stay the same byte for byte, in any order of the members around them', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    const value = '{"b":1.50,"a":[1e2,"\\u00e9\\/"],"b":2}';
    client.sendRaw(
      `{"data" : {"records":[ {"value": ${value} , "key":"k"}],"topic":"${topic}"},"id":"x","event":"publish"}`,
    );
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ event: 'published', id: 'x' });
    const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records?format=raw&limit=1`;
    expect(await (await fetch(url)).text()).toBe(value);
  });

  test('with many in flight, answers and records keep the order of the messages', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    const ids = range(0, 2000).map((value) =>
      client.send('publish', { topic, records: [{ value }] }),
    );
    await client.answer(ids.at(-1) ?? 0);
    expect(client.messages.map(({ id }) => id)).toEqual(ids);
    const offsets = client.messages.map(({ data }) => data.offsets?.[0]?.offset);
    expect(offsets).toEqual(range(0, 2000));
    expect(await gateway.values(topic)).toEqual(range(0, 2000));
  });

  test('records may go to one partition, named once for all of them', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    const client = await connected();
    const records = [{ value: 1 }, { value: 2, partition: 2 }];
    const answer = await client.request('publish', { topic, partition: 2, records });
    expect(answer.data.offsets?.map(({ partition }) => partition)).toEqual([2, 2]);
    const other = await client.request('publish', { topic, partition: 1, records });
    expect(other).toMatchObject({
      event: 'error',
      data: { code: 'INVALID_REQUEST', errors: [{ pointer: '/data/records/1/partition' }] },
    });
  });

  test('with acks 0 it is answered without offsets', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    for (const acks of ['0', 0]) {
      const answer = await client.request('publish', { topic, acks, records: [{ value: 1 }] });
      expect(answer).toMatchObject({ event: 'published', data: { offsets: null } });
    }
    await expect.poll(() => gateway.values(topic)).toEqual([1, 1]);
  });

  test('a publisher that reconnects and retries writes nothing twice', async () => {
    const topic = await gateway.topic();
    const identity = await producer();
    const message = (sequence: number) => ({
      topic,
      partition: 0,
      ...identity,
      producerSequence: sequence,
      records: [{ value: sequence }, { value: sequence + 1 }],
    });
    const first = await connected();
    for (const sequence of [0, 2, 4, 6]) first.send('publish', message(sequence));
    // The client receives no answer to these: they may be written or not.
    await first.until(() => first.messages.length > 0);
    first.terminate();

    const second = await connected();
    const answers = [];
    for (const sequence of [0, 2, 4, 6, 8]) {
      answers.push(await second.request('publish', message(sequence)));
    }
    expect(answers.map(({ data }) => data.offsets?.[0]?.offset)).toEqual([0, 2, 4, 6, 8]);
    expect(await gateway.values(topic)).toEqual(range(0, 10));
  });

  test('a sequence that does not follow is refused, with its outcome', async () => {
    const topic = await gateway.topic();
    const message = { topic, partition: 0, ...(await producer()), records: [{ value: 1 }] };
    const client = await connected();
    await client.request('publish', { ...message, producerSequence: 0 });
    expect(await client.request('publish', { ...message, producerSequence: 5 })).toMatchObject({
      event: 'error',
      data: { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', outcome: 'failed', retriable: false },
    });
  });
});

describe('a faulty publish', () => {
  test.each([
    ['no topic', { records: [{ value: 1 }] }, 'INVALID_REQUEST', '/data/topic'],
    ['no records', { topic: 't' }, 'INVALID_REQUEST', '/data/records'],
    ['an empty list', { topic: 't', records: [] }, 'INVALID_REQUEST', '/data/records'],
    ['no list', { topic: 't', records: {} }, 'INVALID_REQUEST', '/data/records'],
    [
      'an unknown member',
      { topic: 't', records: [{ value: 1 }], ack: 1 },
      'INVALID_REQUEST',
      '/data/ack',
    ],
    [
      'acks of another kind',
      { topic: 't', records: [{ value: 1 }], acks: 2 },
      'INVALID_REQUEST',
      '/data/acks',
    ],
    [
      'a half producer',
      { topic: 't', records: [{ value: 1 }], producerId: 1 },
      'INVALID_REQUEST',
      '/data/producerEpoch',
    ],
    ['a record without value', { topic: 't', records: [{}] }, 'INVALID_RECORD', '/data/records/0'],
    [
      'a bad timestamp',
      { topic: 't', records: [{ value: 1, timestamp: -1 }] },
      'INVALID_TIMESTAMP',
      '/data/records/0/timestamp',
    ],
    ['a missing topic', { topic: 'nope', records: [{ value: 1 }] }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['an invalid name', { topic: 'a b', records: [{ value: 1 }] }, 'INVALID_TOPIC_EXCEPTION'],
  ])('%s', async (_, data, code, pointer?: string) => {
    const client = await connected();
    const answer = await client.request('publish', data);
    expect(answer).toMatchObject({ event: 'error', data: { code, outcome: 'failed' } });
    if (pointer !== undefined) expect(answer.data.errors?.[0]?.pointer).toBe(pointer);
    expect(await client.request('ping')).toMatchObject({ event: 'pong' });
  });

  test('a fault of one record refuses the whole message and is located', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    const records = [{ value: 1 }, { value: 2, partition: 7 }];
    const answer = await client.request('publish', { topic, records });
    expect(answer).toMatchObject({
      event: 'error',
      data: {
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        errors: [{ pointer: '/data/records/1/partition' }],
      },
    });
    expect(await gateway.values(topic)).toEqual([]);
  });

  test('a message above the limit ends the connection with 1009', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    client.send('publish', { topic, records: [{ value: 'x'.repeat(70_000) }] });
    expect(await client.closed).toMatchObject({ code: 1009 });
    await gateway.untilMetric('sluice_websocket_connections', 0);
  });
});

describe('full buffers', () => {
  test('a publisher is not read until there is room, and nothing is lost', async () => {
    const small = new GatewayUnderTest();
    await small.start({ SLUICE_BUFFER_MEMORY_BYTES: '65536', SLUICE_MAX_BLOCK_MS: '60000' });
    try {
      const topic = await small.topic();
      const client = await connected(small);
      const value = 'x'.repeat(10_000);
      const ids = range(0, 300).map(() => client.send('publish', { topic, records: [{ value }] }));
      await client.answer(ids.at(-1) ?? 0);
      expect(client.messages.map(({ event }) => event)).toEqual(ids.map(() => 'published'));
      const offsets = client.messages.map(({ data }) => data.offsets?.[0]?.offset);
      expect(offsets).toEqual(range(0, 300));
      expect(await small.metric('kafka_producer_producermetrics_buffer_exhausted_total')).toBe(0);
    } finally {
      await small.stop();
    }
  });
});
