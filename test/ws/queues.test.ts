import { randomUUID } from 'node:crypto';
import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { QueueClient } from './queue-client.js';
import { SocketClient } from './socket-client.js';

const gateway = useGateway({ SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX: '100' });

const members: QueueClient[] = [];

/** A queue group and a topic that no other test uses. */
interface Queue {
  readonly group: string;
  readonly topic: string;
}

async function queue(configs?: object): Promise<Queue> {
  const group = `g-${randomUUID()}`;
  const api = supertest(gateway.url);
  if (configs !== undefined) {
    await api.patch(`/v1/groups/${group}/configs`).send({ configs }).expect(200);
  }
  return { group, topic: await gateway.topic() };
}

async function join(shared: Queue, data: object = {}): Promise<QueueClient> {
  const member = await QueueClient.join(gateway.url, { ...shared, ...data });
  members.push(member);
  return member;
}

async function produce({ topic }: Queue, ...records: readonly object[]): Promise<void> {
  const path = `/v1/topics/${topic}/records`;
  await supertest(gateway.url).post(path).send({ records }).expect(200);
}

const numbered = (count: number) => Array.from({ length: count }, (_, value) => ({ value }));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

/** The offsets of records, in order. */
const offsetsOf = (records: readonly { readonly offset: number }[]) =>
  records.map(({ offset }) => offset).toSorted((one, other) => one - other);

afterEach(async () => {
  for (const member of members.splice(0)) await member.close();
  await gateway.untilMetric('sluice_socket_members', 0);
  await gateway.untilMetric('sluice_delivery_subscriptions', 0);
});

describe('members of a queue over WebSocket', () => {
  test('get records with their delivery counts, and acknowledge them', async () => {
    const shared = await queue();
    await produce(shared, { key: 'k', value: { n: 1 } }, { value: 'two' });
    const member = await join(shared);
    expect(await member.received(2)).toMatchObject([
      { topic: shared.topic, partition: 0, offset: 0, key: 'k', value: { n: 1 }, deliveryCount: 1 },
      { offset: 1, value: 'two', deliveryCount: 1 },
    ]);
    expect(member.client.of('records')[0]?.data).toMatchObject({
      highWatermark: 2,
      leaderEpoch: 0,
    });
    expect(await member.send('ack', [0, 1])).toMatchObject({
      event: 'acked',
      data: { subscription: 'q', topic: shared.topic, partition: 0, offsets: [0, 1] },
    });
    await member.close();
    const next = await join(shared);
    await produce(shared, { value: 'three' });
    expect(await next.received(1)).toMatchObject([{ offset: 2, value: 'three' }]);
  });

  test('have at most as many records as they have credit for', async () => {
    const shared = await queue();
    await produce(shared, ...numbered(10));
    const member = await join(shared, { credit: 2 });
    await member.received(2);
    await member.send('ack', [0]);
    await member.received(3);
    member.client.send('credit', { subscription: 'q', records: 3 });
    await member.received(6);
    await member.client.request('ping');
    expect(member.values).toEqual(range(0, 6));
    member.sendSilently('ack', range(1, 6));
    await member.received(10);
    expect(member.values).toEqual(range(0, 10));
  });

  test('share records fairly, and work on them once', async () => {
    const shared = await queue();
    const all = await Promise.all([1, 2, 3, 4].map(() => join(shared, { credit: 16 })));
    await produce(shared, ...numbered(8));
    for (const member of all) await member.received(2);
    for (const member of all) {
      expect(member.records).toHaveLength(2);
      expect((await member.send('ack', offsetsOf(member.records))).event).toBe('acked');
    }
    expect(offsetsOf(all.flatMap(({ records }) => records))).toEqual(range(0, 8));
  });

  test('share them with members on REST', async () => {
    const shared = await queue();
    const member = await join(shared, { credit: 1 });
    await produce(shared, ...numbered(2));
    await member.received(1);
    const api = supertest(gateway.url);
    const path = `/v1/groups/${shared.group}/members`;
    const joined = { memberId: 'rest', topics: [shared.topic], mode: 'queue' };
    await api.post(path).send(joined).expect(201);
    const { body } = await api.get(`${path}/rest/records?waitMs=10000`).expect(200);
    expect((body as { records: object[] }).records).toMatchObject([{ value: 1 }]);
    await api.delete(`${path}/rest`).expect(204);
    await member.send('ack', [0]);
    expect(await member.received(2)).toMatchObject([{ value: 0 }, { value: 1, deliveryCount: 1 }]);
  });

  test('get records that are given back, after the delay that they ask for', async () => {
    const shared = await queue();
    await produce(shared, { value: 'late' }, { value: 'soon' });
    const member = await join(shared);
    await member.received(2);
    const before = Date.now();
    await member.send('nack', [0], { delayMs: 300 });
    await member.send('nack', [1]);
    expect((await member.received(4)).slice(2)).toMatchObject([
      { value: 'soon', deliveryCount: 2 },
      { value: 'late', deliveryCount: 2 },
    ]);
    expect(Date.now() - before).toBeGreaterThanOrEqual(300);
  });

  test('get new partitions of a topic', async () => {
    const shared = await queue();
    const member = await join(shared);
    const api = supertest(gateway.url);
    await api.patch(`/v1/topics/${shared.topic}`).send({ partitions: 2 }).expect(200);
    await member.client.until(() => member.client.of('assigned').length === 1);
    expect(member.client.of('assigned')[0]?.data).toMatchObject({
      partitions: [{ topic: shared.topic, partition: 1 }],
    });
    await produce(shared, { value: 'here', partition: 1 });
    expect(await member.received(1)).toMatchObject([{ partition: 1, offset: 0 }]);
  });
});

describe('a record of a queue that a member does not finish', () => {
  test('goes to another one when the member leaves, and the delivery does not count', async () => {
    const shared = await queue();
    await produce(shared, { value: 1 });
    for (const leave of [
      (member: QueueClient) => member.client.request('unsubscribe', { subscription: 'q' }),
      (member: QueueClient) => member.close(),
      (member: QueueClient) => {
        member.client.socket.close(1001);
        return member.client.closed;
      },
    ]) {
      const member = await join(shared);
      expect(await member.received(1)).toMatchObject([{ value: 1, deliveryCount: 1 }]);
      await leave(member);
    }
    const last = await join(shared);
    expect(await last.received(1)).toMatchObject([{ value: 1, deliveryCount: 1 }]);
  });

  test('goes to another one when the connection breaks, and the delivery counts', async () => {
    const shared = await queue();
    await produce(shared, { value: 1 });
    const broken = await join(shared);
    await broken.received(1);
    const other = await join(shared);
    broken.client.terminate();
    expect(await other.received(1)).toMatchObject([{ value: 1, deliveryCount: 2 }]);
  });

  test('comes back when its lock is over, with a warning before if asked for', async () => {
    // The warning leaves a third of the time for the answer of a busy client.
    const shared = await queue({ 'share.record.lock.duration.ms': 1500 });
    await produce(shared, { value: 1 });
    const member = await join(shared, { expiring: true });
    await member.received(1);
    await member.client.until(() => member.client.of('expiring').length === 1);
    expect(member.client.of('expiring')[0]?.data).toEqual({
      subscription: 'q',
      topic: shared.topic,
      partition: 0,
      offsets: [0],
      deadlineMs: expect.any(Number),
    });
    expect(member.client.of('expiring')[0]?.data['deadlineMs']).toBeLessThanOrEqual(500);
    expect((await member.send('extend', [0])).event).toBe('acked');
    await member.client.until(() => member.client.of('expiring').length === 2);
    expect(member.records).toHaveLength(1);
    expect(await member.received(2)).toMatchObject([{}, { value: 1, deliveryCount: 2 }]);
  });

  test('is rejected to the dead letters with its reason', async () => {
    const shared = await queue();
    await produce(shared, { value: 'bad' });
    const member = await join(shared);
    await member.received(1);
    expect((await member.send('reject', [0], { reason: 'no such customer' })).event).toBe('acked');
    const path = `/v1/topics/dlq.${shared.group}/partitions/0/records`;
    await expect
      .poll(async () => {
        const { body } = await supertest(gateway.url).get(path);
        return (body as { records?: object[] }).records ?? [];
      })
      .toMatchObject([{ value: 'bad' }]);
  });
});

describe('acks that are refused', () => {
  test('are answered with one error for each record, and the others are taken', async () => {
    const shared = await queue();
    await produce(shared, ...numbered(3));
    const member = await join(shared, { credit: 2 });
    await member.received(2);
    const id = member.client.send('ack', {
      subscription: 'q',
      topic: shared.topic,
      partition: 0,
      offsets: [0, 2, 1],
    });
    await member.client.until(() => member.client.of('acked').length === 1);
    expect(member.client.messages.filter((message) => message.id === id)).toMatchObject([
      { event: 'error', data: { code: 'INVALID_RECORD_STATE', offset: 2, outcome: 'failed' } },
      { event: 'acked', data: { offsets: [0, 1] } },
    ]);
    expect(await member.send('ack', [0])).toMatchObject({ event: 'acked' });
    expect(await member.send('ack', [0], { deliveryCount: 2 })).toMatchObject({
      event: 'error',
      data: { code: 'INVALID_RECORD_STATE', outcome: 'applied', offset: 0, subscription: 'q' },
    });
  });

  test('are answered although they have no id', async () => {
    const shared = await queue();
    const member = await join(shared);
    member.sendSilently('ack', [7]);
    await member.client.until(() => member.client.of('error').length === 1);
    expect(member.client.of('error')).toMatchObject([
      { data: { code: 'INVALID_RECORD_STATE', subscription: 'q', partition: 0, offset: 7 } },
    ]);
    expect(member.client.of('acked')).toEqual([]);
  });

  test.each([
    ['ack', { offset: 0, offsets: [1] }, '/data/offsets'],
    ['ack', {}, '/data/offsets'],
    ['ack', { offsets: [] }, '/data/offsets'],
    ['ack', { offset: 0, delayMs: 5 }, '/data/delayMs'],
    ['nack', { offset: 0, delayMs: 43_200_001 }, '/data/delayMs'],
    ['reject', { offset: 0, reason: 'x'.repeat(257) }, '/data/reason'],
    ['extend', { offset: 0, deliveryCount: 0 }, '/data/deliveryCount'],
  ])('%s with %j', async (event, data, pointer) => {
    const shared = await queue();
    const member = await join(shared);
    const about = { subscription: 'q', topic: shared.topic, partition: 0 };
    const answer = await member.client.request(event, { ...about, ...data });
    expect(answer).toMatchObject({ event: 'error', data: { code: 'INVALID_REQUEST' } });
    expect(answer.data.errors?.[0]?.pointer).toBe(pointer);
  });
});

describe('a subscription in queue mode is refused', () => {
  test.each([
    [{ partitions: [0] }, '/data/partitions'],
    [{ autoCommit: true }, '/data/autoCommit'],
    [{ revokeAck: true }, '/data/revokeAck'],
    [{ autoOffsetReset: 'none', from: undefined }, '/data/autoOffsetReset'],
    [{ from: { timestamp: 0 } }, '/data/from'],
  ])('with %j', async (data, pointer) => {
    const client = await SocketClient.open(gateway.url);
    const request = { subscription: 'q', group: 'g', topic: 't', mode: 'queue', ...data };
    const answer = await client.request('subscribe', request);
    expect(answer).toMatchObject({ event: 'error', data: { code: 'INVALID_REQUEST' } });
    expect(answer.data.errors?.[0]?.pointer).toBe(pointer);
    await client.close();
  });

  test('with more credit than a member may have unacknowledged records', async () => {
    const shared = await queue();
    await expect(join(shared, { credit: 101 })).rejects.toThrow('POLICY_VIOLATION');
    await produce(shared, ...numbered(150));
    const member = await join(shared);
    await member.received(100);
    await member.client.request('ping');
    expect(member.records).toHaveLength(100);
    const granted = await member.client.request('credit', { subscription: 'q', records: 1 });
    expect(granted).toMatchObject({ event: 'error', data: { code: 'POLICY_VIOLATION' } });
  });
});

test('a member of a queue has no position to seek', async () => {
  const shared = await queue();
  const member = await join(shared);
  const seek = { subscription: 'q', topic: shared.topic, partition: 0, offset: 0 };
  expect(await member.client.request('seek', seek)).toMatchObject({
    event: 'error',
    data: {
      code: 'INVALID_REQUEST',
      detail: 'The subscription "q" is in queue mode, where members have no positions.',
    },
  });
  await produce(shared, { value: 1 });
  expect(await member.received(1)).toMatchObject([{ value: 1 }]);
});
