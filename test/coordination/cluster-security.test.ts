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
import { describeSecurityMetadata } from '../../libs/security/src/testing/conformance.js';
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

describeSecurityMetadata('ClusterSecurity', () => ({
  brokerId: 0,
  open: () => {
    brokers = new SecurityBrokers(redis.url, [0]);
    return brokers.open(0);
  },
  reopen: async () => {
    await brokers.stop(0);
    return brokers.open(0);
  },
  nowMs: () => Date.now(),
  whileTimePasses: (promise) => promise,
}));

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

  it('is made at the first start without a warning', async () => {
    await brokers.everyone(() => true);
    expect(brokers.logged).toEqual([]);
  });

  it('a Redis that is rolled back or flushed brings no revoked key back', async () => {
    await addKey(first, 'a');
    await addKey(first, 'b');
    await brokers.everyone(({ view }) => view.keyCount === 2);
    const copy = new Map<string, string>();
    for (const name of ['version', 'snapshot'])
      copy.set(name, await redis.cli('GET', brokers.key(name)));
    const commits = await redis.cli('XLEN', brokers.key('commits'));
    await revokeKey(first, 'a');
    await addKey(second, 'c');
    // Everything signed that Redis had before the revocation, and nothing of what came later.
    await redis.cli('XTRIM', brokers.key('commits'), 'MAXLEN', '0');
    await redis.cli('DEL', brokers.key('revocations'));
    for (const [name, text] of copy) await redis.cli('SET', brokers.key(name), text);
    expect(commits).toContain('2');
    await addKey(first, 'a').catch(() => undefined);
    await brokers.everyone(({ view }) => view.key('c') !== undefined && view.isRevoked('key:a'));
    await redis.cli('FLUSHALL');
    await addKey(second, 'a').catch(() => undefined);
    await brokers.everyone(({ view }) => view.key('c') !== undefined && view.isRevoked('key:a'));
    await until('one stored revocation', async () =>
      (await redis.cli('HLEN', brokers.key('revocations'))).includes('1'),
    );
    for (const { view } of brokers.all)
      expect([...view.keys()].map(({ id }) => id)).toEqual(['b', 'c']);
    await redis.cli('FLUSHALL');
    for (const id of [0, 1, 2]) await brokers.stop(id);
    await brokers.openAll();
    await brokers.everyone(({ view }) => view.key('c') !== undefined && view.isRevoked('key:a'));
    for (const { view } of brokers.all) expect(view.key('a')).toBeUndefined();
  });

  it('a rule written into Redis by hand has no effect', async () => {
    await first.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
    const text = await redis.cli('GET', brokers.key('version'));
    const [version = '', changeId = ''] = text.split(' ');
    const next = String(Number(version) + 1);
    const rule = ['key:evil', 'cluster', 'literal', 'cluster', 'All', 'allow'];
    const changes = JSON.stringify([{ kind: 'acls-added', acls: [rule] }]);
    const fields = [
      'id',
      'evil',
      'previous',
      changeId,
      'changes',
      changes,
      'signature',
      'c2lnbmVk',
    ];
    await redis.cli('XADD', brokers.key('commits'), `${next}-0`, ...fields);
    await redis.cli('SET', brokers.key('version'), `${next} evil`);
    await until('the forgery to be noticed', () =>
      brokers.all.some((broker) => broker.status().forgeries > 0),
    );
    await brokers.everyone(({ view }) => view.aclCount === 1);
    await addKey(second, 'a');
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    for (const { view } of brokers.all)
      expect([...view.acls({ principal: 'key:evil' })]).toEqual([]);
    expect(brokers.logged).toContain(
      'the security metadata in Redis is not followed: it is rebuilt from the brokers',
    );
  });

  it('a commit that another broker hands on without a signature has no effect', async () => {
    await addKey(first, 'a');
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    await brokers.stop(2);
    const relay = await TcpRelay.start(redis.port);
    onTestFinished(() => relay.close());
    const rule = ['key:evil', 'cluster', 'literal', 'cluster', 'All', 'allow'];
    const misled = await brokers.open(2, {
      url: `redis://127.0.0.1:${relay.port}`,
      peers: {
        ids: () => [0],
        exchange: (_, message) => Promise.resolve(first.handleRevocations(message)),
        commitsAfter: (_, { version, changeId }) => {
          const evil = {
            version: version + 1,
            changeId: 'evil',
            previousChangeId: changeId,
            changes: JSON.stringify([{ kind: 'acls-added', acls: [rule] }]),
            signature: 'c2lnbmVk',
          };
          return Promise.resolve({ position: evil, commits: [evil] });
        },
      },
    });
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    relay.cut();
    await until('the forgery to be noticed', () => misled.status().forgeries > 0);
    expect(misled.view.aclCount).toBe(0);
    expect(brokers.logged).toContain('commits of another broker could not be applied');
  });

  it('a revocation or snapshot written into Redis by hand has no effect', async () => {
    await addKey(first, 'a');
    await redis.cli('HSET', brokers.key('revocations'), 'key:a', 'c2lnbmVk ');
    await until('no stored revocation', async () =>
      (await redis.cli('HLEN', brokers.key('revocations'))).includes('0'),
    );
    await redis.cli('SET', brokers.key('snapshot'), '{"version":1,"signature":"x"}');
    await redis.cli('SET', brokers.key('rebuild'), 'junk');
    await brokers.everyone(({ view }) => view.key('a') !== undefined);
    for (const { view } of brokers.all) expect(view.isRevoked('key:a')).toBe(false);
  });
});
