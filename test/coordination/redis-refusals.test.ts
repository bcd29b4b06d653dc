import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CoordinationStore } from '#coordination';
import { create, register } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';

let redis: RedisServer;
let stores: RedisStores;
let store: CoordinationStore;

beforeAll(async () => {
  redis = await RedisServer.start();
  stores = new RedisStores(redis.url);
  store = await stores.open(0);
  await register(store, 0);
});

afterAll(async () => {
  await stores.close();
  await redis.close();
});

function renew(): Promise<void> {
  const brokerEpoch = store.state.brokers.get(0)?.brokerEpoch ?? 0;
  return store.renewLease({ brokerId: 0, brokerEpoch }, 500);
}

/** Renews the lease, as a broker does all the time, until Redis takes it. */
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

/** Commands that make Redis refuse changes, and those that end it. */
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
  it('is named in the error of a change and as the fault of the store, until it takes one', async () => {
    for (const command of begin) await redis.cli(...command);
    await expect(create(store, `topic-${reason}`)).rejects.toMatchObject({
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

it('a lease that Redis refuses to renew shows the fault before anybody changes anything', async () => {
  await renewed();
  await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
  await expect(renew()).rejects.toMatchObject({ message: expect.stringContaining('maxmemory') });
  expect(store.fault?.reason).toBe('out-of-memory');
  await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
  await renewed();
  expect(store.fault).toBeUndefined();
});

it('a Redis that wants a password says so', async () => {
  await redis.cli('CONFIG', 'SET', 'requirepass', 'sesame');
  await redis.cli('--no-auth-warning', '-a', 'sesame', 'CLIENT', 'KILL', 'TYPE', 'normal');
  await stores.until(() => store.fault?.reason === 'no-credentials');
  await expect(create(store, 'locked')).rejects.toMatchObject({
    message: expect.stringContaining('SLUICE_REDIS_URL'),
  });
  await redis.cli('--no-auth-warning', '-a', 'sesame', 'CONFIG', 'SET', 'requirepass', '');
  await stores.until(() => store.fault === undefined);
});
