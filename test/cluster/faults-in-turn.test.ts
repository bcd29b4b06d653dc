/**
 * One cluster under load, one fault of each kind after the other: the quick tier's slice of what
 * the `*.slow.test.ts` files of this folder do one by one and in more variants.
 */
import { expect, test } from 'vitest';
import { until } from '../support/until.js';
import { type RunUnderLoad, runUnderLoad, TOPIC } from './run-under-load.js';

const RECORDS_BETWEEN = 150;

test('kill -9 of a leader, an absent Redis and a clean stop lose and repeat nothing', {
  timeout: 600_000,
}, async () => {
  const { counts } = await runUnderLoad({ name: 'faults-in-turn' }, async (run) => {
    await killLeader(run);
    await killRedis(run);
    await stopLeader(run);
  });
  expect(counts.acknowledged).toBeGreaterThan(5 * RECORDS_BETWEEN);
});

async function killLeader({ cluster, history, load }: RunUnderLoad): Promise<void> {
  const leader = await cluster.leaderOf(TOPIC, 0);
  history.fault(`kill -9 of broker ${leader.id}, leader of ${TOPIC}-0`);
  await leader.kill();
  await load.more(RECORDS_BETWEEN);
  const others = cluster.brokers.map(({ id }) => id).filter((id) => id !== leader.id);
  await cluster.untilAllSeeAlive(others);
  history.fault(`broker ${leader.id} starts again`);
  await leader.start();
  await load.more(RECORDS_BETWEEN);
  await cluster.untilInSync(TOPIC);
}

/** Produce and fetch go on; what changes the cluster is refused until Redis is back. */
async function killRedis({ cluster, history, load }: RunUnderLoad): Promise<void> {
  history.fault('kill -9 of Redis');
  await cluster.redis.kill();
  await load.more(RECORDS_BETWEEN);
  const refused = await cluster.any.send('/v1/topics', 'POST', { name: 'not-now' });
  expect(refused.status).toBe(503);
  expect(refused.body).toMatchObject({ code: 'BROKER_NOT_AVAILABLE', retriable: true });
  history.fault('Redis is back');
  await cluster.redis.restart();
  await until('topics to be created again', async () => {
    return (await cluster.any.send('/v1/topics', 'POST', { name: 'now' })).status === 201;
  });
  await cluster.untilAllSeeAlive(cluster.brokers.map(({ id }) => id));
}

async function stopLeader({ cluster, history, load }: RunUnderLoad): Promise<void> {
  const leader = await cluster.leaderOf(TOPIC, 0);
  history.fault(`SIGTERM to broker ${leader.id}, leader of ${TOPIC}-0`);
  expect(await leader.stop()).toEqual({ code: 0, signal: null });
  await load.more(RECORDS_BETWEEN);
  await leader.start();
  await cluster.untilInSync(TOPIC);
}
