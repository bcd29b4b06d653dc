import { describe, expect, it } from 'vitest';
import { create, registerTestBroker } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { endAfterEachTest, endLater, startRedis, storesOn, untilCli } from './started-redis.js';

endAfterEachTest();

describe('Redis with Sentinels', () => {
  it('is followed to a new master, which needs confirmation by the brokers', async () => {
    const master = await startRedis();
    const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
    await untilCli(master, ['INFO', 'replication'], 'connected_slaves:1');
    await untilCli(replica, ['INFO', 'replication'], 'master_link_status:up');
    const sentinel = endLater(await RedisServer.startSentinel(master));
    await untilCli(sentinel, ['SENTINEL', 'replicas', 'main'], `:${replica.port}`);
    const stores = storesOn(`redis+sentinel://127.0.0.1:${sentinel.port}/main`);
    const [one, other] = await Promise.all([stores.open(0), stores.open(1)]);
    await registerTestBroker(one, 0);
    await registerTestBroker(other, 1);
    await create(one, 'events');
    await stores.until(() => other.state.version === one.state.version);
    const { version } = one.state;
    await master.kill();
    await stores.until(() => one.state.version > version && other.state.version > version);
    await stores.until(() => one.isAvailable && other.isAvailable);
    await create(other, 'later');
    expect([...other.state.topics.keys()]).toEqual(['events', 'later']);
    expect(await replica.cli('GET', '{c}:version')).toBe(
      `${other.state.version} ${other.state.changeId}`,
    );
  });
});
