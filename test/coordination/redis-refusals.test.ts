import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CoordinationStore, createTopic, deleteTopic, type NewTopic } from '#coordination';
import { SystemRandom } from '#runtime';
import { create, registerTestBroker } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';
import { registryContents } from './registry-contents.js';

let redis: RedisServer;
let stores: RedisStores;
let store: CoordinationStore;

beforeAll(async () => {
  redis = await RedisServer.start();
  stores = new RedisStores(redis.url);
  store = await stores.open(0);
  await registerTestBroker(store, 0);
});

afterAll(async () => {
  await stores.close();
  await redis.close();
});

function renew(): Promise<void> {
  const brokerEpoch = store.state.brokers.get(0)?.brokerEpoch ?? 0;
  return store.renewLease({ brokerId: 0, brokerEpoch }, 500);
}

function topicNamed(name: string): NewTopic {
  return { name, id: `id-of-${name}`, configs: {}, assignment: [[0]] };
}

/** Renews the lease, as a broker does regularly, until Redis accepts it. */
async function renewed(): Promise<void> {
  for (;;) {
    const isRenewed = await renew().then(
      () => true,
      () => false,
    );
    if (isRenewed) return;
    await nextTurn();
  }
}

/** Commands that make Redis refuse changes, and commands that revert it. */
const FAULTS = [
  {
    reason: 'out-of-memory',
    begin: [['CONFIG', 'SET', 'maxmemory', '1']],
    end: [['CONFIG', 'SET', 'maxmemory', '0']],
    says: /out of memory .* maxmemory/,
  },
  {
    reason: 'too-few-replicas',
    begin: [['CONFIG', 'SET', 'min-replicas-to-write', '1']],
    end: [['CONFIG', 'SET', 'min-replicas-to-write', '0']],
    says: /min-replicas-to-write/,
  },
  {
    reason: 'no-permission',
    begin: [['ACL', 'SETUSER', 'default', '-eval', '-evalsha']],
    end: [['ACL', 'SETUSER', 'default', '+eval', '+evalsha']],
    says: /NOPERM.* ACL/,
  },
] as const;

describe.each(FAULTS)('a Redis that refuses changes: $reason', ({ reason, begin, end, says }) => {
  it('appears in errors of changes and as the fault of the store until Redis accepts', async () => {
    for (const command of begin) await redis.cli(...command);
    await expect(stores.whileRefused(create(store, `topic-${reason}`))).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
      outcome: 'failed',
      retriable: true,
      message: expect.stringMatching(says),
    });
    expect(store.fault).toMatchObject({ reason, sentence: expect.stringMatching(says) });
    for (const command of end) await redis.cli(...command);
    await create(store, `topic-${reason}`);
    expect(store.fault).toBeUndefined();
  });
});

/** Commands of a commit: an early one and later ones. */
const COMMIT_COMMANDS = ['set', 'srem', 'del', 'ltrim'];

it.each(COMMIT_COMMANDS)(
  'a commit of a user that may not run %s changes nothing',
  async (command) => {
    const name = `not-allowed-${command}`;
    const { id } = await create(store, name);
    await redis.cli('ACL', 'SETUSER', 'default', `-${command}`);
    const before = await registryContents(redis);
    // Creates and deletes topics, so that every command runs.
    await expect(
      stores.whileRefused(
        store.update((state) => [
          ...createTopic(state, topicNamed(`${name}-next`), new SystemRandom()),
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
  },
);

it('a refused lease renewal shows the fault before any change is tried', async () => {
  await renewed();
  await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
  await expect(renew()).rejects.toMatchObject({ message: expect.stringContaining('maxmemory') });
  expect(store.fault?.reason).toBe('out-of-memory');
  await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
  await renewed();
  expect(store.fault).toBeUndefined();
});

it('a Redis that requires a password is reported with the setting to change', async () => {
  await redis.cli('CONFIG', 'SET', 'requirepass', 'sesame');
  await redis.cli('--no-auth-warning', '-a', 'sesame', 'CLIENT', 'KILL', 'TYPE', 'normal');
  await stores.until(() => store.fault?.reason === 'no-credentials');
  await expect(create(store, 'locked')).rejects.toMatchObject({
    message: expect.stringContaining('SLUICE_REDIS_URL'),
  });
  await redis.cli('--no-auth-warning', '-a', 'sesame', 'CONFIG', 'SET', 'requirepass', '');
  await stores.until(() => store.fault === undefined);
});

it('a Redis without the command CONFIG, as hosted services have it, is used', async () => {
  const hosted = await RedisServer.start(['--rename-command', 'CONFIG', '']);
  const users = new RedisStores(hosted.url);
  try {
    await registerTestBroker(await users.open(0), 0);
    await expect(hosted.cli('CONFIG', 'GET', 'save')).resolves.toContain('unknown command');
    expect(users.logged.filter(({ level }) => level !== 'info')).toEqual([]);
  } finally {
    await users.close();
    await hosted.close();
  }
});
