/** Runs the openssl lines of docs/operating/tls.md, and presents the certificates they make. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority } from '../../libs/runtime/src/testing/certificate-authority.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';
import { AUTH_ON, bearer, ROOT_KEY } from './keys.js';

const PAGE = readFileSync('docs/operating/tls.md', 'utf8');
const PRINCIPAL = 'cert:CN=billing,O=Example';
const run = promisify(execFile);

let folder: string;
let servers: CertificateAuthority;
let gateway: GatewayProcess;

/** The commands of the page that have the text in them. */
function commandsWith(part: string): string {
  const blocks = Array.from(PAGE.matchAll(/```sh\n(.*?)```/gsu), ([, commands = '']) => commands);
  const [found, ...others] = blocks.filter((commands) => commands.includes(part));
  if (found === undefined || others.length > 0) throw new Error(`not one block has ${part}`);
  return found;
}

function shell(commands: string): Promise<{ readonly stdout: string }> {
  return run('bash', ['-ec', commands], { cwd: folder });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  await shell(commandsWith('openssl x509 -req'));
  await shell(commandsWith('-gencrl').replace(/openssl ca .* -revoke .*\n/u, ''));
  await rename(file('clients-crl.pem'), file('crl.pem'));
  servers = new CertificateAuthority(file('servers'), 'servers');
  const server = servers.issue('server');
  gateway = await GatewayProcess.start({
    ...AUTH_ON,
    SLUICE_TLS_CERT_FILE: server.certFile,
    SLUICE_TLS_KEY_FILE: server.keyFile,
    SLUICE_TLS_CLIENT_AUTH: 'requested',
    SLUICE_TLS_CLIENT_CA_FILE: file('clients-ca.pem'),
    SLUICE_TLS_CLIENT_CRL_FILE: file('crl.pem'),
    SLUICE_TLS_RELOAD_INTERVAL_MS: '1000',
  });
  await asRoot('POST', '/v1/topics', { name: 'orders', partitions: 1 });
});

afterAll(async () => {
  await gateway?.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe('with the certificates of the page', () => {
  test('the command of the page identifies the caller by the name in the certificate', async () => {
    await shell(`cp ${servers.caFile} server-ca.pem`);
    const command = commandsWith('curl --cacert');
    const { stdout } = await shell(command.replace(/https:\/\/[^/]+/u, url()));
    expect(JSON.parse(stdout)).toMatchObject({ principal: PRINCIPAL, superUser: false });
    const line = /`(openssl x509 -noout -subject [^`]+)`/u.exec(PAGE)?.[1] ?? '';
    const shown = await shell(line.replace('client.pem', 'billing.pem'));
    expect(`cert:${shown.stdout.trim().replace(/^subject=/u, '')}`).toBe(PRINCIPAL);
  });

  test('a certificate has the permissions of its principal, and no others', async () => {
    const refused = await produce('billing');
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([
      403,
      'TOPIC_AUTHORIZATION_FAILED',
    ]);
    await allow('Write');
    expect((await produce('billing')).status).toBe(200);
    expect((await call('DELETE', '/v1/topics/orders', { client: 'billing' })).status).toBe(403);
  });

  test('who presents no certificate has no permission', async () => {
    expect((await call('GET', '/v1/whoami', {})).status).toBe(401);
    const withKey = await call('GET', '/v1/whoami', { headers: bearer(ROOT_KEY) });
    expect(JSON.parse(withKey.text)).toMatchObject({ principal: 'key:root' });
  });

  test('a page of another site may not use the certificate of a browser', async () => {
    const headers = { 'Sec-Fetch-Site': 'cross-site' };
    expect((await call('GET', '/v1/whoami', { client: 'billing', headers })).status).toBe(403);
  });

  test('attack: a certificate of the same name by another authority is refused', async () => {
    const authority = commandsWith('openssl x509 -req').replaceAll('clients-ca', 'other-ca');
    await shell(authority.replaceAll('billing', 'forged').replace('CN=forged', 'CN=billing'));
    expect((await call('GET', '/v1/whoami', { client: 'forged' })).status).toBe(401);
  });

  test('attack: an expired certificate is refused', async () => {
    await shell(
      'openssl x509 -req -in billing-request.pem -CA clients-ca.pem -CAkey clients-ca-key.pem ' +
        '-days 0 -out expired.pem && cp billing-key.pem expired-key.pem',
    );
    await until('the certificate has expired', async () => {
      const { status } = await call('GET', '/v1/whoami', { client: 'expired' });
      return status === 401;
    });
  });

  test('attack: a revoked certificate is refused, and what it opened ends', async () => {
    await allow('Read');
    const tls = { ca: servers.ca, ...(await pairOf('billing')) };
    const socket = await SocketClient.open(url(), tls);
    await socket.subscribe({ subscription: 's', topic: 'orders' });
    await shell(commandsWith('-gencrl'));
    await rename(file('clients-crl.pem'), file('crl.pem'));
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expect((await call('GET', '/v1/whoami', { client: 'billing' })).status).toBe(401);
  });
});

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

interface CallOptions {
  /** Name of the files of the certificate and its key; absent for none. */
  readonly client?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Sends a request over a connection of its own. */
async function call(
  method: string,
  path: string,
  { client, headers, body }: CallOptions,
): Promise<Answer> {
  const pair = client === undefined ? {} : await pairOf(client);
  return new Promise((resolve, reject) => {
    const options = { method, agent: false, ca: servers.ca, ...pair } as const;
    const sent = request(`${url()}${path}`, options, (response) => {
      text(response).then((read) => resolve({ status: response.statusCode, text: read }), reject);
    });
    for (const [name, value] of Object.entries(headers ?? {})) sent.setHeader(name, value);
    sent.on('error', reject);
    if (body !== undefined) sent.setHeader('Content-Type', 'application/json');
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function produce(client: string): Promise<Answer> {
  return call('POST', '/v1/topics/orders/records', { client, body: { value: 1 } });
}

async function asRoot(method: string, path: string, body: object): Promise<void> {
  const { status, text: answer } = await call(method, path, { headers: bearer(ROOT_KEY), body });
  expect(status, answer).toBeLessThan(300);
}

function allow(operation: 'Read' | 'Write'): Promise<void> {
  const on = { resourceType: 'topic', resourceName: 'orders', patternType: 'literal' };
  const rule = { principal: PRINCIPAL, ...on, operation, permission: 'allow' };
  return asRoot('POST', '/v1/acls', { acls: [rule] });
}

async function pairOf(client: string): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = await Promise.all(
    [`${client}.pem`, `${client}-key.pem`].map((name) => readFile(file(name), 'utf8')),
  );
  return { cert: cert ?? '', key: key ?? '' };
}

function url(): string {
  return gateway.url.replace(/^http:/u, 'https:');
}

function file(name: string): string {
  return join(folder, name);
}
