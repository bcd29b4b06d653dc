/** The network between brokers breaks: silently, in one direction, for one of them. */
import { test } from 'vitest';
import { until } from '../support/until.js';
import { runUnderLoad, TOPIC } from './run-under-load.js';

const TIMEOUT = { timeout: 600_000 };
const RECORDS_BETWEEN = 300;

test('a leader alone is cut off from everything, and comes back', TIMEOUT, async () => {
  const options = { name: 'isolate-leader', withRelays: true };
  await runUnderLoad(options, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`broker ${leader.id} is cut off`);
    cluster.isolate(leader.id);
    // Its clients wait in vain: the others' go on.
    leader.isUp = false;
    await load.more(RECORDS_BETWEEN);
    await until('another leader', async () => {
      const { partitions } = await cluster.topic(TOPIC);
      return partitions.every((partition) => partition.leader !== leader.id);
    });
    await load.more(RECORDS_BETWEEN);
    history.fault('healed');
    cluster.heal();
    leader.isUp = true;
    await load.more(RECORDS_BETWEEN);
    await cluster.untilInSync(TOPIC);
  });
});

test(
  'a follower that cannot reach its leader leaves the ISR, and joins again',
  TIMEOUT,
  async () => {
    const options = {
      name: 'asymmetric',
      withRelays: true,
      environment: { SLUICE_REPLICA_LAG_TIME_MAX_MS: '2000' },
    };
    await runUnderLoad(options, async ({ cluster, history, load }) => {
      const leader = await cluster.leaderOf(TOPIC, 0);
      const follower = cluster.brokers.find(({ id }) => id !== leader.id);
      if (follower === undefined) throw new Error('there is no follower');
      history.fault(`what broker ${follower.id} calls of broker ${leader.id} is lost`);
      cluster.cutCalls(follower.id, leader.id);
      await until('the follower out of the ISR', async () => {
        const { partitions } = await cluster.topic(TOPIC, leader);
        return partitions[0]?.isr.includes(follower.id) === false;
      });
      await load.more(RECORDS_BETWEEN);
      history.fault('healed');
      cluster.heal();
      await cluster.untilInSync(TOPIC);
    });
  },
);

test('answers of the leader are lost on their way to a follower', TIMEOUT, async () => {
  const options = {
    name: 'answers-lost',
    withRelays: true,
    environment: { SLUICE_REPLICA_LAG_TIME_MAX_MS: '2000' },
  };
  await runUnderLoad(options, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    const follower = cluster.brokers.find(({ id }) => id !== leader.id);
    if (follower === undefined) throw new Error('there is no follower');
    history.fault(`what broker ${leader.id} answers broker ${follower.id} is lost`);
    cluster.cutCalls(follower.id, leader.id, { direction: 'from-target' });
    await load.more(RECORDS_BETWEEN);
    history.fault('healed');
    cluster.heal();
    await load.more(RECORDS_BETWEEN);
    await cluster.untilInSync(TOPIC);
  });
});

test('one broker alone loses Redis', TIMEOUT, async () => {
  const options = { name: 'redis-cut', withRelays: true };
  await runUnderLoad(options, async ({ cluster, history, load }) => {
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`broker ${leader.id} is cut off from Redis`);
    leader.redisRelay?.cut();
    const others = cluster.brokers.filter(({ id }) => id !== leader.id);
    await until('its lease to run out', async () => {
      const [view] = await Promise.all(others.map((broker) => cluster.describe(broker)));
      return view?.brokers.find(({ id }) => id === leader.id)?.alive === false;
    });
    await load.more(RECORDS_BETWEEN);
    history.fault('healed');
    cluster.heal();
    await cluster.untilAllSeeAlive([1, 2, 3]);
    await cluster.untilInSync(TOPIC);
  });
});

test('slow links between all brokers', TIMEOUT, async () => {
  const options = { name: 'slow-links', withRelays: true };
  await runUnderLoad(options, async ({ cluster, history, load }) => {
    history.fault('every message takes 100 ms');
    for (const { callsRelay } of cluster.brokers) callsRelay?.delay(100);
    await load.more(RECORDS_BETWEEN);
    history.fault('healed');
    cluster.heal();
    await load.more(RECORDS_BETWEEN);
  });
});
