import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { offsetsByPartition, type Position, SocketClient } from './socket-client.js';

const gateway = useGateway({
  SLUICE_RETENTION_CHECK_INTERVAL_MS: '20',
  SLUICE_SUBSCRIPTIONS_PER_SOCKET_MAX: '20',
});

const clients: SocketClient[] = [];

async function connected(): Promise<SocketClient> {
  const client = await SocketClient.open(gateway.url);
  clients.push(client);
  return client;
}

/** Produces records with the values `0, 1, ...`; the same number to each partition. */
async function produce(topic: string, count: number, partitions = 1, from = 0): Promise<void> {
  const records = Array.from({ length: count * partitions }, (_, index) => ({
    value: from + Math.floor(index / partitions),
    partition: index % partitions,
  }));
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ records }),
  });
  expect(response.status).toBe(200);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await gateway.untilMetric('sluice_delivery_subscriptions', 0);
  await gateway.untilMetric('sluice_delivery_cursors', 0);
});

describe('start position of a subscription', () => {
  test('latest: records after the answer are delivered, even to an empty topic', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    expect(await client.subscribe({ subscription: 's', topic })).toEqual([
      { topic, partition: 0, offset: 0 },
    ]);
    await produce(topic, 3);
    expect((await client.recordsOf('s', 3)).map(({ value }) => value)).toEqual([0, 1, 2]);

    const late = await connected();
    const positions = await late.subscribe({ subscription: 's', topic, from: 'latest' });
    expect(positions).toEqual([{ topic, partition: 0, offset: 3 }]);
    await produce(topic, 1, 1, 3);
    expect((await late.recordsOf('s', 1)).map(({ offset }) => offset)).toEqual([3]);
  });

  test('earliest: all partitions, each in order', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    await produce(topic, 500, 3);
    const client = await connected();
    await client.subscribe({ subscription: 's', topics: [topic], from: 'earliest' });
    const records = await client.recordsOf('s', 1500);
    const byPartition = offsetsByPartition(records);
    for (const partition of [0, 1, 2]) {
      expect(byPartition.get(partition)).toEqual(range(0, 500));
    }
  });

  test('a time: the first record with this timestamp or a later one', async () => {
    const topic = await gateway.topic();
    const records = range(0, 10).map((value) => ({ value, timestamp: 1_000_000 + value * 1000 }));
    const client = await connected();
    await client.request('publish', { topic, records });
    const from = { timestamp: 1_004_500 };
    expect(await client.subscribe({ subscription: 's', topic, from })).toEqual([
      { topic, partition: 0, offset: 5 },
    ]);
    expect((await client.recordsOf('s', 5)).map(({ offset }) => offset)).toEqual(range(5, 10));
  });

  test.each([
    ['a list', (topic: string) => ({ offsets: [{ topic, partition: 1, offset: 4 }] })],
    ['by partition', () => ({ offsets: { '1': 4 } })],
    ['by partition, in short', () => ({ '1': 4 })],
  ])('offsets, as %s; partitions without one begin at their start', async (_, from) => {
    const topic = await gateway.topic({ partitions: 2 });
    await produce(topic, 10, 2);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic, from: from(topic) });
    const byPartition = offsetsByPartition(await client.recordsOf('s', 16));
    expect(byPartition.get(0)).toEqual(range(0, 10));
    expect(byPartition.get(1)).toEqual(range(4, 10));
  });

  test('only some partitions', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    await produce(topic, 5, 3);
    const client = await connected();
    const request = { subscription: 's', topic, partitions: [2, 0], from: 'earliest' };
    const positions = await client.subscribe(request);
    expect(new Set(positions.map(({ partition }) => partition))).toEqual(new Set([0, 2]));
    const byPartition = offsetsByPartition(await client.recordsOf('s', 10));
    expect(new Set(byPartition.keys())).toEqual(new Set([0, 2]));
  });

  test('the positions of the answer, advanced by the records read, resume without loss or repetition', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await produce(topic, 300, 2);
    const first = await connected();
    let positions: readonly Position[] = await first.subscribe({
      subscription: 's',
      topic,
      from: 'earliest',
      credit: 250,
    });
    const read = await first.recordsOf('s', 250);
    first.terminate();
    const next = new Map(positions.map(({ partition, offset }) => [partition, offset]));
    for (const { partition, offset } of read) next.set(partition, offset + 1);
    positions = positions.map((each) => ({ ...each, offset: next.get(each.partition) ?? 0 }));

    await produce(topic, 50, 2, 300);
    const second = await connected();
    await second.subscribe({ subscription: 's', topic, from: { offsets: positions } });
    const rest = await second.recordsOf('s', 700 - 250);
    const all = offsetsByPartition([...read, ...rest]);
    for (const partition of [0, 1]) expect(all.get(partition)).toEqual(range(0, 350));
  });
});

describe('several subscriptions of one connection', () => {
  test('read the same topic from different positions', async () => {
    const topic = await gateway.topic();
    await produce(topic, 20);
    const client = await connected();
    await client.subscribe({ subscription: 'all', topic, from: 'earliest' });
    await client.subscribe({ subscription: 'end', topic, from: { '0': 15 } });
    await client.recordsOf('all', 20);
    await client.recordsOf('end', 5);
    await produce(topic, 1, 1, 20);
    const all = await client.recordsOf('all', 21);
    const end = await client.recordsOf('end', 6);
    expect(all.map(({ offset }) => offset)).toEqual(range(0, 21));
    expect(end.map(({ offset }) => offset)).toEqual(range(15, 21));
  });

  test('an ended subscription frees its name and gets nothing more', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    expect(await client.request('unsubscribe', { subscription: 's' })).toMatchObject({
      event: 'unsubscribed',
      data: { subscription: 's' },
    });
    await produce(topic, 3);
    const after = client.messages.length;
    await client.subscribe({ subscription: 's', topic, from: { '0': 2 } });
    await client.recordsOf('s', 1);
    const later = client.messages.slice(after).filter(({ event }) => event === 'records');
    expect(later.flatMap(({ data }) => data.records?.map(({ offset }) => offset))).toEqual([2]);
  });

  test('a name in use, and one subscription too many, are refused', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const again = await client.request('subscribe', { subscription: 's', topic });
    expect(again).toMatchObject({
      event: 'error',
      data: {
        subscription: 's',
        code: 'INVALID_REQUEST',
        errors: [{ pointer: '/data/subscription' }],
      },
    });
    for (const number of range(1, 20)) {
      await client.subscribe({ subscription: `s${number}`, topic });
    }
    const one = await client.request('subscribe', { subscription: 'over', topic });
    expect(one).toMatchObject({ event: 'error', data: { code: 'POLICY_VIOLATION', status: 409 } });
  });
});

describe('flow', () => {
  test('credit bounds the delivered records until more is granted', async () => {
    const topic = await gateway.topic();
    await produce(topic, 100);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic, from: 'earliest', credit: 7 });
    await client.recordsOf('s', 7);
    // All other messages would have been sent before this answer.
    await client.request('ping');
    expect(client.records('s')).toHaveLength(7);
    client.send('credit', { subscription: 's', records: 5 });
    await client.recordsOf('s', 12);
    await client.request('ping');
    expect(client.records('s').map(({ offset }) => offset)).toEqual(range(0, 12));
  });

  test('a subscription without initial credit gets nothing', async () => {
    const topic = await gateway.topic();
    await produce(topic, 3);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic, from: 'earliest', credit: 0 });
    await client.request('ping');
    expect(client.records('s')).toEqual([]);
    client.send('credit', { subscription: 's', records: 1 });
    expect(await client.recordsOf('s', 1)).toHaveLength(1);
  });

  test('all records after the answer to a seek are from the new position', async () => {
    const topic = await gateway.topic();
    await produce(topic, 2000);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic, from: 'earliest' });
    const target = { topic, partition: 0, offset: 1990 };
    const answer = await client.request('seek', { subscription: 's', ...target });
    expect(answer).toMatchObject({ event: 'subscribed', data: { positions: [target] } });
    const at = client.messages.indexOf(answer);
    await client.until(() => client.records('s').at(-1)?.offset === 1999);
    await client.request('ping');
    const after = client.messages.slice(at).filter(({ event }) => event === 'records');
    const offsets = after.flatMap(({ data }) => data.records ?? []).map(({ offset }) => offset);
    expect(offsets).toEqual(range(1990, 2000));
  });

  test('a seek beyond the log leaves the subscription unchanged', async () => {
    const topic = await gateway.topic();
    await produce(topic, 3);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const beyond = { subscription: 's', topic, partition: 0, offset: 99 };
    const answer = await client.request('seek', beyond);
    expect(answer).toMatchObject({
      event: 'error',
      data: { subscription: 's', code: 'OFFSET_OUT_OF_RANGE', logStartOffset: 0, highWatermark: 3 },
    });
    await produce(topic, 1, 1, 3);
    expect((await client.recordsOf('s', 1)).map(({ offset }) => offset)).toEqual([3]);
  });

  test('no record arrives before the answer to subscribe, however late it is', async () => {
    const topic = await gateway.topic();
    await produce(topic, 100);
    const client = await connected();
    const value = 'x'.repeat(500_000);
    const names = range(0, 10).map((number) => `s${number}`);
    for (const subscription of names) {
      client.send('publish', { topic, records: [{ value }] });
      client.send('subscribe', { subscription, topic, from: 'earliest', credit: 100 });
    }
    for (const name of names) await client.recordsOf(name, 100);
    for (const name of names) {
      const ofIt = client.messages.filter(({ data }) => data.subscription === name);
      expect(ofIt[0]?.event).toBe('subscribed');
    }
  });

  test('seeks after unanswered publishes: each answer precedes its records', async () => {
    const topic = await gateway.topic();
    await produce(topic, 50);
    const client = await connected();
    // The second takes longer than the first, and the records less than both.
    const other = await gateway.topic();
    const first = { topic, records: [{ value: 'x'.repeat(100_000) }] };
    const second = { topic: other, records: [{ value: 'x'.repeat(900_000) }] };
    for (const round of range(0, 20)) {
      const subscription = `s${round}`;
      client.send('publish', first);
      client.send('subscribe', { subscription, topic, from: 'earliest', credit: 3 });
      client.send('publish', second);
      const seek = client.send('seek', { subscription, topic, partition: 0, offset: 40 });
      client.send('credit', { subscription, records: 7 });
      const answer = await client.answer(seek);
      expect(answer.event).toBe('subscribed');
      const records = await client.recordsOf(subscription, 10);
      const answers = client.messages.filter(
        ({ id, event }) => id !== undefined && event !== 'unsubscribed',
      );
      expect(answers.map(({ event }) => event)).toEqual(
        range(0, round + 1).flatMap(() => ['published', 'subscribed', 'published', 'subscribed']),
      );
      const before = client.messages
        .slice(0, client.messages.indexOf(answer))
        .filter(({ data }) => data.subscription === subscription)
        .flatMap(({ data }) => data.records ?? []);
      const offsets = records.map(({ offset }) => offset);
      expect(offsets.slice(0, before.length)).toEqual(range(0, before.length));
      expect(offsets.slice(before.length)).toEqual(range(40, 40 + 10 - before.length));
      await client.request('unsubscribe', { subscription });
    }
  });
});

describe('changes of a topic', () => {
  test('new partitions are read from their start, and reported', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const response = await fetch(`${gateway.url}/v1/topics/${topic}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ partitions: 3 }),
    });
    expect(response.status).toBe(200);
    await produce(topic, 2, 3);
    await client.recordsOf('s', 6);
    expect(client.of('assigned').flatMap(({ data }) => data.partitions)).toEqual([
      { topic, partition: 1 },
      { topic, partition: 2 },
    ]);
  });

  test('its deletion ends the subscription with an error', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    await fetch(`${gateway.url}/v1/topics/${topic}`, { method: 'DELETE' });
    await client.until(() => client.of('error').length > 0);
    expect(client.of('error')[0]?.data).toMatchObject({
      subscription: 's',
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      topic,
    });
    expect(await client.request('unsubscribe', { subscription: 's' })).toMatchObject({
      event: 'error',
      data: { code: 'INVALID_REQUEST' },
    });
  });

  test('records deleted under a position: an error with both bounds, then a seek', async () => {
    const topic = await gateway.topic();
    await produce(topic, 20);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic, from: 'earliest', credit: 5 });
    await client.recordsOf('s', 5);
    await deleteBefore(topic, 10);
    client.send('credit', { subscription: 's', records: 100 });
    await client.until(() => client.of('error').length > 0);
    expect(client.of('error')[0]?.data).toMatchObject({
      subscription: 's',
      topic,
      partition: 0,
      code: 'OFFSET_OUT_OF_RANGE',
      logStartOffset: 10,
      highWatermark: 20,
    });
    await client.request('seek', { subscription: 's', topic, partition: 0, offset: 10 });
    const records = await client.recordsOf('s', 15);
    expect(records.map(({ offset }) => offset)).toEqual([...range(0, 5), ...range(10, 20)]);
  });

  test('the same with autoOffsetReset: a reset to a new position, then records', async () => {
    const topic = await gateway.topic();
    await produce(topic, 20);
    const client = await connected();
    const request = { subscription: 's', topic, from: 'earliest', credit: 5 };
    await client.subscribe({ ...request, autoOffsetReset: 'earliest' });
    await client.recordsOf('s', 5);
    await deleteBefore(topic, 10);
    client.send('credit', { subscription: 's', records: 100 });
    await client.recordsOf('s', 15);
    const [reset] = client.of('reset');
    expect(reset?.data).toMatchObject({
      subscription: 's',
      topic,
      partition: 0,
      offset: 10,
      code: 'OFFSET_OUT_OF_RANGE',
    });
    const after = client.messages.slice(client.messages.findIndex((each) => each === reset));
    expect(after.flatMap(({ data }) => data.records ?? [])[0]?.offset).toBe(10);
  });

  test('a position outside the log is refused, or reset if that is requested', async () => {
    const topic = await gateway.topic();
    await produce(topic, 20);
    await deleteBefore(topic, 10);
    const client = await connected();
    const request = { subscription: 's', topic, from: { '0': 3 } };
    expect(await client.request('subscribe', request)).toMatchObject({
      event: 'error',
      data: { code: 'OFFSET_OUT_OF_RANGE', logStartOffset: 10, highWatermark: 20 },
    });
    const positions = await client.subscribe({ ...request, autoOffsetReset: 'earliest' });
    expect(positions).toEqual([{ topic, partition: 0, offset: 10 }]);
  });
});

describe('the format of records', () => {
  test.each([
    ['auto', { value: { n: 1 }, key: 'k' }, { value: 'text' }, { valueBase64: '/w==' }],
    ['string', { value: '{"n":1}', key: 'k' }, { value: '"text"' }, { valueBase64: '/w==' }],
    ['json', { value: { n: 1 } }, { value: 'text' }, { valueBase64: '/w==' }],
    ['base64', { valueBase64: 'eyJuIjoxfQ==', keyBase64: 'aw==' }, {}, { valueBase64: '/w==' }],
  ])('%s is that of fetch, for old and new records', async (format, ...expected) => {
    const topic = await gateway.topic();
    const client = await connected();
    const data = [{ value: { n: 1 }, key: 'k' }, { value: 'text' }, { valueBase64: '/w==' }];
    await produceAll(topic, data);
    await client.subscribe({ subscription: 's', topic, from: 'earliest', format });
    await client.subscribe({ subscription: 'plain', topic, from: 'earliest' });
    expect(await client.recordsOf('s', 3)).toMatchObject(expected);
    await produceAll(topic, data);
    expect((await client.recordsOf('s', 6)).slice(3)).toMatchObject(expected);
    expect((await client.recordsOf('plain', 6)).slice(3)).toMatchObject(data);
  });
});

describe('refused messages', () => {
  test.each([
    [{ subscription: 's', topic: 'no-such-topic' }, 'UNKNOWN_TOPIC_OR_PARTITION', undefined],
    [{ subscription: '', topic: 't' }, 'INVALID_REQUEST', '/data/subscription'],
    [{ topic: 't' }, 'INVALID_REQUEST', '/data/subscription'],
    [{ subscription: 's' }, 'INVALID_REQUEST', '/data/topics'],
    [{ subscription: 's', topic: 't', topics: ['t'] }, 'INVALID_REQUEST', '/data/topics'],
    [{ subscription: 's', topics: ['t', 't'] }, 'INVALID_REQUEST', '/data/topics'],
    [{ subscription: 's', topic: 't', partitions: [-1] }, 'INVALID_REQUEST', '/data/partitions'],
    [{ subscription: 's', topic: 't', from: 'now' }, 'INVALID_REQUEST', '/data/from'],
    [{ subscription: 's', topic: 't', from: null }, 'INVALID_REQUEST', '/data/from'],
    [{ subscription: 's', topic: 't', colour: 'red' }, 'INVALID_REQUEST', '/data/colour'],
    [{ subscription: 's', topic: 't', autoCommit: true }, 'INVALID_REQUEST', '/data/autoCommit'],
    [{ subscription: 's', topic: 't', mode: 'queue' }, 'INVALID_REQUEST', '/data/mode'],
    [{ subscription: 's', topic: 't', credit: -1 }, 'INVALID_REQUEST', '/data/credit'],
  ])('subscribe %j', async (data, code, pointer) => {
    const client = await connected();
    const answer = await client.request('subscribe', data);
    expect(answer).toMatchObject({ event: 'error', data: { code } });
    if (pointer !== undefined) expect(answer.data.errors?.[0]?.pointer).toBe(pointer);
    // The connection stays open.
    expect(await client.request('ping')).toMatchObject({ event: 'pong' });
  });

  test('a partition that the topic does not have', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    for (const request of [{ partitions: [1] }, { from: { '1': 0 } }]) {
      const answer = await client.request('subscribe', { subscription: 's', topic, ...request });
      expect(answer).toMatchObject({
        event: 'error',
        data: { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
      });
    }
  });

  test('acknowledgements, because the subscription is in stream mode', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    for (const event of ['ack', 'nack', 'extend', 'reject']) {
      const answer = await client.request(event, {
        subscription: 's',
        topic,
        partition: 0,
        offset: 0,
      });
      expect(answer).toMatchObject({ event: 'error', data: { code: 'INVALID_REQUEST' } });
      expect(answer.data.detail).toContain('stream mode');
    }
  });
});

async function deleteBefore(topic: string, offset: number): Promise<void> {
  const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records?beforeOffset=${offset}`;
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(200);
}

async function produceAll(topic: string, records: readonly object[]): Promise<void> {
  const path = `/v1/topics/${topic}/records`;
  await supertest(gateway.url).post(path).send({ records }).expect(200);
}

test('a subscription without a group has no partitions to release', async () => {
  const topic = await gateway.topic();
  const client = await connected();
  await client.subscribe({ subscription: 's', topic });
  const partitions = [{ topic, partition: 0 }];
  expect(await client.request('release', { subscription: 's', partitions })).toMatchObject({
    event: 'error',
    data: {
      code: 'INVALID_REQUEST',
      errors: [{ pointer: '/data/subscription' }],
      detail: expect.stringContaining('is not a member of a consumer group'),
    },
  });
});
