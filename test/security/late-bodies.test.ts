/** Requests whose turn or body comes after their caller has lost its credential or a permission. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RawConnection } from '../data/raw-connection.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY, type TestKey } from './keys.js';

const WRITE: Allowed = { resourceType: 'topic', resourceName: 'orders', operation: 'Write' };
const ALTER: Allowed = { resourceType: 'cluster', resourceName: 'cluster', operation: 'Alter' };
const RECORDS = '/v1/topics/orders/records';
const IN_UTF8 = { 'Content-Type': 'application/json; charset=utf-8' };
const OF_ACCOMPLICE = {
  principal: 'key:accomplice',
  resourceType: 'topic',
  resourceName: 'orders',
  patternType: 'literal',
  operation: 'All',
  permission: 'allow',
};

let gateway: GatewayProcess;
let key: TestKey;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ ...AUTH_ON, SLUICE_QUOTA_WAIT_MS: '60000' });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
});

afterAll(() => gateway.dispose());

beforeEach(async () => {
  key = await keyWith(gateway, [WRITE, ALTER]);
});

function revoke(): Promise<unknown> {
  return asRoot(gateway, 'DELETE', `/v1/api-keys/${key.id}`);
}

function forbid(): Promise<unknown> {
  return asRoot(gateway, 'DELETE', `/v1/acls?principal=key:${key.id}`);
}

/** Resolves once one request besides its own is in flight. */
async function inFlight(): Promise<void> {
  await until('the request is in flight', async () => {
    const response = await fetch(`${gateway.url}/metrics`, { headers: bearer(ROOT_KEY) });
    const shown = await response.text();
    return /^sluice_http_requests_in_flight (\d+)$/m.exec(shown)?.[1] === '2';
  });
}

async function values(): Promise<readonly unknown[]> {
  const path = '/v1/topics/orders/partitions/0/records?offset=0';
  const { records } = (await asRoot(gateway, 'GET', path)) as { records: { value: unknown }[] };
  return records.map(({ value }) => value);
}

describe('a request that is sent in two parts', () => {
  const rule = Buffer.from(JSON.stringify({ acls: [OF_ACCOMPLICE] }));
  const record = Buffer.from(JSON.stringify({ value: 'late' }));

  test.each([
    ['a rule', revoke, 401, '/v1/acls', rule, {}],
    ['a rule', forbid, 403, '/v1/acls', rule, {}],
    ['a rule in a named charset', revoke, 401, '/v1/acls', rule, IN_UTF8],
    ['a record', revoke, 401, RECORDS, record, {}],
    ['a record', forbid, 403, RECORDS, record, {}],
    ['a compressed record', revoke, 401, RECORDS, gzipSync(record), { 'Content-Encoding': 'gzip' }],
  ])('%s is refused when its caller is lost between them (%o)', async (...given) => {
    const [, loseAccess, status, path, body, more] = given;
    const headers = {
      ...bearer(key.key),
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      ...more,
    };
    const sent = request(gateway.url + path, { method: 'POST', headers });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      sent.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
    });
    sent.write(body.subarray(0, 5));
    await inFlight();
    await loseAccess();
    sent.end(body.subarray(5));
    expect(await answered).toBe(status);
    expect(await values()).toEqual([]);
    expect(await asRoot(gateway, 'GET', '/v1/acls?principal=key:accomplice')).toMatchObject({
      acls: [],
    });
  });

  test('a deletion is refused whose empty body ends after its key was revoked', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.send(
      `DELETE /v1/api-keys/${key.id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n` +
        `Authorization: Bearer ${key.key}\r\nTransfer-Encoding: chunked\r\n` +
        'Content-Type: application/json\r\n\r\n',
    );
    await inFlight();
    await revoke();
    await connection.send('0\r\n\r\n');
    await connection.closed();
    expect(connection.received).toMatch(/^HTTP\/1\.1 401 /);
    connection.abort();
  });
});

describe('a request that waits for its quota', () => {
  test.each([
    ['a record', 'producer_byte_rate', revoke, 401, RECORDS, { value: 'x'.repeat(30) }],
    ['a record', 'producer_byte_rate', forbid, 403, RECORDS, { value: 'x'.repeat(30) }],
    ['a record', 'request_rate', revoke, 401, RECORDS, { value: 'y' }],
    ['a rule', 'request_rate', forbid, 403, '/v1/acls', { acls: [OF_ACCOMPLICE] }],
  ])('%s is refused at once when its caller is lost (%s, %o)', async (...given) => {
    const [, quota, loseAccess, status, path, body] = given;
    await asRoot(gateway, 'PUT', `/v1/quotas/key:${key.id}`, { [quota]: 1 });
    const send = (): Promise<Response> =>
      fetch(gateway.url + path, {
        method: 'POST',
        headers: { ...bearer(key.key), 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    await send();
    if (quota === 'request_rate') await send();
    const before = await values();
    const waiting = send();
    await inFlight();
    await loseAccess();
    expect((await waiting).status).toBe(status);
    expect(await values()).toEqual(before);
  });
});

describe('a stream of lines', () => {
  test.each([
    ['its key is revoked', revoke, 'SASL_AUTHENTICATION_FAILED'],
    ['it may no longer write', forbid, 'TOPIC_AUTHORIZATION_FAILED'],
  ])('ends when %s, and stores no further record', async (_, loseAccess, code) => {
    const before = await values();
    const headers = { ...bearer(key.key), 'Content-Type': 'application/x-ndjson' };
    const sent = request(gateway.url + RECORDS, { method: 'POST', headers });
    sent.on('error', () => undefined);
    const lines = new Promise<string>((resolve) => {
      sent.on('response', (response) => resolve(text(response)));
    });
    sent.write('{"value":"in time"}\n');
    await until('the line is stored', async () => (await values()).length > before.length);
    await loseAccess();
    expect((await lines).trim().split('\n').at(-1)).toContain(code);
    sent.end('{"value":"late"}\n');
    expect(await values()).toEqual([...before, 'in time']);
  });
});
