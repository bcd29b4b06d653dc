import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { CertificateAuthority, type IssuedCertificate } from '#runtime/testing';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

let folder: string;
let authority: CertificateAuthority;
let gateway: GatewayProcess;
let port: number;
let healthPort: number;
let adminUrl: string;

const file = (name: string): string => join(folder, name);

/** Puts a certificate where the gateway reads it, as certificate managers do: by rename. */
function install(issued: Pick<IssuedCertificate, 'cert' | 'key'>): void {
  for (const [name, text] of [
    ['key.pem', issued.key],
    ['cert.pem', issued.cert],
  ] as const) {
    writeFileSync(file(`${name}.new`), text);
    renameSync(file(`${name}.new`), file(name));
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  authority = new CertificateAuthority(file('authority'), 'ours');
  install(authority.issue('first'));
  gateway = await GatewayProcess.start({
    SLUICE_TLS_CERT_FILE: file('cert.pem'),
    SLUICE_TLS_KEY_FILE: file('key.pem'),
    SLUICE_HEALTH_PORT: '0',
    SLUICE_AUTH: 'off',
    SLUICE_ADMIN_PORT: '0',
    SLUICE_METRICS: 'on',
    SLUICE_PAGES: 'on',
  });
  const started = gateway.log.find(({ msg }) => msg === 'started');
  port = Number(started?.['port']);
  healthPort = Number(started?.['healthPort']);
  adminUrl = String(started?.['adminUrl']);
});

afterAll(async () => {
  await gateway.dispose();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function send(method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const options = { host: '127.0.0.1', port, path, method, headers, agent: false };
    const call = request({ ...options, ca: authority.ca });
    call.on('error', reject);
    call.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Returns the name of the certificate that a new connection gets. */
async function servedName(): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', ca: authority.ca });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return typeof CN === 'string' ? CN : undefined;
}

const metric = async (name: string): Promise<string | undefined> => {
  const { text } = await send('GET', '/metrics');
  return new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1];
};

describe('a gateway with TLS', () => {
  test('produces and fetches over https, and calls itself https', async () => {
    expect((await send('POST', '/v1/topics', { name: 'safe' })).status).toBe(201);
    const records = [{ value: 'x'.repeat(200_000) }];
    expect((await send('POST', '/v1/topics/safe/records', { records })).status).toBe(200);
    const fetched = await send('GET', '/v1/topics/safe/partitions/0/records?offset=earliest');
    expect(JSON.parse(fetched.text).records[0].value).toHaveLength(200_000);
    const cluster = await send('GET', '/v1/cluster');
    expect(JSON.parse(cluster.text).brokers[0].url).toBe(`https://127.0.0.1:${port}`);
    expect(gateway.outputLines.join('\n')).toContain(`https://127.0.0.1:${port}/docs`);
  });

  test('serves WebSockets over wss', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/ws`, 'sluice.v1', {
      ca: authority.ca,
    });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  });

  test('answers health checks in plain HTTP on their own port, and nothing else', async () => {
    const health = supertest(`http://127.0.0.1:${healthPort}`);
    await health.get('/health/live').expect(200, { status: 'ok' });
    await health.get('/health/ready').expect(200, { status: 'ok' });
    await health.get('/metrics').expect(404);
    await health.get('/v1/topics').expect(404);
    await health.post('/health/live').send({}).expect(405);
  });

  test('speaks TLS with operators as well, and nothing else', async () => {
    expect(adminUrl).toMatch(/^https:/);
    await supertest(adminUrl).get('/metrics').ca(authority.ca).expect(200);
    const plain = await supertest(adminUrl.replace('https', 'http')).get('/metrics').expect(400);
    expect(plain.body.detail).toContain('speaks TLS only');
  });

  test('uses changed files for new connections, and keeps others if they are broken', async () => {
    expect(await servedName()).toBe('first');
    const second = authority.issue('second');
    install(second);
    await until('the second certificate', async () => (await servedName()) === 'second');
    install({ cert: authority.issue('third').cert, key: second.key });
    const message = 'the TLS files changed and cannot be used; the earlier ones stay in use';
    await until('the fault', () => gateway.log.some(({ msg }) => msg === message));
    expect(await servedName()).toBe('second');
    expect(await metric('sluice_tls_reloads_total')).toBe('1');
    // It may also have met a new key before its new certificate.
    expect(Number(await metric('sluice_tls_reload_failures_total'))).toBeGreaterThanOrEqual(1);
    expect(
      Number(await metric('sluice_tls_certificate_expires_timestamp_seconds')),
    ).toBeGreaterThan(Date.now() / 1000);
  });
});

test('a start with unusable TLS files ends with 78 and names them', async () => {
  const broken = await GatewayProcess.create();
  const other = authority.issue('other');
  const exit = await broken.spawn({
    SLUICE_AUTH: 'off',
    SLUICE_TLS_CERT_FILE: other.certFile,
    SLUICE_TLS_KEY_FILE: authority.issue('another').keyFile,
  });
  expect(exit.code).toBe(78);
  expect(broken.logLines.join('\n')).toMatch(/^SLUICE_TLS_KEY_FILE is ".*"; accepted: .*mismatch/);
  await broken.dispose();
});
