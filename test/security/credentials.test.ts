import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type JWTPayload, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TokenIssuer } from '../../libs/security/src/testing/token-issuer.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { type Message, SocketClient } from '../ws/socket-client.js';
import { AUTH_ON, allow, asRoot, bearer, keyWith, ROOT_KEY, type TestKey } from './keys.js';
import { ServedIssuer } from './served-issuer.js';

const AUDIT_FILE = join(tmpdir(), `sluice-audit-${process.pid}.log`);
const WRITE = { resourceType: 'topic', resourceName: 'orders', operation: 'Write' } as const;
const READ = { ...WRITE, operation: 'Read' } as const;

let gateway: GatewayProcess;
let issuer: ServedIssuer;
let alice: TestKey;
let bob: TestKey;
/** Secrets that no output may contain. */
const secrets: string[] = [];

beforeAll(async () => {
  issuer = await ServedIssuer.start();
  await issuer.addKey('k1', 'ES256');
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    ...issuer.settings,
    SLUICE_JWT_GROUPS_CLAIM: 'groups',
    SLUICE_AUDIT_FILE: AUDIT_FILE,
    SLUICE_LOG_LEVEL: 'debug',
    SLUICE_QUOTA_WAIT_MS: '0',
    SLUICE_TRUSTED_PROXIES: '127.0.0.1',
  });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  alice = await keyWith(gateway, [WRITE, READ]);
  bob = await keyWith(gateway, [WRITE, READ]);
  secrets.push(secretOf(ROOT_KEY), secretOf(alice.key), secretOf(bob.key));
});

afterAll(async () => {
  issuer.close();
  await gateway.dispose();
});

describe('tokens', () => {
  test('a token of the issuer has the permissions of its principal and groups', async () => {
    const token = await tokenOf({ sub: 'carol', groups: ['writers'] });
    const whoami = await call('GET', '/v1/whoami', bearer(token));
    expect(whoami.status).toBe(200);
    expect(JSON.parse(whoami.text)).toMatchObject({
      principal: 'user:carol',
      groups: ['group:writers'],
      superUser: false,
    });
    expect((await produce(bearer(token))).status).toBe(403);
    await allow(gateway, 'group:writers', [WRITE]);
    expect((await produce(bearer(token))).status).toBe(200);
  });

  test('a forged or expired token is refused like any other wrong credential', async () => {
    const forger = new TokenIssuer(issuer.issuer);
    await forger.addKey('k1', 'ES256');
    const claims = claimsOf({ sub: 'root' });
    const tokens = [
      new UnsecuredJWT(claims).encode(),
      await forger.sign(claims, { alg: 'ES256', kid: 'k1' }),
      await tokenOf({ sub: 'root', aud: 'billing' }),
      await tokenOf({ sub: 'root', exp: Math.floor(Date.now() / 1000) - 31 }),
      await tokenOf({ sub: 'anonymous' }),
    ];
    const wrong = await call('GET', '/v1/whoami', bearer('nobody.'.padEnd(60, 'x')));
    for (const token of tokens) {
      const { status, text } = await call('GET', '/v1/whoami', bearer(token));
      expect([status, text]).toEqual([401, wrong.text]);
    }
  });

  test('a WebSocket accepts a token in its first message', async () => {
    const client = await SocketClient.open(gateway.url);
    const token = await tokenOf({ sub: 'dave' });
    const answer = await client.request('authenticate', { token });
    expect(answer).toMatchObject({ event: 'authenticated', data: { principal: 'user:dave' } });
    client.socket.close();
  });
});

describe('producer tokens', () => {
  test('an id is used by the caller that got it, and by nobody else', async () => {
    const issued = await call('POST', '/v1/producers', bearer(alice.key));
    const { producerId, producerEpoch, producerToken } = JSON.parse(issued.text) as {
      readonly producerId: number;
      readonly producerEpoch: number;
      readonly producerToken: string;
    };
    const head = {
      'Producer-Id': String(producerId),
      'Producer-Epoch': String(producerEpoch),
      'Producer-Sequence': '0',
    };
    const withToken = { ...head, 'Producer-Token': producerToken };
    expect((await produce({ ...bearer(alice.key), ...head })).status).toBe(403);
    expect((await produce({ ...bearer(bob.key), ...withToken })).status).toBe(403);
    expect((await produce({ ...bearer(alice.key), ...withToken })).status).toBe(200);

    const producer = { producerId, producerEpoch, producerSequence: 1 };
    const data = { topic: 'orders', partition: 0, ...producer };
    const records = [{ value: 1 }];
    const [own, other] = [await socketOf(alice), await socketOf(bob)];
    const ofOther = await other.request('publish', { ...data, producerToken, records });
    const without = await own.request('publish', { ...data, records });
    const ofOwn = await own.request('publish', { ...data, producerToken, records });
    expect(codesOf([ofOther, without])).toEqual([
      'CLUSTER_AUTHORIZATION_FAILED',
      'CLUSTER_AUTHORIZATION_FAILED',
    ]);
    expect(ofOwn).toMatchObject({ event: 'published' });
    own.socket.close();
    other.socket.close();
  });
});

describe('tickets', () => {
  test('a ticket opens one WebSocket, as its caller', async () => {
    const ticket = await ticketOf(alice);
    const client = await SocketClient.open(gateway.url, {}, `?ticket=${ticket}`);
    const published = await client.request('publish', { topic: 'orders', records: [{ value: 1 }] });
    expect(published.event).toBe('published');
    client.socket.close();
    await expect(SocketClient.open(gateway.url, {}, `?ticket=${ticket}`)).rejects.toThrow('401');
  });

  test('a ticket opens one event stream, and nothing else', async () => {
    const path = '/v1/topics/orders/events?from=earliest&ticket=';
    const ticket = await ticketOf(alice);
    expect((await call('GET', `/v1/whoami?ticket=${ticket}`, {})).status).toBe(401);
    const opened = await fetch(`${gateway.url}${path}${ticket}`);
    expect(opened.status).toBe(200);
    await opened.body?.cancel();
    expect((await call('GET', path + ticket, {})).status).toBe(401);
    expect((await call('GET', `${path}7.${'a'.repeat(43)}`, {})).status).toBe(401);
    const both = await call('GET', path + (await ticketOf(alice)), bearer(alice.key));
    expect(both.status).toBe(400);
  });
});

describe('quotas', () => {
  test('a caller that has used up a quota is refused before the append', async () => {
    await asRoot(gateway, 'PUT', `/v1/quotas/key:${bob.id}`, { producer_byte_rate: 10 });
    const first = await produce(bearer(bob.key));
    const refused = await produce(bearer(bob.key));
    expect([first.status, refused.status]).toEqual([200, 429]);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(JSON.parse(refused.text)).toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      outcome: 'failed',
    });
    expect((await produce(bearer(alice.key))).status).toBe(200);
    await asRoot(gateway, 'DELETE', `/v1/quotas/key:${bob.id}`);
    expect((await produce(bearer(bob.key))).status).toBe(200);
  });

  test('records that were read count for the next read', async () => {
    await asRoot(gateway, 'PUT', `/v1/quotas/key:${bob.id}`, { consumer_byte_rate: 1 });
    const path = '/v1/topics/orders/partitions/0/records';
    expect((await call('GET', path, bearer(bob.key))).status).toBe(200);
    expect((await call('GET', path, bearer(bob.key))).status).toBe(429);
    await asRoot(gateway, 'DELETE', `/v1/quotas/key:${bob.id}`);
  });

  test('a subscriber is paused by a quota that is set after it has subscribed', async () => {
    const limited = await keyWith(gateway, [WRITE, READ]);
    const [paused, free] = [await socketOf(limited), await socketOf(alice)];
    for (const client of [paused, free]) {
      await client.subscribe({ subscription: 's', topic: 'orders', from: 'latest', credit: 100 });
    }
    await asRoot(gateway, 'PUT', `/v1/quotas/key:${limited.id}`, { consumer_byte_rate: 1 });
    for (const count of [1, 2]) {
      await produce(bearer(alice.key));
      await free.recordsOf('s', count);
      if (count === 1) await paused.recordsOf('s', 1);
    }
    // The end of the connection comes after all records that were sent before it.
    await asRoot(gateway, 'DELETE', `/v1/api-keys/${limited.id}`);
    expect((await paused.closed).code).toBe(4403);
    expect(paused.records('s')).toHaveLength(1);
    await asRoot(gateway, 'DELETE', `/v1/quotas/key:${limited.id}`);
    free.socket.close();
  });

  test.each([
    ['permitted', '/v1/whoami', 200],
    ['refused', '/v1/topics/unseen', 403],
  ])('requests that are %s have a quota', async (_, path, status) => {
    const limited = await keyWith(gateway, []);
    await asRoot(gateway, 'PUT', `/v1/quotas/key:${limited.id}`, { request_rate: 1 });
    const calls = Array.from({ length: 5 }, () => call('GET', path, bearer(limited.key)));
    const statuses = (await Promise.all(calls)).map((answer) => answer.status);
    expect(statuses).toContain(status);
    expect(statuses).toContain(429);
    await asRoot(gateway, 'DELETE', `/v1/quotas/key:${limited.id}`);
  });

  test('connections have a quota', async () => {
    const newcomer = await keyWith(gateway, []);
    await asRoot(gateway, 'PUT', `/v1/quotas/key:${newcomer.id}`, { connections: 1 });
    const first = await socketOf(newcomer);
    await expect(socketOf(newcomer)).rejects.toThrow('429');
    first.socket.close();
  });
});

describe('the audit log', () => {
  test('has each refusal and each change, with who and from where', async () => {
    await call('DELETE', '/v1/topics/orders', {
      ...bearer(alice.key),
      'X-Forwarded-For': '192.0.2.7',
    });
    await call('GET', '/v1/topics/orders', bearer(`${alice.id}.${'y'.repeat(43)}`));
    await asRoot(gateway, 'POST', '/v1/topics', { name: 'audited', partitions: 1 });
    // The lines are written after the answers.
    await until('the last line', async () =>
      (await auditLines()).some((line) => JSON.stringify(line).includes('name:audited')),
    );
    const lines = await auditLines();
    expect(lines).toContainEqual(
      expect.objectContaining({
        log: 'audit',
        principal: `key:${alice.id}`,
        credential: `key ${alice.id}`,
        address: '192.0.2.7',
        operation: 'DELETE /v1/topics/{topic}',
        resources: ['topic:orders'],
        result: 'refused',
        status: 403,
      }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        principal: null,
        credential: 'not accepted',
        operation: 'GET /v1/topics/{topic}',
        status: 401,
      }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        principal: 'key:root',
        operation: 'POST /v1/topics',
        resources: expect.arrayContaining(['name:audited']),
        result: 'done',
        status: 201,
      }),
    );
  });

  test('has what is refused because of the page that sent it', async () => {
    const evil = { ...bearer(alice.key), Origin: 'https://evil.example' };
    expect((await call('DELETE', '/v1/topics/unseen', evil)).status).toBe(403);
    await expect(SocketClient.open(gateway.url, { headers: evil })).rejects.toThrow('403');
    await until('both lines', async () => {
      const lines = (await auditLines()).map((line) => JSON.stringify(line));
      const isThere = (...parts: string[]): boolean =>
        lines.some((line) => parts.every((part) => line.includes(part)));
      return (
        isThere('DELETE /v1/topics/{topic}', 'topic:unseen', '"refused"', '403') &&
        isThere('"principal":null', 'WebSocket', 'CLUSTER_AUTHORIZATION_FAILED')
      );
    });
  });

  test('has each refused produce request once, by the front or by the handler', async () => {
    await produce({
      ...bearer(bob.key),
      'Producer-Id': '1',
      'Producer-Epoch': '0',
      'Producer-Sequence': '0',
    });
    const refusalsOf = async (principal: string) => {
      const refusal = { principal, operation: 'POST /v1/topics/{topic}/records', status: 403 };
      const lines = await auditLines();
      return lines.filter((line) => isDeepStrictEqual({ ...line, ...refusal }, line));
    };
    await until(
      'the last line is written',
      async () => (await refusalsOf(`key:${bob.id}`)).length > 1,
    );
    // Carol lacked the permission to write once; Bob used the id of another producer twice.
    expect(await refusalsOf('user:carol')).toHaveLength(1);
    expect(await refusalsOf(`key:${bob.id}`)).toHaveLength(2);
  });

  test('no output of the gateway has a secret', async () => {
    const { ticket } = JSON.parse((await call('POST', '/v1/tickets', bearer(alice.key))).text) as {
      readonly ticket: string;
    };
    secrets.push(ticket);
    const refused = await call('GET', `/v1/topics?ticket=${ticket}`, bearer(alice.key));
    expect(refused.status).toBe(400);
    await until('the line of the refused request', () =>
      gateway.logLines.some((line) => line.includes('ticket=***')),
    );
    const metrics = await call('GET', '/metrics', bearer(ROOT_KEY));
    const keys = await call('GET', '/v1/api-keys', bearer(ROOT_KEY));
    const title = await readFile(`/proc/${gateway.pid}/cmdline`, 'utf8').catch(() => '');
    const output = [
      ...gateway.logLines,
      ...gateway.outputLines,
      await readFile(AUDIT_FILE, 'utf8'),
      metrics.text,
      keys.text,
      title,
    ].join('\n');
    expect(metrics.status).toBe(200);
    for (const secret of secrets) expect(output.includes(secret)).toBe(false);
  });
});

async function call(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
  const response = await fetch(gateway.url + path, { method, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function produce(
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
  const response = await fetch(`${gateway.url}/v1/topics/orders/records?partition=0`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ value: 'a value of more than ten bytes' }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

function socketOf({ key }: TestKey): Promise<SocketClient> {
  return SocketClient.open(gateway.url, { headers: bearer(key) });
}

async function ticketOf({ key }: TestKey): Promise<string> {
  const { status, text } = await call('POST', '/v1/tickets', bearer(key));
  expect(status).toBe(201);
  const { ticket } = JSON.parse(text) as { readonly ticket: string };
  secrets.push(ticket);
  return ticket;
}

function claimsOf(claims: JWTPayload): JWTPayload {
  const nowS = Math.floor(Date.now() / 1000);
  return { iss: issuer.issuer, aud: 'sluice', exp: nowS + 300, ...claims };
}

async function tokenOf(claims: JWTPayload): Promise<string> {
  const token = await issuer.sign(claimsOf(claims), { alg: 'ES256', kid: 'k1' });
  secrets.push(token);
  return token;
}

async function auditLines(): Promise<readonly object[]> {
  const text = await readFile(AUDIT_FILE, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as object);
}

function codesOf(messages: readonly Message[]): readonly (string | undefined)[] {
  return messages.map(({ data }) => data.code);
}

function secretOf(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}
