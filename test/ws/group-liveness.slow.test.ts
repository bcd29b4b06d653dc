/** Members on WebSockets whose clients are frozen, slow, or read and do nothing else. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { until } from '../support/until.js';
import { GroupClient } from './group-client.js';
import { SocketClient } from './socket-client.js';

const SESSION_MS = 1500;
/** Session of clients that must stay: the process of the test may not run for a second or two. */
const LONG_SESSION_MS = 5000;
const PARTITIONS = 2;

const gateway = useGateway({ SLUICE_GROUP_SESSION_TIMEOUT_MIN_MS: '500' });
const members: GroupClient[] = [];

interface Shared {
  readonly group: string;
  readonly topic: string;
}

async function shared(): Promise<Shared> {
  return { group: `g-${randomUUID()}`, topic: await gateway.topic({ partitions: PARTITIONS }) };
}

async function join(target: Shared, data: object): Promise<GroupClient> {
  const client = await SocketClient.open(gateway.url);
  const member = await GroupClient.join(client, { ...target, from: 'earliest', ...data });
  members.push(member);
  return member;
}

async function produce({ topic }: Shared, count: number, valueBytes = 100): Promise<void> {
  const records = Array.from({ length: count }, (_, at) => ({
    value: 'x'.repeat(valueBytes),
    partition: at % PARTITIONS,
  }));
  await supertest(gateway.url).post(`/v1/topics/${topic}/records`).send({ records }).expect(200);
}

async function memberCount({ group }: Shared): Promise<number> {
  const { body } = await supertest(gateway.url).get(`/v1/groups/${group}`).expect(200);
  return (body as { members: unknown[] }).members.length;
}

afterEach(async () => {
  for (const { client } of members.splice(0)) {
    client.socket.resume();
    client.socket.terminate();
    await client.closed;
  }
  await gateway.untilMetric('sluice_socket_members', 0);
});

const MODES: [string, object][] = [
  ['a member', {}],
  ['a static member', { instanceId: 'one' }],
  ['a member of a queue', { mode: 'queue' }],
];

describe('a client that reads nothing', () => {
  test.each(MODES)(
    '%s with many unread records leaves after its session time-out',
    async (_, data) => {
      const target = await shared();
      const silent = await gateway.metric('sluice_socket_members_silent_total');
      const frozen = await join(target, { ...data, sessionTimeoutMs: SESSION_MS });
      frozen.client.socket.pause();
      await produce(target, 200, 1000);
      await until('the member has left, while its records arrive', async () => {
        await produce(target, 2);
        return (await memberCount(target)) === 0;
      });
      expect(await gateway.metric('sluice_socket_members_silent_total')).toBe(silent + 1);
      frozen.client.socket.resume();
      expect((await frozen.client.closed).code).toBe(1006);
    },
  );

  test('a member that received everything before it froze leaves, too', async () => {
    const target = await shared();
    const frozen = await join(target, { sessionTimeoutMs: SESSION_MS });
    frozen.client.socket.pause();
    await until('the member has left', async () => (await memberCount(target)) === 0);
  });

  test('a slow client that reads a little at a time stays', async () => {
    const target = await shared();
    const slow = await join(target, { sessionTimeoutMs: LONG_SESSION_MS });
    slow.client.socket.pause();
    for (let call = 0; call < 8; call += 1) await produce(target, 100, 10_000);
    const rejoins = await gateway.metric('sluice_websocket_stalled_total');
    for (const end = Date.now() + 2 * LONG_SESSION_MS; Date.now() < end; ) {
      slow.client.socket.resume();
      await setTimeout(1);
      slow.client.socket.pause();
      await setTimeout(LONG_SESSION_MS / 20);
    }
    expect(slow.client.socket.readyState).toBe(slow.client.socket.OPEN);
    expect(await memberCount(target)).toBe(1);
    expect(await gateway.metric('sluice_websocket_stalled_total')).toBe(rejoins);
    slow.client.socket.resume();
    await slow.client.until(() => slow.records.length === 800);
    expect(slow.faults).toEqual([]);
  });
});

describe('a client that reads and does nothing else', () => {
  const NOTHING_DONE: [string, object, number][] = [
    ['acknowledges no record by credit', { autoCommit: true, credit: 10 }, 4],
    ['has no credit left and commits nothing', { credit: 4 }, 4],
  ];
  test.each(NOTHING_DONE)('one that %s leaves after maxPollIntervalMs', async (_, data, count) => {
    const target = await shared();
    const idle = await join(target, { ...data, maxPollIntervalMs: 600 });
    await produce(target, count);
    await idle.client.until(() => idle.client.of('error').length > 0);
    expect(idle.records).toHaveLength(count);
    expect(idle.client.of('error')[0]?.data).toMatchObject({
      code: 'UNKNOWN_MEMBER_ID',
      subscription: 's',
    });
    const next = await join(target, {});
    await next.client.until(() => next.records.length === count);
    expect(await memberCount(target)).toBe(1);
  });

  test('one that owes nothing, or commits now and then, stays', async () => {
    const target = await shared();
    const maxPollIntervalMs = LONG_SESSION_MS;
    const done = await join(target, { autoCommit: true, credit: 2, maxPollIntervalMs });
    const slow = await join(target, { credit: 1, maxPollIntervalMs });
    await until('each has a partition', () => done.partitions.size + slow.partitions.size === 2);
    await produce(target, 2);
    await until('each has its record', () => done.records.length + slow.records.length === 2);
    done.client.send('credit', { subscription: 's', records: 1 });
    for (const end = Date.now() + 1.5 * maxPollIntervalMs; Date.now() < end; ) {
      const offsets = slow.records.map(({ topic, partition }) => ({ topic, partition, offset: 1 }));
      await slow.client.request('commit', { subscription: 's', offsets });
      await setTimeout(200);
    }
    expect(await memberCount(target)).toBe(2);
  });
});
