import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { AUTH_ON, allow, asRoot, bearer } from './keys.js';

const AUDIENCE = 'https://sluice.example.com';
const CLIENT = { client_id: 'billing', client_secret: 'a secret of the client' };

let gateway: GatewayProcess;
let provider: Server;
let issuer: string;

/** The part of the package that the test uses; it has no types of its own. */
type ProviderClass = new (issuer: string, options: object) => { callback(): RequestListener };

beforeAll(async () => {
  provider = createServer().listen(0, '127.0.0.1');
  await once(provider, 'listening');
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  // @ts-expect-error The package has no types.
  const { Provider } = (await import('oidc-provider')) as { readonly Provider: ProviderClass };
  const server = new Provider(issuer, {
    clients: [
      { ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: 'records',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
        }),
      },
    },
  });
  provider.on('request', server.callback());
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    SLUICE_JWT_ISSUER: issuer,
    SLUICE_JWT_AUDIENCE: AUDIENCE,
  });
});

afterAll(async () => {
  provider.close();
  await gateway.dispose();
});

test('a client of an OpenID Connect provider produces with its access token', async () => {
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  const token = await accessToken();
  expect(await produce(token)).toBe(403);
  const rule = { resourceType: 'topic', resourceName: 'orders', operation: 'Write' } as const;
  await allow(gateway, `user:${CLIENT.client_id}`, [rule]);
  expect(await produce(token)).toBe(200);
  expect(await produce(`${token.slice(0, -8)}AAAAAAAA`)).toBe(401);
});

async function accessToken(): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${btoa(`${CLIENT.client_id}:${encodeURIComponent(CLIENT.client_secret)}`)}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'records' }),
  });
  const { access_token: token } = (await response.json()) as { readonly access_token: string };
  return token;
}

async function produce(token: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/topics/orders/records`, {
    method: 'POST',
    headers: { ...bearer(token), 'Content-Type': 'application/json' },
    body: JSON.stringify({ value: 1 }),
  });
  await response.arrayBuffer();
  return response.status;
}
