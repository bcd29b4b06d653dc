/** Redis is agreement, not the data path: it is gone, and comes back, while records flow. */
import { expect, test } from 'vitest';
import { until } from '../support/until.js';
import { runUnderLoad, TOPIC } from './run-under-load.js';

const TIMEOUT = { timeout: 600_000 };
const RECORDS_BETWEEN = 300;

interface Readiness {
  readonly status: string;
}

test('Redis is killed and comes back: produce and fetch go on', TIMEOUT, async () => {
  const { counts } = await runUnderLoad(
    { name: 'redis-kill' },
    async ({ cluster, history, load }) => {
      history.fault('kill -9 of Redis');
      await cluster.redis.kill();
      await load.more(RECORDS_BETWEEN);
      for (const broker of cluster.brokers) {
        await until(`broker ${broker.id} to say so`, async () => {
          const { status, body } = await broker.call<Readiness>('/health/ready');
          return status === 200 && body.status === 'degraded';
        });
      }
      const refused = await cluster.any.send('/v1/topics', 'POST', { name: 'not-now' });
      expect(refused.status).toBe(503);
      expect(refused.body).toMatchObject({ code: 'BROKER_NOT_AVAILABLE', retriable: true });
      await load.more(RECORDS_BETWEEN);
      history.fault('Redis is back');
      await cluster.redis.restart();
      await until('topics to be created again', async () => {
        return (await cluster.any.send('/v1/topics', 'POST', { name: 'now' })).status === 201;
      });
      await load.more(RECORDS_BETWEEN);
    },
  );
  expect(counts.failed).toBe(0);
});

test('Redis is paused for longer than the lease', TIMEOUT, async () => {
  await runUnderLoad({ name: 'redis-pause' }, async ({ cluster, history, load }) => {
    history.fault('SIGSTOP of Redis');
    cluster.redis.pause();
    await until('broker 1 to say so', async () => {
      const { body } = await cluster.broker(1).call<Readiness>('/health/ready');
      return body.status === 'degraded';
    });
    await load.more(RECORDS_BETWEEN);
    history.fault('SIGCONT of Redis');
    cluster.redis.resume();
    await load.more(RECORDS_BETWEEN);
    await cluster.untilAllSeeAlive([1, 2, 3]);
  });
});

test('a leader dies while Redis is away: it goes on when Redis is back', TIMEOUT, async () => {
  await runUnderLoad({ name: 'redis-and-leader' }, async ({ cluster, history, load }) => {
    history.fault('kill -9 of Redis');
    await cluster.redis.kill();
    await load.more(RECORDS_BETWEEN);
    const leader = await cluster.leaderOf(TOPIC, 0);
    history.fault(`kill -9 of broker ${leader.id}`);
    await leader.kill();
    history.fault('Redis is back');
    await cluster.redis.restart();
    await load.more(RECORDS_BETWEEN);
    await leader.start();
    await cluster.untilInSync(TOPIC);
  });
});

test('Redis is emptied: the brokers bring back what they know', TIMEOUT, async () => {
  await runUnderLoad({ name: 'redis-empty' }, async ({ cluster, history, load }) => {
    history.fault('FLUSHALL');
    await cluster.redis.cli('FLUSHALL');
    await load.more(RECORDS_BETWEEN);
    await until('topics to be created again', async () => {
      return (await cluster.any.send('/v1/topics', 'POST', { name: 'after' })).status === 201;
    });
    await cluster.untilAllSeeAlive([1, 2, 3]);
    await cluster.untilInSync(TOPIC);
  });
});
