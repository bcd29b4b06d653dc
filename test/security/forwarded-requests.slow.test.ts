import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ClusterProcesses } from '../support/cluster-processes.js';
import { metricOf } from '../support/metric-of.js';
import { until } from '../support/until.js';
import { AUTH_ON, bearer, type TestKey } from './keys.js';

const RECORDS = '/v1/topics/orders/partitions/0/records';

let cluster: ClusterProcesses;
let key: TestKey;

/** Broker 1 forwards to broker 2, which leads the only partition. */
beforeAll(async () => {
  // Callers without a credential administer this cluster.
  const administrators = { SLUICE_ANONYMOUS: 'on', SLUICE_SUPER_USERS: 'user:anonymous' };
  const environment = { ...AUTH_ON, ...administrators };
  cluster = await ClusterProcesses.start({ brokers: 3, environment, withRelays: true });
  const topic = { name: 'orders', replicaAssignment: [[2]] };
  await until('the topic', async () => {
    const { status } = await cluster.broker(2).send('/v1/topics', 'POST', topic);
    return status === 201 || status === 409;
  });
  await until('broker 1 knows the topic', async () => {
    const { status } = await cluster.broker(1).call('/v1/topics/orders');
    return status === 200;
  });
});

afterAll(() => cluster.dispose());

beforeEach(async () => {
  cluster.heal();
  key = await until('a new key', async () => {
    const created = await cluster.broker(2).send<TestKey>('/v1/api-keys', 'POST', { name: 'test' });
    return created.status === 201 ? created.body : undefined;
  });
  const acls = ['Write', 'Read'].map((operation) => ({ ...ruleOf(key), operation }));
  await until('the rules', async () => {
    const { status } = await cluster.broker(2).send('/v1/acls', 'POST', { acls });
    return status === 201 || status === 200;
  });
  await until('broker 1 serves the key', async () => {
    return (await produce()).status === 200 && (await read()).status === 200;
  });
});

function ruleOf({ id }: TestKey): object {
  const resource = { resourceType: 'topic', resourceName: 'orders', patternType: 'literal' };
  return { principal: `key:${id}`, ...resource, permission: 'allow' };
}

function produce() {
  return cluster.broker(1).call<{ code?: string }>('/v1/topics/orders/records', {
    method: 'POST',
    headers: { ...bearer(key.key), 'Content-Type': 'application/json' },
    body: JSON.stringify({ value: 1 }),
  });
}

function read() {
  return cluster.broker(1).call<{ code?: string }>(RECORDS, { headers: bearer(key.key) });
}

it('a leader refuses what its own rules forbid, although the other broker permits it', async () => {
  cluster.isolateFromRedis(1);
  const query = `principal=key:${key.id}&resourceType=topic&resourceName=orders`;
  const removed = await cluster.broker(2).call(`/v1/acls?${query}`, { method: 'DELETE' });
  expect(removed.status).toBe(200);
  const before = await auditLinesTotals();
  const refused = { status: 403, body: { code: 'TOPIC_AUTHORIZATION_FAILED' } };
  expect(await produce()).toMatchObject(refused);
  expect(await read()).toMatchObject(refused);
  // The broker that the client called reports each refusal once; the leader does not repeat it.
  const [calledBefore = NaN, leaderBefore] = before;
  expect(await auditLinesTotals()).toEqual([calledBefore + 2, leaderBefore]);
  await until('the lines', () => Promise.resolve(refusalLinesOf(1).length >= 2));
  expect(refusalLinesOf(2)).toHaveLength(0);
});

it('a leader refuses a key that it knows as revoked, although another accepts it', async () => {
  cluster.isolateFromRedis(1);
  for (const other of [2, 3]) cluster.cutCalls(other, 1);
  const revoked = await cluster.broker(2).call(`/v1/api-keys/${key.id}`, { method: 'DELETE' });
  expect(revoked).toMatchObject({ status: 200, body: { missing: expect.arrayContaining([1]) } });
  const refused = { status: 401, body: { code: 'SASL_AUTHENTICATION_FAILED' } };
  expect(await produce()).toMatchObject(refused);
  expect(await read()).toMatchObject(refused);
});

/** Lines of the audit logs of the broker that is called, and of the leader. */
function auditLinesTotals(): Promise<readonly number[]> {
  const total = 'sluice_security_audit_lines_total';
  return Promise.all([1, 2].map((id) => metricOf(cluster.broker(id).url, total)));
}

/** Refusals of the key in the audit log of a broker. */
function refusalLinesOf(id: number): readonly string[] {
  const { outputLines, logLines } = cluster.broker(id).process;
  const wanted = ['"log":"audit"', '"result":"refused"', `"principal":"key:${key.id}"`];
  return [...outputLines, ...logLines].filter((line) => wanted.every((one) => line.includes(one)));
}
