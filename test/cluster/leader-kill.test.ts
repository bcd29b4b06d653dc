/**
 * The quick tier's slice of failover: one leader of a cluster under load is killed. The
 * `*.slow.test.ts` files of this folder have the other faults, and more variants of this one.
 */
import { expect, test } from 'vitest';
import { type RunUnderLoad, runUnderLoad, TOPIC } from './run-under-load.js';

const RECORDS_BETWEEN = 150;

test('kill -9 of a leader loses and repeats nothing', {
  timeout: 600_000,
}, async () => {
  const { counts } = await runUnderLoad({ name: 'leader-kill' }, killLeader);
  expect(counts.acknowledged).toBeGreaterThan(2 * RECORDS_BETWEEN);
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
