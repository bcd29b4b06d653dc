import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawConnection } from '../data/raw-connection.js';
import { GatewayProcess } from '../support/gateway.js';
import { RawSocket, upgradeRequest } from '../ws/raw-socket.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY } from './keys.js';

const DEAD_LETTERS = 'errors.deadletterqueue.topic.name';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  for (const name of ['orders', 'payroll']) {
    await asRoot(gateway, 'POST', '/v1/topics', { name, partitions: 1 });
  }
});

afterAll(() => gateway.dispose());

function topic(resourceName: string, operation: Allowed['operation']): Allowed {
  return { resourceType: 'topic', resourceName, operation };
}

function group(resourceName: string, operation: Allowed['operation']): Allowed {
  return { resourceType: 'group', resourceName, operation };
}

async function call(
  key: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(gateway.url + path, {
    method,
    headers: { ...bearer(key), 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

describe('the gateway as a deputy', () => {
  test('attack: dead letters of a group into a topic that the caller may not write', async () => {
    const { key } = await keyWith(gateway, [group('team', 'AlterConfigs')]);
    const configs = { [DEAD_LETTERS]: 'payroll' };
    const refused = await call(key, 'PATCH', '/v1/groups/team/configs', { configs });
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([
      403,
      'TOPIC_AUTHORIZATION_FAILED',
    ]);
    const owner = await keyWith(gateway, [
      group('team', 'AlterConfigs'),
      topic('payroll', 'Write'),
    ]);
    const named = await call(owner.key, 'PATCH', '/v1/groups/team/configs', { configs });
    expect(named.status, named.text).toBe(200);
  });

  test('attack: records are redriven into a topic that the caller may not write', async () => {
    const read = [group('redriving', 'Read'), topic('orders', 'Read')];
    const { key } = await keyWith(gateway, read);
    const members = '/v1/groups/redriving/members';
    const joined = await call(key, 'POST', members, { topics: ['orders'], mode: 'queue' });
    expect(joined.status, joined.text).toBe(201);
    const redrive = '/v1/groups/redriving/dead-letters/redrive';
    for (const body of [{ topic: 'orders' }, {}]) {
      const refused = await call(key, 'POST', redrive, body);
      expect([refused.status, JSON.parse(refused.text).code], refused.text).toEqual([
        403,
        'TOPIC_AUTHORIZATION_FAILED',
      ]);
    }
    const writer = await keyWith(gateway, [...read, topic('orders', 'Write')]);
    const allowed = await call(writer.key, 'POST', redrive, { topic: 'orders' });
    expect(allowed.status, allowed.text).not.toBe(403);
  });
});

describe('a proxy that understands a request in another way', () => {
  test.each([
    ['on a new connection', []],
    ['on a connection that the caller has used before', [ROOT_KEY]],
  ])('attack: a second Authorization header %s', async (_, before) => {
    const { key } = await keyWith(gateway, []);
    const connection = await RawConnection.open(gateway.url);
    const head = (keys: readonly string[], last = '') => {
      const lines = keys.map((each) => `Authorization: Bearer ${each}\r\n`).join('');
      return `GET /v1/whoami HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines}${last}\r\n`;
    };
    for (const each of before) await connection.send(head([each]));
    await connection.send(head([ROOT_KEY, key], 'Connection: close\r\n'));
    await connection.closed();
    const statuses = [...connection.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code);
    expect(statuses).toEqual([...before.map(() => '200'), '401']);
    connection.abort();
  });
});

describe('a page of another site', () => {
  const basic = `Basic ${btoa(ROOT_KEY.replace('.', ':'))}`;

  test.each([
    ['by its Origin', { Origin: 'https://evil.example' }],
    ['by Sec-Fetch-Site', { 'Sec-Fetch-Site': 'cross-site' }],
  ])(
    'attack: opens a WebSocket with the credential of the browser, seen %s',
    async (_, headers) => {
      const socket = await RawSocket.connect(gateway.url);
      const answer = await socket.ask(upgradeRequest({ ...headers, Authorization: basic }));
      expect(answer.status).toBe(403);
      socket.destroy();
    },
  );

  test('attack: sends a request with the credential of the browser', async () => {
    const headers = { Authorization: basic, 'Sec-Fetch-Site': 'cross-site' };
    const refused = await fetch(`${gateway.url}/v1/whoami`, { headers });
    expect(refused.status).toBe(403);
    const own = await fetch(`${gateway.url}/v1/whoami`, {
      headers: { ...headers, 'Sec-Fetch-Site': 'same-origin' },
    });
    expect(own.status).toBe(200);
  });

  test('attack: sends it on a connection that a page of this site has used', async () => {
    const connection = await RawConnection.open(gateway.url);
    const get = (more: string) =>
      connection.send(
        `GET /v1/whoami HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${basic}\r\n${more}\r\n`,
      );
    await get('Sec-Fetch-Site: same-origin\r\n');
    await get('Sec-Fetch-Site: cross-site\r\nConnection: close\r\n');
    await connection.closed();
    const statuses = [...connection.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code);
    expect(statuses).toEqual(['200', '403']);
    connection.abort();
  });
});

test('attack: a credential in the URL is refused, and repeated nowhere', async () => {
  const secret = 'hidden-in-the-url'.padEnd(43, 'u');
  const refused = await fetch(`${gateway.url}/v1/whoami?access_token=root.${secret}`);
  expect(refused.status).toBe(400);
  expect(await refused.text()).not.toContain(secret);
  expect(gateway.logLines.join('\n')).not.toContain(secret);
});
