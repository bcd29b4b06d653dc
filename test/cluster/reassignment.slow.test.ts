/** Partitions move to other brokers under load: nothing acknowledged is lost, no request fails. */
import { readdir } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { runUnderLoad, TOPIC } from './run-under-load.js';

const TIMEOUT = { timeout: 600_000 };
const RECORDS_BETWEEN = 150;

/** The answer of `GET .../replicas`. */
interface Replicas {
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  readonly progress: readonly { readonly broker: number; readonly lag: number | null }[];
}

function pathOf(partition: number, topic = TOPIC): string {
  return `/v1/topics/${topic}/partitions/${partition}/replicas`;
}

async function move(
  broker: ClusterBroker,
  partition: number,
  replicas: readonly number[],
): Promise<void> {
  const answer = await broker.send(pathOf(partition), 'PUT', { replicas });
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
}

/** Waits until a broker shows a partition on these brokers alone, all in sync. */
function untilOn(
  cluster: ClusterProcesses,
  partition: number,
  replicas: readonly number[],
): Promise<Replicas> {
  return until(`${TOPIC}-${partition} on ${replicas.join(', ')}`, async () => {
    const { body } = await cluster.any.call<Replicas>(pathOf(partition));
    const isThere = body.replicas.join() === replicas.join() && body.addingReplicas.length === 0;
    return isThere && body.isr.length === replicas.length ? body : undefined;
  });
}

/** Waits until a broker has no log of a partition any more, not even a former one. */
async function untilRemoved(broker: ClusterBroker, partition: number): Promise<void> {
  await until(`no log of ${TOPIC}-${partition} at broker ${broker.id}`, async () => {
    const names = await readdir(broker.process.dataDir);
    return names.every((name) => !name.startsWith(`${TOPIC}-${partition}`));
  });
}

test(
  'every partition moves on by one broker, its leader leaves: no request fails',
  TIMEOUT,
  async () => {
    const replicaAssignment = [
      [1, 2],
      [2, 3],
      [3, 1],
    ];
    const options = { name: 'move', replicaAssignment };
    const { counts } = await runUnderLoad(options, async ({ cluster, history, load }) => {
      for (const [partition, [first = 0, second = 0]] of replicaAssignment.entries()) {
        const third = 6 - first - second;
        history.fault(`${TOPIC}-${partition} moves from broker ${first} to ${third}`);
        await move(cluster.broker(third), partition, [second, third]);
        await load.more(RECORDS_BETWEEN);
        const { leader, progress } = await untilOn(cluster, partition, [second, third]);
        expect(leader).toBe(second);
        expect(progress.map(({ broker }) => broker)).toEqual([second, third]);
        await untilRemoved(cluster.broker(first), partition);
      }
    });
    expect(counts.failed).toBe(0);
  },
);

test('kill -9 of the leader while its partition moves to two others', TIMEOUT, async () => {
  const options = {
    name: 'move-kill',
    brokers: 4,
    replicaAssignment: [
      [1, 2],
      [2, 1],
      [1, 2],
    ],
  };
  await runUnderLoad(options, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`${TOPIC}-0 moves to brokers 3 and 4, and kill -9 of its leader ${leader.id}`);
    await move(cluster.broker(3), 0, [3, 4]);
    await leader.kill();
    await leader.start();
    await load.more(RECORDS_BETWEEN);
    await untilOn(cluster, 0, [3, 4]);
    await untilRemoved(cluster.broker(1), 0);
    await untilRemoved(cluster.broker(2), 0);
    await load.more(RECORDS_BETWEEN);
  });
});

test(
  'kill -9 of the controller, and of a new replica, while a partition moves',
  TIMEOUT,
  async () => {
    const options = {
      name: 'move-controller',
      brokers: 4,
      replicaAssignment: [
        [1, 2],
        [2, 1],
        [1, 2],
      ],
    };
    await runUnderLoad(options, async ({ cluster, history, load }) => {
      const { controller } = await cluster.describe();
      const killed = new Set([controller ?? 1, 4]);
      await move(cluster.any, 0, [3, 4]);
      history.fault(`kill -9 of brokers ${[...killed].join(', ')}`);
      await Promise.all([...killed].map((id) => cluster.broker(id).kill()));
      await Promise.all([...killed].map((id) => cluster.broker(id).start()));
      await load.more(RECORDS_BETWEEN);
      await untilOn(cluster, 0, [3, 4]);
    });
  },
);

test('Redis comes back empty while a partition moves', TIMEOUT, async () => {
  const replicaAssignment = [
    [1, 2],
    [2, 3],
    [3, 1],
  ];
  const options = { name: 'move-empty', replicaAssignment };
  await runUnderLoad(options, async ({ cluster, history, load }) => {
    await move(cluster.any, 0, [3, 2]);
    history.fault('FLUSHALL');
    await cluster.emptyRedis();
    await load.more(RECORDS_BETWEEN);
    await untilOn(cluster, 0, [3, 2]);
  });
});

test('a lower min.insync.replicas counts once it is answered', TIMEOUT, async () => {
  const cluster = await ClusterProcesses.start();
  onTestFinished(() => cluster.dispose());
  await cluster.createTopic('lowered', 1, { replicationFactor: 2, replicaAssignment: [[1, 2]] });
  await cluster.broker(2).kill();
  await cluster.untilAllSeeAlive([1, 3]);
  const record = { records: [{ value: 'a', partition: 0 }] };
  const produce = () => cluster.broker(3).send('/v1/topics/lowered/records', 'POST', record);
  expect(await produce()).toMatchObject({ status: 503, body: { code: 'NOT_ENOUGH_REPLICAS' } });
  const configs = { 'min.insync.replicas': 1 };
  const patched = await cluster.broker(3).send('/v1/topics/lowered', 'PATCH', { configs });
  expect(patched).toMatchObject({ status: 200, body: { configs: { 'min.insync.replicas': '1' } } });
  await until('a record is acknowledged', async () => (await produce()).status === 200);
});

test('an impossible move is refused, and a move is cancelled', TIMEOUT, async () => {
  const cluster = await ClusterProcesses.start({ withRelays: true });
  onTestFinished(() => cluster.dispose());
  await cluster.createTopic(TOPIC, 1, { replicationFactor: 2, replicaAssignment: [[1, 2]] });
  const put = (replicas: unknown) => cluster.any.send(pathOf(0), 'PUT', { replicas });
  expect(await put([1, 7])).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  expect(await put('1, 2')).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  expect(await put([])).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  const nowhere = await cluster.any.send(pathOf(3), 'PUT', { replicas: [1] });
  expect(nowhere).toMatchObject({ status: 404, body: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } });
  await cluster.broker(3).kill();
  await cluster.untilAllSeeAlive([1, 2]);
  expect(await put([1, 3])).toMatchObject({ status: 503, body: { code: 'BROKER_NOT_AVAILABLE' } });
  await cluster.broker(3).start();
  await cluster.untilAllSeeAlive([1, 2, 3]);
  // The move waits for a broker that is alive and copies nothing, until it is cancelled.
  for (const leader of [1, 2]) cluster.cutCalls(3, leader);
  const moving = await put([1, 3]);
  expect(moving).toMatchObject({
    status: 200,
    body: { addingReplicas: [3], removingReplicas: [2] },
  });
  await until('the new replica is one', async () => {
    const { body } = await cluster.any.call<Replicas>(pathOf(0));
    return body.replicas.includes(3) && !body.isr.includes(3);
  });
  expect(await put([1, 2])).toMatchObject({ status: 200 });
  await untilOn(cluster, 0, [1, 2]);
  cluster.heal();
  await untilRemoved(cluster.broker(3), 0);
});
