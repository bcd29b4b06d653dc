import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { AUTH_ON, allow, asRoot, bearer } from '../security/keys.js';
import { ServedIssuer } from '../security/served-issuer.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { clientOf } from './client-under-test.js';

/** Life of a token: a busy machine needs some of it to renew the token, s. */
const LIFE_S = 10;

let gateway: GatewayProcess;
let issuer: ServedIssuer;

beforeAll(async () => {
  issuer = await ServedIssuer.start();
  await issuer.addKey('k', 'ES256');
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    ...issuer.settings,
  });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  const read = { resourceName: '*', operation: 'Read' } as const;
  await allow(gateway, 'user:carol', [
    { ...read, resourceType: 'topic' },
    { ...read, resourceType: 'group' },
  ]);
});

afterAll(async () => {
  issuer.close();
  await gateway.dispose();
});

function newToken(): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + LIFE_S;
  const claims = { iss: issuer.issuer, aud: 'sluice', sub: 'carol', exp };
  return issuer.sign(claims, { alg: 'ES256', kid: 'k' });
}

test('a member keeps its connection and its partitions when its token is renewed', async () => {
  const tokens: string[] = [];
  const token = async (): Promise<string> => {
    const fresh = await newToken();
    tokens.push(fresh);
    return fresh;
  };
  const client = clientOf(gateway.url, 'websocket', { auth: { token } });
  onTestFinished(() => client.close());
  const statuses: string[] = [];
  client.on('status', (status) => statuses.push(status));
  const lost: unknown[] = [];
  const consumer = client.consumer({
    group: 'renewed',
    topics: ['orders'],
    autoOffsetReset: 'earliest',
    onLost: (partitions) => void lost.push(partitions),
  });
  const batches = consumer[Symbol.asyncIterator]();
  await until('the member has its partition', () => consumer.assignment.length === 1);
  const [first = ''] = tokens;
  await until('the first token has expired', async () => {
    return (await fetch(`${gateway.url}/v1/whoami`, { headers: bearer(first) })).status === 401;
  });
  await asRoot(gateway, 'POST', '/v1/topics/orders/records', { value: 'later' });
  const { value: batch } = await batches.next();
  expect(batch?.records).toMatchObject([{ value: 'later' }]);
  expect(lost).toEqual([]);
  expect(statuses).toEqual(['connected']);
  expect(tokens.length).toBeGreaterThan(1);
});
