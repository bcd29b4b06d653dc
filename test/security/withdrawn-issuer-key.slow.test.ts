import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { SocketClient } from '../ws/socket-client.js';
import { AUTH_ON, allow, asRoot, bearer } from './keys.js';
import { ServedIssuer } from './served-issuer.js';

let gateway: GatewayProcess;
let issuer: ServedIssuer;

beforeAll(async () => {
  issuer = await ServedIssuer.start();
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    ...issuer.settings,
    SLUICE_JWT_KEYS_MAX_AGE_MS: '2000',
  });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  const read = { resourceType: 'topic', resourceName: 'orders', operation: 'Read' } as const;
  await allow(gateway, 'user:*', [read]);
});

afterAll(async () => {
  issuer.close();
  await gateway.dispose();
});

test('what a token opened ends when its issuer withdraws the key', async () => {
  await issuer.addKey('stolen', 'ES256');
  await issuer.addKey('kept', 'ES256');
  const [thief, owner] = [await tokenOf('stolen'), await tokenOf('kept')];
  const stolen = await SocketClient.open(gateway.url, { headers: bearer(thief) });
  const kept = await SocketClient.open(gateway.url, { headers: bearer(owner) });
  const events = await fetch(`${gateway.url}/v1/topics/orders/events`, { headers: bearer(thief) });
  expect(events.status).toBe(200);

  issuer.withdrawKey('stolen');

  expect(await stolen.closed).toMatchObject({ code: 4403 });
  expect(await events.text()).toContain('SASL_AUTHENTICATION_FAILED');
  const refused = await fetch(`${gateway.url}/v1/whoami`, { headers: bearer(thief) });
  expect(refused.status).toBe(401);
  expect(await kept.request('ping')).toMatchObject({ event: 'pong' });
  await kept.close();
});

function tokenOf(kid: string): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  const claims = { iss: issuer.issuer, aud: 'sluice', sub: 'carol', exp };
  return issuer.sign(claims, { alg: 'ES256', kid });
}
