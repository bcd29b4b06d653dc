import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLUSTER_SECRET, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { AUTH_ON, bearer, type TestKey } from './keys.js';

interface IssuedProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly producerToken: string;
}

/** The brokers that have confirmed a revocation, and the others. */
interface Revoked {
  readonly appliedBy: readonly number[];
  readonly missing: readonly number[];
}

let cluster: ClusterProcesses;

beforeAll(async () => {
  // Callers without a credential administer this cluster.
  const administrators = { SLUICE_ANONYMOUS: 'on', SLUICE_SUPER_USERS: 'user:anonymous' };
  cluster = await ClusterProcesses.start({ environment: { ...AUTH_ON, ...administrators } });
});

afterAll(() => cluster.dispose());

async function createKey(name: string): Promise<TestKey> {
  return until('a new key', async () => {
    const created = await cluster.broker(1).send<TestKey>('/v1/api-keys', 'POST', { name });
    return created.status === 201 ? created.body : undefined;
  });
}

/** Returns a ticket that a broker issued. */
async function ticketOf(id: number): Promise<string> {
  const { body } = await cluster.broker(id).send<{ ticket: string }>('/v1/tickets', 'POST', {});
  return body.ticket;
}

/** The status of a request with the key at each running broker. */
async function statusesOf({ key }: TestKey): Promise<number[]> {
  const answers = cluster.running.map((broker) =>
    broker.call('/v1/whoami', { headers: bearer(key) }),
  );
  return (await Promise.all(answers)).map(({ status }) => status);
}

async function untilAll(key: TestKey, wanted: number): Promise<void> {
  await until(`${wanted} from every broker`, async () => {
    const statuses = await statusesOf(key);
    return statuses.every((status) => status === wanted);
  });
}

it('a key of one broker is valid at every other, until any of them revokes it', async () => {
  // On a busy machine a broker may be too late to be named in the answer.
  const revoked = await until('a revocation that every broker has confirmed', async () => {
    const key = await createKey('shared');
    await untilAll(key, 200);
    const path = `/v1/api-keys/${key.id}`;
    const { status, body } = await cluster.broker(2).call<Revoked>(path, { method: 'DELETE' });
    return status === 200 && body.missing.length === 0 && { key, body };
  });
  expect(revoked.body.appliedBy).toEqual([1, 2, 3]);
  expect(await statusesOf(revoked.key)).toEqual([401, 401, 401]);
});

it('a ticket of one broker opens one stream at another, and no second one anywhere', async () => {
  await cluster.createTopic('tickets', 1);
  const events = (id: number, ticket: string): Promise<Response> =>
    fetch(`${cluster.broker(id).url}/v1/topics/tickets/events?ticket=${ticket}`);
  const ticket = await ticketOf(1);
  const opened = await events(2, ticket);
  expect(opened.status).toBe(200);
  await opened.body?.cancel();
  expect((await events(2, ticket)).status).toBe(401);
  expect((await events(1, ticket)).status).toBe(401);
  const ofDead = await ticketOf(3);
  await cluster.broker(3).kill();
  const refused = await events(1, ofDead);
  expect(refused.status).toBe(401);
  expect(await refused.text()).toContain('ask for another ticket');
  await cluster.broker(3).start();
  await cluster.untilAllSeeAlive([1, 2, 3]);
});

it('a revoked key stays revoked when Redis loses everything and the brokers restart', async () => {
  const revokedKey = await createKey('revoked');
  const keptKey = await createKey('kept');
  await untilAll(revokedKey, 200);
  await cluster.broker(3).stop();
  const path = `/v1/api-keys/${revokedKey.id}`;
  const revoked = await cluster.broker(1).call<Revoked>(path, { method: 'DELETE' });
  expect(revoked.status).toBe(200);
  expect(revoked.body.missing).toContain(3);
  await cluster.emptyRedis();
  await cluster.broker(3).start();
  await untilAll(keptKey, 200);
  await untilAll(revokedKey, 401);
});

it('a producer goes on at a broker with a new secret that accepts the one before', async () => {
  await cluster.createTopic('produced', 1);
  const { body } = await cluster.broker(1).send<IssuedProducer>('/v1/producers', 'POST', {});
  await cluster.broker(3).stop();
  await cluster.broker(3).start({
    SLUICE_CLUSTER_SECRET: 'the-next-secret-of-the-cluster',
    SLUICE_CLUSTER_SECRET_PREVIOUS: CLUSTER_SECRET,
  });
  const headers = {
    'Producer-Id': String(body.producerId),
    'Producer-Epoch': String(body.producerEpoch),
    'Producer-Sequence': '0',
    'Producer-Token': body.producerToken,
  };
  const path = '/v1/topics/produced/records?partition=0';
  await until('an acknowledgement', async () => {
    const answer = await cluster.broker(3).call(path, { method: 'POST', headers, body: 'x' });
    expect([200, 503]).toContain(answer.status);
    return answer.status === 200;
  });
});
