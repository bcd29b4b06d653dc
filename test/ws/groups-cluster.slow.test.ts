import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { GroupClient, targetsOf } from './group-client.js';
import { SocketClient } from './socket-client.js';

const PARTITIONS = 6;
const GROUP = 'workers';

interface GroupView {
  readonly coordinator: number | null;
  readonly members: readonly object[];
}

let cluster: ClusterProcesses;
const members: GroupClient[] = [];
let produced = 0;
let topic: string;

beforeAll(async () => {
  cluster = await ClusterProcesses.start();
});

afterEach(async () => {
  for (const { client } of members.splice(0)) client.terminate();
  for (const broker of cluster.brokers) if (!broker.isUp) await broker.start();
  await cluster.untilAllSeeAlive([1, 2, 3]);
});

afterAll(() => cluster?.dispose());

async function joinAt(broker: ClusterBroker, data: object = {}): Promise<GroupClient> {
  const client = await SocketClient.open(broker.url);
  const subscribe = { group: `${GROUP}-${topic}`, topic, from: 'earliest', ...data };
  const member = await GroupClient.join(client, subscribe);
  members.push(member);
  return member;
}

/** Produces one record to each partition until they are acknowledged. */
async function produce(): Promise<void> {
  const value = produced;
  produced += 1;
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    await until(`record ${value} is written to ${partition}`, async () => {
      const body = { value, partition };
      const { status } = await cluster.any.send(`/v1/topics/${topic}/records`, 'POST', body);
      return status === 200;
    });
  }
}

async function coordinator(): Promise<ClusterBroker> {
  return until('a coordinator', async () => {
    const path = `/v1/groups/${GROUP}-${topic}`;
    const { body } = await cluster.any.call<GroupView>(path);
    return cluster.running.find(({ id }) => id === body.coordinator);
  });
}

async function untilShared(all: readonly GroupClient[]): Promise<void> {
  await until('the members share the partitions', () => {
    const partitions = all.flatMap((member) => [...member.partitions]);
    const isFair = all.every(({ partitions: own }) => own.size === PARTITIONS / all.length);
    return isFair && new Set(partitions).size === PARTITIONS;
  });
}

/** Resolves when every record was received by some member. */
async function untilAllReceived(all: readonly GroupClient[]): Promise<void> {
  await until('all records are received', () => {
    const seen = new Set(
      all.flatMap(({ records }) =>
        records.map(({ partition, value }) => `${partition} ${String(value)}`),
      ),
    );
    return seen.size === PARTITIONS * produced;
  });
}

async function newTopic(name: string): Promise<void> {
  topic = name;
  produced = 0;
  await cluster.createTopic(topic, PARTITIONS);
}

test('members go on when their coordinator is killed, and miss nothing', async () => {
  await newTopic('killed');
  const probe = await joinAt(cluster.broker(1));
  const killed = await coordinator();
  probe.client.terminate();
  const others = cluster.brokers.filter(({ id }) => id !== killed.id);
  const all = [await joinAt(others[0] ?? killed), await joinAt(others[1] ?? killed)];
  await untilShared(all);
  const revoked = all.map(({ client }) => client.of('revoked').length);
  await produce();
  await killed.kill();
  for (let round = 0; round < 10; round += 1) await produce();
  await untilAllReceived(all);
  expect(await coordinator()).not.toBe(killed);
  for (const member of all) {
    const [partition = -1] = member.partitions;
    const offsets = [{ topic, partition, offset: 5 }];
    const answer = await member.client.request('commit', { subscription: 's', offsets });
    expect(answer.event).toBe('committed');
  }
  expect(all.map(({ client }) => client.of('revoked').length)).toEqual(revoked);
  expect(all.flatMap(({ faults }) => faults)).toEqual([]);
});

test('a member with an instanceId finds its partitions at another broker', async () => {
  await newTopic('moved');
  const options = { instanceId: 'worker', sessionTimeoutMs: 30_000 };
  const first = await joinAt(cluster.broker(1), options);
  const second = await joinAt(cluster.broker(2));
  await untilShared([first, second]);
  const kept = first.numbers;
  await cluster.broker(1).kill();
  const again = await joinAt(cluster.broker(3), options);
  expect(targetsOf(again.subscribed)).toEqual(kept);
});

test('the partitions of a member move when the lease of its broker ends', async () => {
  await newTopic('died');
  const second = await joinAt(cluster.broker(1));
  const { id: coordinatorId } = await coordinator();
  const dying = cluster.brokers.find(({ id }) => id !== 1 && id !== coordinatorId);
  if (dying === undefined) throw new Error('every broker coordinates the group');
  const first = await joinAt(dying, { sessionTimeoutMs: 600_000 });
  await untilShared([first, second]);
  await produce();
  await dying.kill();
  await untilShared([second]);
  await produce();
  await untilAllReceived([first, second]);
  expect(second.faults).toEqual([]);
});

test('a member whose broker was frozen for longer than its session joins again', async () => {
  await newTopic('frozen');
  const first = await joinAt(cluster.broker(3), { sessionTimeoutMs: 3000 });
  const second = await joinAt(cluster.broker(2));
  await untilShared([first, second]);
  const [partition = -1] = first.partitions;
  const frozen = cluster.broker(3);
  frozen.pause();
  await untilShared([second]);
  await produce();
  frozen.resume();
  await until('the member has joined again', () => first.client.of('revoked').length > 1);
  await untilShared([first, second]);
  await produce();
  await untilAllReceived([first, second]);
  const offsets = [{ topic, partition, offset: 0 }];
  const stale = second.partitions.has(partition) ? first : second;
  const answer = await stale.client.request('commit', { subscription: 's', offsets });
  expect(answer.data).toMatchObject({ code: 'ILLEGAL_GENERATION' });
  expect([first, second].flatMap(({ faults }) => faults)).toEqual([]);
});
