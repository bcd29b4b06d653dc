import { afterAll, beforeAll, expect, test } from 'vitest';
import { TokenIssuer } from '../../libs/security/src/testing/token-issuer.js';
import { RawConnection } from '../data/raw-connection.js';
import { GatewayProcess } from '../support/gateway.js';
import { Inspector } from '../support/inspector.js';
import { INSPECTED } from '../support/resident-memory.js';
import { SocketClient } from '../ws/socket-client.js';
import { AUTH_ON, asRoot, bearer, keyWith, type TestKey } from './keys.js';
import { ServedIssuer } from './served-issuer.js';

let gateway: GatewayProcess;
let issuer: ServedIssuer;

beforeAll(async () => {
  issuer = await ServedIssuer.start();
  await issuer.addKey('k1', 'ES256');
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    ...INSPECTED,
    ...issuer.settings,
  });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
});

afterAll(async () => {
  issuer.close();
  await gateway.dispose();
});

test('no secret of a failed request is left in the memory of the process', async () => {
  const key = await keyWith(gateway, []);
  const secrets = [await failAsKey(key), ...(await failAsNobody()), ...(await failByMessage(key))];
  const marker = `seen-${'m'.repeat(40)}`;
  await asRoot(gateway, 'POST', '/v1/topics', { name: marker, partitions: 1 });
  // Ordinary requests replace what parsers keep of the last one.
  for (let turn = 0; turn < 50; turn += 1) await asRoot(gateway, 'GET', '/v1/topics/orders');

  const inspector = await Inspector.of(gateway);
  await inspector.collectGarbage();
  const heap = await inspector.heapSnapshot();
  inspector.close();
  // The snapshot does show texts of requests that are kept.
  expect(heap).toContain(marker);
  const found = secrets.filter((secret) => heap.includes(secret));
  expect(found).toEqual([]);
  const output = [...gateway.logLines, ...gateway.outputLines].join('\n');
  expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
});

/** Fails for lack of a permission, over connections that end. */
async function failAsKey({ key }: TestKey): Promise<string> {
  for (const path of ['/v1/topics/orders', '/v1/topics/orders/partitions/0/records', '/metrics']) {
    expect(await ask('GET', path, bearer(key))).toBe(403);
  }
  const record = { ...bearer(key), 'Content-Type': 'application/json' };
  expect(await ask('POST', '/v1/topics/orders/records', record, '{"value":1}')).toBe(403);
  return secretOf(key);
}

/** Fails to identify anybody, in every way that a request presents a credential. */
async function failAsNobody(): Promise<readonly string[]> {
  const of = (letter: string) => `${letter}-wrong-secret-`.padEnd(43, letter);
  const forger = new TokenIssuer(issuer.issuer);
  await forger.addKey('k1', 'ES256');
  const exp = Math.floor(Date.now() / 1000) + 300;
  const claims = { iss: issuer.issuer, aud: 'sluice', sub: 'carol', exp };
  const forged = await forger.sign(claims, { alg: 'ES256', kid: 'k1' });
  const late = await issuer.sign({ ...claims, exp: exp - 600 }, { alg: 'ES256', kid: 'k1' });
  const basic = btoa(`nobody:${of('b')}`);
  const statuses = [
    await ask('GET', '/v1/whoami', bearer(`nobody.${of('a')}`)),
    await ask('GET', '/v1/whoami', { Authorization: `Basic ${basic}` }),
    await ask('GET', '/v1/whoami', { Authorization: `Digest ${of('d')}` }),
    await ask('GET', '/v1/whoami', bearer(forged)),
    await ask('GET', '/v1/whoami', bearer(late)),
    await ask('GET', `/v1/topics/orders/events?ticket=0.${of('t')}`),
    await ask('GET', `/v1/whoami?access_token=${of('q')}`),
  ];
  expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 400]);
  const signatures = [forged, late].map((token) => token.split('.')[2] as string);
  return [...['a', 'b', 'd', 't', 'q'].map(of), basic, ...signatures];
}

/** Fails to authenticate by the message of a WebSocket, and to publish as another producer. */
async function failByMessage(key: TestKey): Promise<readonly string[]> {
  const wrong = 'message-wrong-secret-'.padEnd(43, 'w');
  const producerToken = 'producer-wrong-token-'.padEnd(43, 'p');
  const client = await SocketClient.open(gateway.url);
  const refused = await client.request('authenticate', { token: `${key.id}.${wrong}` });
  expect(refused.event).toBe('error');
  await client.request('authenticate', { token: key.key });
  const producer = { producerId: 1, producerEpoch: 0, producerSequence: 0, producerToken };
  const data = { topic: 'orders', partition: 0, ...producer, records: [{ value: 1 }] };
  expect((await client.request('publish', data)).event).toBe('error');
  await client.close();
  return [wrong, producerToken];
}

/** Sends a request over a connection of its own, and returns the status of the answer. */
async function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<number> {
  const connection = await RawConnection.open(gateway.url);
  const lines = Object.entries({ ...headers, 'Content-Length': String(body.length) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  await connection.send(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${head}\r\n${body}`,
  );
  await connection.closed();
  const status = Number(connection.received.slice(9, 12));
  connection.abort();
  return status;
}

function secretOf(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}
