import { randomUUID } from 'node:crypto';
import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { until } from '../support/until.js';
import { GroupClient, targetsOf } from './group-client.js';
import { offsetsByPartition, SocketClient } from './socket-client.js';

const SESSION_MS = 2000;

const gateway = useGateway({ SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX: '100' });

const members: GroupClient[] = [];

/** A group and a topic of four partitions that no other test uses. */
interface Shared {
  readonly group: string;
  readonly topic: string;
}

async function shared(partitions = 4): Promise<Shared> {
  return { group: `g-${randomUUID()}`, topic: await gateway.topic({ partitions }) };
}

async function join({ group, topic }: Shared, data: object = {}): Promise<GroupClient> {
  const client = await SocketClient.open(gateway.url);
  const member = await GroupClient.join(client, { group, topic, from: 'earliest', ...data });
  members.push(member);
  return member;
}

/** Produces `count` records to each partition, with the offsets as values. */
async function produce({ topic }: Shared, count: number, from = 0, partitions = 4): Promise<void> {
  const records = Array.from({ length: count * partitions }, (_, index) => ({
    value: from + Math.floor(index / partitions),
    partition: index % partitions,
  }));
  const path = `/v1/topics/${topic}/records`;
  await supertest(gateway.url).post(path).send({ records }).expect(200);
}

async function committed({ group, topic }: Shared): Promise<(number | null)[]> {
  const path = `/v1/groups/${group}/offsets?topic=${topic}`;
  const { body } = await supertest(gateway.url).get(path).expect(200);
  const { offsets } = body as { offsets: { offset: number | null }[] };
  return offsets.map(({ offset }) => offset);
}

/** Resolves when these members read all four partitions, each of them about as many. */
async function untilShared(all: readonly GroupClient[]): Promise<void> {
  await until('the members share the partitions', () => {
    const partitions = all.flatMap((member) => [...member.partitions]);
    const least = Math.floor(4 / all.length);
    if (!all.every((member) => member.partitions.size >= least)) return false;
    return partitions.length === 4 && new Set(partitions).size === 4;
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

afterEach(async () => {
  for (const member of members.splice(0)) await member.client.close();
  await gateway.untilMetric('sluice_socket_members', 0);
  await gateway.untilMetric('sluice_delivery_subscriptions', 0);
  await gateway.untilMetric('sluice_delivery_cursors', 0);
});

describe('members of a group over WebSocket', () => {
  test('the first member gets all partitions at once, a second one takes over half', async () => {
    const group = await shared();
    const first = await join(group);
    expect(targetsOf(first.subscribed)).toEqual([0, 1, 2, 3]);
    const second = await join(group);
    await untilShared([first, second]);
    await produce(group, 50);
    await first.client.until(() => first.records.length === 100);
    await second.client.until(() => second.records.length === 100);
    for (const member of [first, second]) {
      for (const [partition, offsets] of offsetsByPartition(member.records)) {
        expect(member.partitions.has(partition)).toBe(true);
        expect(offsets).toEqual(range(0, 50));
      }
    }
    expect(first.faults).toEqual([]);
  });

  test('a third member moves only what it gets, and the others continue', async () => {
    const group = await shared();
    const first = await join(group);
    const second = await join(group);
    await untilShared([first, second]);
    const before = new Map([first, second].map((member) => [member, new Set(member.partitions)]));
    const third = await join(group);
    await untilShared([first, second, third]);
    expect(third.partitions.size).toBe(1);
    await produce(group, 20);
    for (const member of [first, second]) {
      expect([...member.partitions].every((one) => before.get(member)?.has(one))).toBe(true);
      await member.client.until(() => member.records.length >= member.partitions.size * 20);
    }
    expect([first, second, third].flatMap(({ faults }) => faults)).toEqual([]);
  });

  test('the partitions of a closed connection are read by the others as committed', async () => {
    const group = await shared();
    const first = await join(group);
    const second = await join(group);
    await untilShared([first, second]);
    await produce(group, 10);
    await second.client.until(() => second.records.length === 20);
    const [moved = -1] = second.partitions;
    const offsets = [{ topic: group.topic, partition: moved, offset: 4 }];
    const answer = await second.client.request('commit', { subscription: 's', offsets });
    expect(answer).toMatchObject({ event: 'committed', data: { group: group.group, offsets } });
    second.client.terminate();
    await untilShared([first]);
    await first.client.until(() => first.records.length === 20 + 6 + 10);
    expect(offsetsByPartition(first.records).get(moved)).toEqual(range(4, 10));
    expect(first.faults).toEqual([]);
  });

  test('unsubscribe leaves the group before it is answered', async () => {
    const group = await shared();
    const first = await join(group);
    const second = await join(group);
    await untilShared([first, second]);
    await second.client.request('unsubscribe', { subscription: 's' });
    const { body } = await supertest(gateway.url).get(`/v1/groups/${group.group}`).expect(200);
    expect((body as { members: unknown[] }).members).toHaveLength(1);
    await untilShared([first]);
  });

  test('a new topic that matches a pattern is read from its first record', async () => {
    const prefix = randomUUID();
    const group = { group: `g-${prefix}`, topic: '' };
    const topics = [{ pattern: `${prefix}\\..*` }];
    const member = await join(group, { topic: undefined, topics });
    expect(member.subscribed).toEqual([]);
    const topic = `${prefix}.orders`;
    await supertest(gateway.url).post('/v1/topics').send({ name: topic }).expect(201);
    await produce({ group: '', topic }, 3, 0, 1);
    await member.client.until(() => member.records.length === 3);
    expect(member.records.map(({ offset }) => offset)).toEqual([0, 1, 2]);
  });

  test('a deleted topic is revoked, and the subscription goes on', async () => {
    const group = await shared();
    const other = await gateway.topic();
    const member = await join(group, { topic: undefined, topics: [group.topic, other] });
    await supertest(gateway.url).delete(`/v1/topics/${other}`).expect(204);
    await member.client.until(() => member.client.of('revoked').length === 1);
    await produce(group, 1);
    await member.client.until(() => member.records.length === 4);
    expect(member.client.of('error')).toEqual([]);
  });

  test('members over REST and over WebSocket share a group', async () => {
    const group = await shared();
    const member = await join(group);
    const members = `/v1/groups/${group.group}/members`;
    const body = { topics: [group.topic], autoOffsetReset: 'earliest' };
    const joined = await supertest(gateway.url).post(members).send(body).expect(201);
    const { memberId } = joined.body as { memberId: string };
    await produce(group, 10);
    const polled: number[] = [];
    let cursor = '';
    const poll = async (): Promise<number> => {
      const path = `${members}/${memberId}/records?waitMs=200&cursor=${cursor}`;
      const answer = await supertest(gateway.url).get(path).expect(200);
      const { records, cursor: next } = answer.body as { records: unknown[]; cursor: string };
      cursor = next;
      polled.push(records.length);
      return polled.reduce((total, count) => total + count, 0);
    };
    await expect.poll(poll).toBeGreaterThanOrEqual(20);
    expect(member.partitions.size).toBe(2);
    await supertest(gateway.url).delete(`${members}/${memberId}`).expect(204);
    await untilShared([member]);
  });
});

describe('a member that its group has removed while its connection is open', () => {
  async function removed(group: Shared, data: object): Promise<GroupClient> {
    const member = await join(group, data);
    const path = `/v1/groups/${group.group}`;
    const { body } = await supertest(gateway.url).get(path).expect(200);
    const [{ memberId } = { memberId: '' }] = (body as { members: { memberId: string }[] }).members;
    await supertest(gateway.url).delete(`${path}/members/${memberId}`).expect(204);
    return member;
  }

  test('joins again by itself, after all of its partitions were revoked', async () => {
    const group = await shared();
    const member = await removed(group, {});
    await member.client.until(() => member.client.of('assigned').length === 1);
    expect(member.client.of('revoked')[0]?.data.partitions).toHaveLength(4);
    expect(member.partitions.size).toBe(4);
    await produce(group, 3);
    await member.client.until(() => member.records.length === 12);
    expect(member.faults).toEqual([]);
    expect(await gateway.metric('sluice_socket_members_rejoined_total')).toBeGreaterThan(0);
  });

  test('with an instanceId gets an error: another process may have taken its place', async () => {
    const member = await removed(await shared(), { instanceId: 'worker-2' });
    await member.client.until(() => member.client.of('error').length === 1);
    expect(member.client.of('error')[0]?.data).toMatchObject({
      subscription: 's',
      status: 404,
      code: 'UNKNOWN_MEMBER_ID',
    });
  });
});

describe('an instanceId', () => {
  const options = { instanceId: 'worker-1', sessionTimeoutMs: SESSION_MS };

  test('a member that reconnects in time has its partitions at once', async () => {
    const group = await shared();
    const first = await join(group, options);
    const second = await join(group);
    await untilShared([first, second]);
    const kept = first.numbers;
    const { length } = second.client.messages;
    first.client.terminate();
    await first.client.closed;
    const again = await join(group, options);
    expect(targetsOf(again.subscribed)).toEqual(kept);
    expect(second.client.messages).toHaveLength(length);
  });

  test('the partitions of a member that does not come back move after its session', async () => {
    const group = await shared();
    const first = await join(group, { ...options, sessionTimeoutMs: 2000 });
    const second = await join(group);
    await untilShared([first, second]);
    first.client.terminate();
    await untilShared([second]);
  });

  test('the connection of a replaced member gets an error, and its subscription ends', async () => {
    const group = await shared();
    const first = await join(group, options);
    const second = await join(group, options);
    expect(targetsOf(second.subscribed)).toEqual([0, 1, 2, 3]);
    await first.client.until(() => first.client.of('error').length === 1);
    expect(first.client.of('error')[0]?.data).toMatchObject({
      subscription: 's',
      status: 409,
      code: 'FENCED_MEMBER_EPOCH',
    });
    expect(await first.client.request('credit', { subscription: 's', records: 1 })).toMatchObject({
      event: 'error',
    });
    expect(await gateway.metric('sluice_socket_members_fenced_total')).toBeGreaterThan(0);
  });
});

describe('commits of members over WebSocket', () => {
  test('for a partition that has moved is refused', async () => {
    const group = await shared();
    const first = await join(group);
    await produce(group, 5);
    await first.client.until(() => first.records.length === 20);
    const second = await join(group);
    await untilShared([first, second]);
    const [moved = -1] = second.partitions;
    const offsets = [{ topic: group.topic, partition: moved, offset: 5 }];
    const answer = await first.client.request('commit', { subscription: 's', offsets });
    expect(answer.data).toMatchObject({ status: 409, code: 'ILLEGAL_GENERATION' });
    expect((await committed(group))[moved]).toBe(0);
  });

  test('with another group do not need a membership there', async () => {
    const group = await shared();
    const member = await join(group);
    await produce(group, 5);
    const other = `g-${randomUUID()}`;
    const offsets = [{ topic: group.topic, partition: 1, offset: 3 }];
    await member.client.request('commit', { subscription: 's', group: other, offsets });
    expect(await committed({ ...group, group: other })).toEqual([null, 3, null, null]);
  });

  test('autoCommit commits what credit acknowledges, the oldest records first', async () => {
    const group = await shared(1);
    const member = await join(group, { autoCommit: true, credit: 10 });
    await produce(group, 30, 0, 1);
    await member.client.until(() => member.records.length === 10);
    expect(await committed(group)).toEqual([0]);
    member.client.send('credit', { subscription: 's', records: 4 });
    await expect.poll(() => committed(group)).toEqual([4]);
    await member.client.until(() => member.records.length === 14);
    member.client.send('credit', { subscription: 's', records: 10 });
    await expect.poll(() => committed(group)).toEqual([14]);
    await member.client.close();
    const next = await join(group);
    await next.client.until(() => next.records.length === 16);
    expect(next.records[0]?.offset).toBe(14);
  });

  test('credit that comes while a commit is under way is committed after it', async () => {
    const group = await shared(1);
    const member = await join(group, { autoCommit: true, credit: 10 });
    await produce(group, 30, 0, 1);
    await member.client.until(() => member.records.length === 10);
    for (let sent = 0; sent < 10; sent += 1) {
      member.client.send('credit', { subscription: 's', records: 1 });
    }
    await expect.poll(() => committed(group)).toEqual([10]);
    await member.client.until(() => member.records.length === 20);
    expect(member.faults).toEqual([]);
  });

  test('a grant over the limit of unacknowledged records acknowledges nothing', async () => {
    const group = await shared(1);
    const member = await join(group, { autoCommit: true, credit: 100 });
    await produce(group, 5, 0, 1);
    await member.client.until(() => member.records.length === 5);
    const refused = await member.client.request('credit', { subscription: 's', records: 6 });
    expect(refused.data).toMatchObject({ code: 'POLICY_VIOLATION', subscription: 's' });
    expect(await committed(group)).toEqual([0]);
    const bound = 'sluice_bound_refusals_total{bound="SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX"}';
    expect(await gateway.metric(bound)).toBe(1);
  });
});

describe('revokeAck', () => {
  test('a partition moves when the client has released it, after its commits', async () => {
    const group = await shared();
    const first = await join(group, { revokeAck: true });
    await produce(group, 10);
    await first.client.until(() => first.records.length === 40);
    const second = await join(group);
    expect(second.subscribed).toEqual([]);
    await first.client.until(() => first.client.of('revoked').length === 1);
    const { partitions = [], deadlineMs } = first.client.of('revoked')[0]?.data ?? {};
    expect(partitions).toHaveLength(2);
    expect(deadlineMs).toBe(300_000);
    const offsets = partitions.map((target) => ({ ...target, offset: 7 }));
    await first.client.request('commit', { subscription: 's', offsets });
    first.client.send('release', { subscription: 's', partitions: [partitions[0]] });
    await first.client.request('ping');
    expect(second.partitions.size).toBe(0);
    first.client.send('release', { subscription: 's', partitions });
    await untilShared([first, second]);
    await second.client.until(() => second.records.length === 6);
    expect(second.records.every(({ offset }) => offset >= 7)).toBe(true);
    expect(first.faults).toEqual([]);
  });

  test('a client that does not release partitions in time loses them', async () => {
    const group = await shared();
    const first = await join(group, { revokeAck: true, maxPollIntervalMs: 100 });
    const second = await join(group);
    await untilShared([first, second]);
  });
});

describe('subscribe with a group is refused', () => {
  const faults: [string, object, string][] = [
    ['with a position', { from: { timestamp: 0 } }, '/data/from'],
    ['with offsets', { from: { offsets: [] } }, '/data/from'],
    ['with partitions', { partitions: [0] }, '/data/partitions'],
    ['with autoCommit and no credit', { autoCommit: true }, '/data/autoCommit'],
    ['with two resets', { autoOffsetReset: 'none' }, '/data/from'],
    [
      'with a pattern that is none',
      { topic: undefined, topics: [{ pattern: '(' }] },
      '/data/topics/0/pattern',
    ],
  ];
  test.each(faults)('%s', async (_, data, pointer) => {
    const client = await SocketClient.open(gateway.url);
    const subscribe = { subscription: 's', group: 'g', topic: 'orders', from: 'latest', ...data };
    const { data: problem } = await client.request('subscribe', subscribe);
    expect(problem).toMatchObject({ status: 400, errors: [{ pointer }] });
    await client.close();
  });

  test('members of `subscribe` that need a group are refused without one', async () => {
    const client = await SocketClient.open(gateway.url);
    const subscribe = { subscription: 's', topics: [{ pattern: 'a' }], revokeAck: true };
    const { data: problem } = await client.request('subscribe', subscribe);
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual([
      '/data/revokeAck',
      '/data/topics/0',
    ]);
    await client.close();
  });

  test('without a committed offset and with autoOffsetReset none', async () => {
    const topic = await gateway.topic();
    const client = await SocketClient.open(gateway.url);
    const subscribe = { subscription: 's', group: `g-${topic}`, topic, autoOffsetReset: 'none' };
    expect((await client.request('subscribe', subscribe)).data).toMatchObject({
      status: 404,
      code: 'NO_OFFSET_FOR_PARTITION',
    });
    await client.close();
  });
});
