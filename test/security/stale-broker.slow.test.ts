import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { AUTH_ON, bearer, type TestKey } from './keys.js';

let cluster: ClusterProcesses;

beforeAll(async () => {
  // Callers without a credential administer this cluster.
  const administrators = { SLUICE_ANONYMOUS: 'on', SLUICE_SUPER_USERS: 'user:anonymous' };
  // Much less than the 10 s after which a stream ends because its leader does not answer.
  const environment = { ...AUTH_ON, ...administrators, SLUICE_AUTH_STALE_MS: '2000' };
  cluster = await ClusterProcesses.start({ brokers: 3, environment, withRelays: true });
});

afterAll(() => cluster.dispose());

/** Makes a key that may read the topic, which broker 2 leads, and that broker 1 serves. */
async function keyOfReader(): Promise<TestKey> {
  const topic = { name: 'orders', replicaAssignment: [[2]] };
  await until('the topic', async () => {
    const { status } = await cluster.broker(2).send('/v1/topics', 'POST', topic);
    return status === 201 || status === 409;
  });
  const key = await until('a new key', async () => {
    const created = await cluster.broker(2).send<TestKey>('/v1/api-keys', 'POST', { name: 'test' });
    return created.status === 201 ? created.body : undefined;
  });
  const resource = { resourceType: 'topic', resourceName: 'orders', patternType: 'literal' };
  const rule = { principal: `key:${key.id}`, ...resource, operation: 'Read', permission: 'allow' };
  await until('the rule', async () => {
    const { status } = await cluster.broker(2).send('/v1/acls', 'POST', { acls: [rule] });
    return status === 201 || status === 200;
  });
  await until('broker 1 serves the key', async () => {
    const path = '/v1/topics/orders/partitions/0/records';
    const { status } = await cluster.broker(1).call(path, { headers: bearer(key.key) });
    return status === 200;
  });
  return key;
}

it('a broker that cannot know what was revoked ends what a key has opened', async () => {
  const key = await keyOfReader();
  const url = `${cluster.broker(1).url.replace('http', 'ws')}/v1/ws`;
  const socket = new WebSocket(url, 'sluice.v1', { headers: bearer(key.key) });
  const closed = once(socket, 'close');
  await once(socket, 'open');
  const path = '/v1/topics/orders/events?from=latest';
  const events = await fetch(`${cluster.broker(1).url}${path}`, { headers: bearer(key.key) });
  expect(events.status).toBe(200);
  cluster.isolate(1);
  expect(await events.text()).toContain('BROKER_NOT_AVAILABLE');
  expect((await closed)[0]).toBe(1013);
});
