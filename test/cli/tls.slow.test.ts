import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { Cli, type CliResult } from './cli-process.js';

const run = promisify(execFile);

let folder: string;
let gateway: GatewayProcess;
let proxy: Server;
let cli: Cli;

/** A gateway behind a proxy that ends TLS and demands certificates of clients. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
  await makeCertificates();
  gateway = await GatewayProcess.start();
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'server.pem', 'server.key'].map((name) => readFile(join(folder, name))),
  );
  const options = { ca, cert, key, requestCert: true, rejectUnauthorized: true };
  const port = Number(new URL(gateway.url).port);
  proxy = createServer(options, (client) => {
    const target = connect(port, '127.0.0.1');
    for (const socket of [client, target]) socket.on('error', () => undefined);
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroy());
    client.pipe(target).pipe(client);
  });
  proxy.on('tlsClientError', () => undefined);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  cli = new Cli(`https://127.0.0.1:${(proxy.address() as AddressInfo).port}`, folder);
});

afterAll(async () => {
  proxy?.close();
  await gateway?.dispose();
  await rm(folder, { recursive: true, force: true });
});

test('--ca, --cert and --key hold for requests and for the WebSocket', async () => {
  await tls(['topics', 'create', 'orders', '--partitions', '1']);
  await tls(['produce', 'orders'], 'tea\n');
  expect((await tls(['consume', 'orders', '--until-end'])).stdout).toBe('tea\n');
  // A member of a group reads over the WebSocket.
  const member = ['consume', 'orders', '--group', 'g', '--from', 'earliest', '--limit', '1'];
  expect((await tls(member)).stdout).toBe('tea\n');
});

test('an unknown authority is refused, and so is a client without a certificate', async () => {
  const options = ['--cert', file('client.pem'), '--key', file('client.key')];
  const unknown = await cli.run(['ping', ...options]);
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(unknown.stderr).toMatch(/self-signed certificate.* \(NETWORK_EXCEPTION\)/);
  // A member reads over the WebSocket, and does not wait for a certificate that is right.
  const member = await cli.run(['consume', 'orders', '--group', 'h', ...options]);
  expect(member).toMatchObject({ code: 1, stdout: '' });
  expect(member.stderr).toMatch(/self-signed certificate.* \(NETWORK_EXCEPTION\)/);
  const without = await cli.run(['ping', '--ca', file('ca.pem')]);
  expect(without).toMatchObject({ code: 1, stdout: '' });
  const half = await cli.run(['ping', '--cert', file('client.pem')]);
  expect(half.code).toBe(2);
  expect(half.stderr).toContain('both --cert and --key');
});

/** Runs a command that must succeed. `produce` has a `--key` of its own after its name. */
async function tls(args: readonly string[], input = ''): Promise<CliResult> {
  const options = ['--ca', 'ca.pem', '--cert', 'client.pem', '--key', 'client.key'];
  const files = options.map((one) => (one.startsWith('--') ? one : file(one)));
  const result = await cli.run([...files, ...args], input);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

function file(name: string): string {
  return join(folder, name);
}

/** Makes an authority, and certificates of it for the proxy and for a client. */
async function makeCertificates(): Promise<void> {
  const openssl = (...args: readonly string[]): Promise<unknown> =>
    run('openssl', args, { cwd: folder });
  const subject = (name: string): string[] => ['-subj', `/CN=${name}`, '-nodes', '-newkey', 'rsa'];
  await openssl('req', '-x509', ...subject('authority'), '-keyout', 'ca.key', '-out', 'ca.pem');
  await writeFile(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:client\n');
  for (const name of ['server', 'client']) {
    await openssl('req', ...subject(name), '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    const request = ['-req', '-in', `${name}.csr`, '-extfile', 'names', '-out', `${name}.pem`];
    await openssl('x509', ...request, ...authority);
  }
}
