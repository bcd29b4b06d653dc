import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CoordinationStore } from '#coordination';
import { registerTestBroker } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';

let redis: RedisServer;
let stores: RedisStores;
let store: CoordinationStore;

beforeAll(async () => {
  redis = await RedisServer.start();
  stores = new RedisStores(redis.url);
  store = await stores.open(0);
  await registerTestBroker(store, 0);
  await renew();
});

afterAll(async () => {
  await stores.close();
  await redis.close();
});

async function renew(): Promise<void> {
  const brokerEpoch = store.state.brokers.get(0)?.brokerEpoch ?? 0;
  await store.renewLease({ brokerId: 0, brokerEpoch }, 500);
}

async function calls(command: 'eval' | 'evalsha'): Promise<number> {
  const statistics = await redis.cli('INFO', 'commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(statistics)?.[1] ?? 0);
}

it('a lease renewal sends the hash of its script after the first call', async () => {
  await redis.cli('CONFIG', 'RESETSTAT');
  for (let renewals = 0; renewals < 5; renewals += 1) await renew();
  expect(await calls('evalsha')).toBe(5);
  expect(await calls('eval')).toBe(0);
});

it('a Redis that forgot its scripts gets the text of a script again', async () => {
  await redis.cli('SCRIPT', 'FLUSH');
  await redis.cli('CONFIG', 'RESETSTAT');
  for (let renewals = 0; renewals < 3; renewals += 1) await renew();
  expect(await calls('evalsha')).toBe(3);
  expect(await calls('eval')).toBe(1);
});
