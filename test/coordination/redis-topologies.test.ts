import { describe, expect, it } from 'vitest';
import { create, registerTestBroker } from '../../libs/coordination/src/testing/conformance.js';
import { freePort } from '../support/free-port.js';
import { endAfterEachTest, startRedis, storesOn, untilCli } from './started-redis.js';

endAfterEachTest();

describe('a Redis with a password', () => {
  it('accepts stores with the password, refuses stores without it', async () => {
    const server = await startRedis();
    await server.cli('CONFIG', 'SET', 'requirepass', 'p@ss/word');
    const stores = storesOn(`redis://:p%40ss%2Fword@127.0.0.1:${server.port}`);
    const store = await stores.open(0);
    await registerTestBroker(store, 0);
    const none = storesOn(server.url).open(1);
    const wrong = storesOn(`redis://:wrong@127.0.0.1:${server.port}`).open(1);
    for (const refused of await Promise.allSettled([none, wrong])) {
      expect(refused).toMatchObject({ reason: { code: 'BROKER_NOT_AVAILABLE' } });
    }
  });

  it('is used in the database that the URL names', async () => {
    const server = await startRedis();
    await storesOn(`${server.url}/3`).open(0);
    expect(await server.cli('DBSIZE')).toBe('(integer) 0');
    expect(await server.cli('-n', '3', 'EXISTS', '{c}:cluster')).toBe('(integer) 1');
  });
});

describe('a Redis Cluster', () => {
  it('keeps all keys in one slot', async () => {
    const server = await startRedis([
      '--cluster-enabled',
      'yes',
      // Otherwise it takes the port 10,000 above its own, which another test may have.
      '--cluster-port',
      String(await freePort()),
      '--cluster-announce-ip',
      '127.0.0.1',
    ]);
    await server.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await untilCli(server, ['CLUSTER', 'INFO'], 'cluster_state:ok');
    const stores = storesOn(`redis+cluster://127.0.0.1:${server.port}`);
    const [one, other] = await Promise.all([stores.open(0), stores.open(1)]);
    await registerTestBroker(one, 0);
    await registerTestBroker(other, 1);
    await create(one, 'events', 2);
    await one.renewLease({ brokerId: 0, brokerEpoch: 1 }, 1000);
    await stores.until(() => other.state.version === one.state.version);
    expect(other.state).toEqual(one.state);
    const slot = await server.cli('CLUSTER', 'KEYSLOT', '{c}:cluster');
    const inSlot = await server.cli('CLUSTER', 'COUNTKEYSINSLOT', slot.replace(/\D/gu, ''));
    expect(inSlot).toBe(await server.cli('DBSIZE'));
  });
});
