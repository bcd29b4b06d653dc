import { afterEach, beforeEach } from 'vitest';
import { describeCoordinationStore } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';

let redis: RedisServer;
let stores: RedisStores;

beforeEach(async () => {
  redis = await RedisServer.start();
  stores = new RedisStores(redis.url);
});

afterEach(async () => {
  await stores.close();
  await redis.close();
});

describeCoordinationStore('RedisStore', () => stores);
