/**
 * Commits on a Redis that cannot be asked for permissions, as Redis 6: the scripts run on the
 * installed Redis, without its check.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CoordinationStore, createTopic, deleteTopic } from '#coordination';
import { SystemRandom } from '#runtime';
import { SCRIPTS, type ScriptName } from '../../libs/coordination/src/redis/scripts.js';
import { create, registerTestBroker } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';
import { registryContents } from './registry-contents.js';

/** Commands that a commit may run. */
const COMMANDS = ['xadd', 'set', 'del', 'sadd', 'srem', 'rpush', 'ltrim'];

const scripts: Record<string, string> = { ...SCRIPTS };
let redis: RedisServer;
let stores: RedisStores;
let store: CoordinationStore;

beforeAll(async () => {
  for (const name of Object.keys(scripts) as ScriptName[]) {
    SCRIPTS[name] = SCRIPTS[name].replaceAll('redis.acl_check_cmd', 'redis.absent');
  }
  redis = await RedisServer.start();
  stores = new RedisStores(redis.url);
  store = await stores.open(0);
  await registerTestBroker(store, 0);
});

afterAll(async () => {
  Object.assign(SCRIPTS, scripts);
  await stores.close();
  await redis.close();
});

describe.each(COMMANDS)('a user of Redis 6 that may not run %s', (command) => {
  it('changes nothing, and commits again with the permission', async () => {
    const name = `not-allowed-${command}`;
    const { id } = await create(store, name);
    await redis.cli('ACL', 'SETUSER', 'default', `-${command}`);
    const before = await registryContents(redis);
    // Creates and deletes topics, so that every command runs.
    const next = { name: `${name}-next`, id: `id-of-${name}`, configs: {}, assignment: [[0]] };
    await expect(
      stores.whileRefused(
        store.update((state) => [
          ...createTopic(state, next, new SystemRandom()),
          ...deleteTopic(state, name, id),
        ]),
      ),
    ).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
      outcome: 'failed',
      message: expect.stringMatching(/NOPERM.* ACL/),
    });
    expect(await registryContents(redis)).toBe(before);
    await redis.cli('ACL', 'SETUSER', 'default', `+${command}`);
    await create(store, `allowed-${command}`);
    expect(await registryContents(redis)).not.toContain(':unused');
  });
});
