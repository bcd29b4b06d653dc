import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY, type TestKey } from './keys.js';

/** Half of each of these is the share of one principal. */
const BOUNDS = {
  SLUICE_CONNECTIONS_MAX: '20',
  SLUICE_LONG_POLLS_MAX: '4',
  SLUICE_CURSORS_MAX: '4',
  SLUICE_REQUEST_MEMORY_BYTES: '262144',
  SLUICE_REQUEST_BYTES_MAX: '65536',
};
const RULES: readonly Allowed[] = [
  { resourceType: 'topic', resourceName: 'quiet', operation: 'Read' },
  { resourceType: 'topic', resourceName: 'orders', operation: 'Read' },
  { resourceType: 'topic', resourceName: 'orders', operation: 'Write' },
];
const USED_UP = { code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true };

let gateway: GatewayProcess;
let greedy: TestKey;
let other: TestKey;
const sockets: Socket[] = [];

beforeAll(async () => {
  gateway = await GatewayProcess.start({ ...AUTH_ON, ...BOUNDS });
  for (const name of ['orders', 'quiet']) {
    await asRoot(gateway, 'POST', '/v1/topics', { name, partitions: 2 });
  }
  greedy = await keyWith(gateway, RULES);
  other = await keyWith(gateway, RULES);
});

afterAll(() => gateway?.dispose());

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await until('nothing is held any more', async () => (await largest('connections')) <= 1);
});

function opened(): Socket {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  sockets.push(socket);
  return socket.on('error', () => undefined).setEncoding('utf8');
}

/** Sends the head of a request with a body that does not end, and returns its connection. */
function begin(key: string, head: string, body = ''): Socket {
  const socket = opened();
  socket.write(`${head} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${key}\r\n`);
  socket.write(body === '' ? '\r\n' : `Content-Length: 65536\r\n\r\n${body}`);
  return socket;
}

/** Returns the status and the body of the first answer. */
async function answerOf(socket: Socket): Promise<{ status: number; text: string }> {
  const [text] = (await once(socket, 'data')) as [string];
  return { status: Number(text.slice(9, 12)), text };
}

async function metric(series: string): Promise<number> {
  const text = await (await get({ id: 'root', key: ROOT_KEY }, '/metrics')).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

function largest(bound: string): Promise<number> {
  return metric(`sluice_share_largest{bound="${bound}"}`);
}

function get(key: TestKey, path: string): Promise<Response> {
  const headers = { ...bearer(key.key), Connection: 'close' };
  return fetch(`${gateway.url}${path}`, { headers });
}

describe('one principal leaves others their part', () => {
  test('of the memory for bodies', async () => {
    const body = 'x'.repeat(60_000);
    const produce = 'POST /v1/topics/orders/records';
    begin(greedy.key, produce, body);
    begin(greedy.key, produce, body);
    await until('both are held', async () => (await largest('requestMemory')) >= 120_000);
    const refused = await answerOf(begin(greedy.key, produce, body));
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('SLUICE_REQUEST_MEMORY_BYTES');
    expect(refused.text).toMatch(/\r\nRetry-After: 1\r\n/i);
    const headers = { ...bearer(other.key), 'Content-Type': 'text/plain', Connection: 'close' };
    const url = `${gateway.url}/v1/topics/orders/records`;
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200);
  });

  test('of the long polls', async () => {
    const path = '/v1/topics/quiet/partitions/0/records?offset=0&waitMs=20000';
    begin(greedy.key, `GET ${path}`);
    begin(greedy.key, `GET ${path}`);
    await until('both wait', async () => (await largest('longPolls')) === 2);
    const refused = await get(greedy, path);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject(USED_UP);
    begin(other.key, `GET ${path}`);
    await until('the other one waits', async () => (await metric('sluice_http_long_polls')) === 3);
  });

  test('of the partitions that are subscribed to', async () => {
    const client = await SocketClient.open(gateway.url, { headers: bearer(greedy.key) });
    await client.request('subscribe', { subscription: 'a', topic: 'orders' });
    const events = await get(greedy, '/v1/topics/orders/events');
    expect(events.status).toBe(429);
    expect(await events.json()).toMatchObject(USED_UP);
    const second = await SocketClient.open(gateway.url, { headers: bearer(other.key) });
    await second.request('subscribe', { subscription: 'a', topic: 'orders' });
    for (const each of [client, second]) each.socket.close();
  });

  test('of the connections', async () => {
    const whoami = 'GET /v1/whoami';
    const first = Array.from({ length: 10 }, () => begin(greedy.key, whoami));
    const statuses = await Promise.all(first.map(async (each) => (await answerOf(each)).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await answerOf(begin(greedy.key, whoami))).status).toBe(429);
    expect((await answerOf(begin(other.key, whoami))).status).toBe(200);
  });
});

describe('connections without a credential', () => {
  test('leave their part to those with one, also while they are silent', async () => {
    const silent = Array.from({ length: 30 }, () => opened());
    const closed = silent.filter((each) => each.closed);
    expect(closed).toEqual([]);
    await until('a caller with a credential is served', async () => {
      return (await get(other, '/v1/whoami')).status === 200;
    });
  });

  test('are refused above their share, and those with a credential are not', async () => {
    const upgrade = [
      'GET /v1/ws HTTP/1.1',
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: sluice.v1',
    ].join('\r\n');
    const waiting = Array.from({ length: 10 }, () => opened());
    for (const socket of waiting) socket.write(`${upgrade}\r\n\r\n`);
    await Promise.all(waiting.map((socket) => once(socket, 'data')));
    const late = opened();
    late.write(`${upgrade}\r\n\r\n`);
    expect(await answerOf(late)).toMatchObject({
      status: 429,
      text: expect.stringContaining('SLUICE_UNIDENTIFIED_CONNECTIONS_PERCENT'),
    });
    const plain = await fetch(`${gateway.url}/docs`, { headers: { Connection: 'close' } });
    expect(plain.status).toBe(429);
    expect((await get(other, '/v1/whoami')).status).toBe(200);
    const client = await SocketClient.open(gateway.url, { headers: bearer(other.key) });
    client.socket.close();
  });

  test('make room once they have authenticated', async () => {
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => SocketClient.open(gateway.url)),
    );
    for (const client of clients.slice(0, 5)) {
      await client.request('authenticate', { token: other.key });
    }
    expect(await largest('connections')).toBe(5);
    expect((await fetch(`${gateway.url}/docs`)).status).toBe(200);
    for (const client of clients) client.socket.close();
  });
});
