import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from 'vitest';
import type { ClusterSecurity } from '#coordination';
import type { Acl } from '#security';
import { exampleAcl } from '../../libs/security/src/testing/examples.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { until } from '../support/until.js';
import { addKey, revokeKey, SecurityBrokers } from './security-brokers.js';

let redis: RedisServer;
let brokers: SecurityBrokers;

beforeAll(async () => {
  redis = await RedisServer.start();
});

afterAll(() => redis.close());

afterEach(() => brokers.close());

const OTHER_ACL: Acl = { ...exampleAcl(), principal: 'key:other' };

function hasOther({ view }: ClusterSecurity): boolean {
  return [...view.acls({ principal: 'key:other' })].length > 0;
}

/** Opens broker 2 again, on a relay to Redis that can be cut. */
async function brokerBehindRelay(): Promise<{ relay: TcpRelay; cutOff: ClusterSecurity }> {
  const relay = await TcpRelay.start(redis.port);
  onTestFinished(() => relay.close());
  await brokers.stop(2);
  const cutOff = await brokers.open(2, { url: `redis://127.0.0.1:${relay.port}` });
  return { relay, cutOff };
}

describe('the security metadata of a cluster', () => {
  let first: ClusterSecurity;
  let second: ClusterSecurity;

  beforeEach(async () => {
    brokers = new SecurityBrokers(redis.url, [0, 1, 2]);
    [first, second] = (await brokers.openAll()) as [
      ClusterSecurity,
      ClusterSecurity,
      ClusterSecurity,
    ];
  });

  it('shows the change of one broker on every other', async () => {
    await addKey(first, 'a');
    await addKey(second, 'b');
    await brokers.everyone(
      ({ view }) => view.key('a') !== undefined && view.key('b') !== undefined,
    );
  });

  it('gives a broker with an empty disk everything', async () => {
    await addKey(first, 'a');
    await first.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
    await revokeKey(first, 'b');
    await brokers.stop(2);
    await brokers.dataDir(2);
    const replaced = await brokers.open(2, { dataDir: await brokers.dataDir(20) });
    await until('a new broker', () => replaced.isAvailable);
    expect(replaced.view.key('a')).toBeDefined();
    expect([...replaced.view.acls({})]).toEqual([exampleAcl()]);
    expect(replaced.view.isRevoked('key:b')).toBe(true);
  });

  it('revokes without Redis, and brings a broker that was away up to date', async () => {
    await addKey(first, 'a');
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    await redis.kill();
    brokers.cutOff(2);
    const { appliedBy, missing } = await revokeKey(first, 'a');
    // On a busy machine the other broker may be late as well.
    expect(appliedBy).toContain(0);
    expect(missing).toContain(2);
    await until('the other broker to obey', () => second.view.key('a') === undefined);
    expect(brokers.all[2]?.view.key('a')).toBeDefined();
    await expect(addKey(first, 'b')).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
      outcome: 'failed',
    });
    // Two of three brokers are in contact, the third one is alone.
    await until('the broker alone to be the only one without contact', () => {
      const alone = brokers.all[2]?.staleMs ?? 0;
      return alone > 1500 && first.staleMs < 1500 && second.staleMs < 1500;
    });
    brokers.connect(2);
    await until('the broker to obey', () => brokers.all[2]?.view.isRevoked('key:a') === true);
    await redis.restart();
    await brokers.everyone(({ view }) => view.isRevoked('key:a'));
    await until('one stored revocation', async () =>
      (await redis.cli('HLEN', brokers.key('revocations'))).includes('1'),
    );
  });

  it('a broker that alone lost Redis gets the rules of the others from them', async () => {
    const { relay, cutOff } = await brokerBehindRelay();
    await first.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
    await brokers.everyone(({ view }) => view.aclCount === 1);
    relay.cut();
    await until('Redis to be out of reach', () => !cutOff.isAvailable);
    await first.update(() => [{ kind: 'acls-removed', acls: [exampleAcl()] }]);
    await second.update(() => [{ kind: 'acls-added', acls: [OTHER_ACL] }]);
    await until('the other rules', () => hasOther(cutOff));
    expect([...cutOff.view.acls({})]).toEqual([OTHER_ACL]);
    expect(cutOff.isAvailable).toBe(false);
    relay.heal();
    await brokers.everyone(hasOther);
    await addKey(cutOff, 'a');
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
  });

  it('contact does not count for a broker that knows of rules which it cannot get', async () => {
    const { relay, cutOff } = await brokerBehindRelay();
    await brokers.everyone(() => true);
    relay.cut();
    brokers.cutOff(2);
    await until('Redis to be out of reach', () => !cutOff.isAvailable);
    await first.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
    // Brokers that were restarted remember no commits.
    for (const id of [0, 1]) await brokers.stop(id);
    for (const id of [0, 1]) await brokers.open(id);
    brokers.connect(2);
    await until('the broker to be behind', () => cutOff.staleMs > 3000);
    relay.heal();
    await brokers.everyone(({ view, staleMs }) => view.aclCount === 1 && staleMs < 3000);
  });

  it('rebuilds with a majority, and waits without one', async () => {
    await addKey(first, 'a');
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    await brokers.stop(1);
    await brokers.stop(2);
    await redis.cli('FLUSHALL');
    const waiting = 'the security metadata will be rebuilt when more brokers take part';
    await until('the rebuild to wait', () => brokers.logged.includes(waiting));
    await expect(addKey(first, 'b')).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE' });
    expect(first.view.key('a')).toBeDefined();
    const third = await brokers.open(2);
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    await addKey(third, 'b');
    await brokers.everyone(({ view }) => view.key('b') !== undefined);
  });

  it('follows on from a snapshot in Redis once commits are long', async () => {
    const limits = { apiKeysMax: 10, aclsMax: 1e6, quotasMax: 10, aclsPerChangeMax: 1e6 };
    for (const id of [0, 1, 2]) await brokers.stop(id);
    const [writer] = await brokers.openAll({ limits });
    await brokers.everyone(() => true);
    await brokers.stop(2);
    const acls = Array.from({ length: 5000 }, (_, index) =>
      exampleAcl({ resourceName: `${'orders'.repeat(30)}-${index}` }),
    );
    for (let round = 0; round < 6; round += 1) {
      await writer?.update(() => [{ kind: 'acls-added', acls }]);
      await writer?.update(() => [{ kind: 'acls-removed', acls: acls.slice(3000) }]);
    }
    await until(
      'a snapshot',
      async () => Number((await redis.cli('XLEN', brokers.key('commits'))).match(/\d+/)) < 6,
    );
    await brokers.open(2, { limits });
    await brokers.everyone(({ view }) => view.aclCount === 3000);
  });
});
