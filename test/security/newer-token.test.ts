import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { SocketClient } from '../ws/socket-client.js';
import { AUTH_ON, allow, asRoot, bearer } from './keys.js';
import { ServedIssuer } from './served-issuer.js';

let gateway: GatewayProcess;
let issuer: ServedIssuer;

beforeAll(async () => {
  issuer = await ServedIssuer.start();
  await issuer.addKey('one', 'ES256');
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    ...issuer.settings,
    SLUICE_JWT_GROUPS_CLAIM: 'groups',
  });
  for (const name of ['orders', 'payroll']) {
    await asRoot(gateway, 'POST', '/v1/topics', { name, partitions: 1 });
  }
  const read = { resourceType: 'topic', operation: 'Read' } as const;
  await allow(gateway, 'user:carol', [{ ...read, resourceName: 'orders' }]);
  await allow(gateway, 'group:accounting', [{ ...read, resourceName: 'payroll' }]);
});

afterAll(async () => {
  issuer.close();
  await gateway.dispose();
});

function tokenWith(groups: readonly string[]): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  const claims = { iss: issuer.issuer, aud: 'sluice', sub: 'carol', exp, groups };
  return issuer.sign(claims, { alg: 'ES256', kid: 'one' });
}

test('a newer token without a group ends the subscriptions that the group permitted', async () => {
  const headers = bearer(await tokenWith(['accounting']));
  const client = await SocketClient.open(gateway.url, { headers });
  await client.request('subscribe', { subscription: 'a', topic: 'payroll' });
  await client.request('subscribe', { subscription: 'b', topic: 'orders' });
  const answer = await client.request('authenticate', { token: await tokenWith([]) });
  expect(answer).toMatchObject({ event: 'authenticated', data: { principal: 'user:carol' } });
  await client.until(() => client.of('error').length > 0);
  expect(client.of('error')[0]?.data).toMatchObject({
    subscription: 'a',
    code: 'TOPIC_AUTHORIZATION_FAILED',
  });
  for (const name of ['payroll', 'orders']) {
    await asRoot(gateway, 'POST', `/v1/topics/${name}/records`, { value: 1 });
  }
  expect(await client.recordsOf('b', 1)).toHaveLength(1);
  expect(client.records('a')).toEqual([]);
  client.socket.close();
});
