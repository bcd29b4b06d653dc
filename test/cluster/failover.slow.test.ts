/**
 * A broker dies, or is stopped, under load: nothing acknowledged is lost, nothing is there twice.
 */
import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { runUnderLoad, TOPIC } from './run-under-load.js';

const TIMEOUT = { timeout: 600_000 };
const RECORDS_BETWEEN = 300;

function others(cluster: ClusterProcesses, id: number): number[] {
  return cluster.brokers.map((broker) => broker.id).filter((other) => other !== id);
}

test('kill -9 of a leader, and its return', TIMEOUT, async () => {
  const { counts } = await runUnderLoad({ name: 'kill-leader' }, async (run) => {
    const { cluster, history, load } = run;
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`kill -9 of broker ${leader.id}, leader of ${TOPIC}-0`);
    await leader.kill();
    await load.more(RECORDS_BETWEEN);
    await cluster.untilAllSeeAlive(others(cluster, leader.id));
    history.fault(`broker ${leader.id} starts again`);
    await leader.start();
    await load.more(RECORDS_BETWEEN);
    await cluster.untilInSync(TOPIC);
  });
  expect(counts.acknowledged).toBeGreaterThan(RECORDS_BETWEEN);
});

test('kill -9 of every broker in turn, each as soon as the last one is back', TIMEOUT, async () => {
  await runUnderLoad({ name: 'kill-each' }, async ({ cluster, history, load }) => {
    for (const broker of cluster.brokers) {
      history.fault(`kill -9 of broker ${broker.id}`);
      await broker.kill();
      await load.more(RECORDS_BETWEEN);
      await broker.start();
      await cluster.untilInSync(TOPIC);
    }
  });
});

test('kill -9 of a follower', TIMEOUT, async () => {
  await runUnderLoad({ name: 'kill-follower' }, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    const follower = cluster.broker(others(cluster, leader.id)[0] ?? 0);
    history.fault(`kill -9 of broker ${follower.id}, follower of ${TOPIC}-0`);
    await follower.kill();
    await load.more(RECORDS_BETWEEN);
    await follower.start();
    await cluster.untilInSync(TOPIC);
  });
});

test('kill -9 of all brokers at once', TIMEOUT, async () => {
  await runUnderLoad({ name: 'kill-all' }, async ({ cluster, history }) => {
    history.fault('kill -9 of all brokers');
    await Promise.all(cluster.brokers.map((broker) => broker.kill()));
    await Promise.all(cluster.brokers.map((broker) => broker.start()));
    await cluster.untilInSync(TOPIC);
  });
});

test('a rolling restart with SIGTERM: no request fails', TIMEOUT, async () => {
  const { counts } = await runUnderLoad({ name: 'rolling' }, async ({ cluster, history, load }) => {
    for (const broker of cluster.brokers) {
      history.fault(`SIGTERM to broker ${broker.id}`);
      expect(await broker.stop()).toEqual({ code: 0, signal: null });
      await load.more(RECORDS_BETWEEN);
      await broker.start();
      await cluster.untilInSync(TOPIC);
    }
  });
  expect(counts.failed).toBe(0);
});

test('a leader that is paused for longer than its lease', TIMEOUT, async () => {
  await runUnderLoad({ name: 'pause-leader' }, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`SIGSTOP of broker ${leader.id}`);
    leader.pause();
    await cluster.untilAllSeeAlive(others(cluster, leader.id));
    await load.more(RECORDS_BETWEEN);
    history.fault(`SIGCONT of broker ${leader.id}`);
    leader.resume();
    await load.more(RECORDS_BETWEEN);
    await cluster.untilInSync(TOPIC);
  });
});

test('a broker comes back with an empty disk, and is filled', TIMEOUT, async () => {
  await runUnderLoad({ name: 'empty-disk' }, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`the disk of broker ${leader.id} is replaced`);
    await leader.kill();
    await rm(leader.process.dataDir, { recursive: true });
    await load.more(RECORDS_BETWEEN);
    await cluster.untilAllSeeAlive(others(cluster, leader.id));
    await leader.start();
    await cluster.untilInSync(TOPIC);
  });
});

test(
  'with too few in sync nothing is acknowledged, and it goes on when they are back',
  TIMEOUT,
  async () => {
    await runUnderLoad({ name: 'min-isr' }, async ({ cluster, history, load }) => {
      const [first, second] = cluster.brokers;
      if (first === undefined || second === undefined) throw new Error('there are not two brokers');
      history.fault('kill -9 of two of three brokers');
      await Promise.all([first.kill(), second.kill()]);
      await until('broker 3 to lead alone', async () => {
        const { partitions } = await cluster.topic(TOPIC);
        return partitions.every(({ leader, isr }) => leader === 3 && isr.join() === '3');
      });
      const records = { records: [{ value: 'too-few', partition: 0 }] };
      // Not of the load: its value must not be in the log, and the checker would find it.
      const answer = await cluster.any.send(
        `/v1/topics/${TOPIC}/records?timeoutMs=3000`,
        'POST',
        records,
      );
      expect(answer.status).toBe(503);
      expect(answer.body).toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', outcome: 'failed' });
      await Promise.all([first.start(), second.start()]);
      await load.more(RECORDS_BETWEEN);
      await cluster.untilInSync(TOPIC);
    });
  },
);
