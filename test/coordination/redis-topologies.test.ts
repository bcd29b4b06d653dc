import { afterEach, describe, expect, it } from 'vitest';
import { create, register } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';

const started: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of started.splice(0).toReversed()) await one.close();
});

async function redis(settings: readonly string[] = []): Promise<RedisServer> {
  const server = await RedisServer.start(settings);
  started.push(server);
  return server;
}

function storesOn(url: string): RedisStores {
  const stores = new RedisStores(url);
  started.push(stores);
  return stores;
}

describe('a Redis with a password', () => {
  it('accepts stores with the password, refuses stores without it', async () => {
    const server = await redis();
    await server.cli('CONFIG', 'SET', 'requirepass', 'p@ss/word');
    const stores = storesOn(`redis://:p%40ss%2Fword@127.0.0.1:${server.port}`);
    const store = await stores.open(0);
    await register(store, 0);
    const none = storesOn(server.url).open(1);
    const wrong = storesOn(`redis://:wrong@127.0.0.1:${server.port}`).open(1);
    for (const refused of await Promise.allSettled([none, wrong])) {
      expect(refused).toMatchObject({ reason: { code: 'BROKER_NOT_AVAILABLE' } });
    }
  });

  it('is used in the database that the URL names', async () => {
    const server = await redis();
    await storesOn(`${server.url}/3`).open(0);
    expect(await server.cli('DBSIZE')).toBe('(integer) 0');
    expect(await server.cli('-n', '3', 'EXISTS', '{c}:cluster')).toBe('(integer) 1');
  });
});

describe('a Redis Cluster', () => {
  it('keeps all keys in one slot', async () => {
    const server = await redis(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']);
    await server.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await untilCli(server, ['CLUSTER', 'INFO'], 'cluster_state:ok');
    const stores = storesOn(`redis+cluster://127.0.0.1:${server.port}`);
    const [one, other] = await Promise.all([stores.open(0), stores.open(1)]);
    await register(one, 0);
    await register(other, 1);
    await create(one, 'events', 2);
    await one.renewLease({ brokerId: 0, brokerEpoch: 1 }, 1000);
    await stores.until(() => other.state.version === one.state.version);
    expect(other.state).toEqual(one.state);
    const slot = await server.cli('CLUSTER', 'KEYSLOT', '{c}:cluster');
    const inSlot = await server.cli('CLUSTER', 'COUNTKEYSINSLOT', slot.replace(/\D/gu, ''));
    expect(inSlot).toBe(await server.cli('DBSIZE'));
  });
});

describe('Redis with Sentinels', () => {
  it('is followed to a new master, which needs confirmation by the brokers', async () => {
    const master = await redis();
    const replica = await redis(['--replicaof', '127.0.0.1', String(master.port)]);
    await untilCli(master, ['INFO', 'replication'], 'connected_slaves:1');
    await untilCli(replica, ['INFO', 'replication'], 'master_link_status:up');
    const sentinel = await RedisServer.startSentinel(master);
    started.push(sentinel);
    await untilCli(sentinel, ['SENTINEL', 'replicas', 'main'], `:${replica.port}`);
    const stores = storesOn(`redis+sentinel://127.0.0.1:${sentinel.port}/main`);
    const [one, other] = await Promise.all([stores.open(0), stores.open(1)]);
    await register(one, 0);
    await register(other, 1);
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

async function untilCli(server: RedisServer, command: string[], text: string): Promise<void> {
  while (!(await server.cli(...command)).includes(text));
}
