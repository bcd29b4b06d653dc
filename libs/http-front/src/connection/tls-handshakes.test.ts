import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate } from '#runtime/testing';
import type { HttpFrontOptions } from '../front-context.js';
import {
  type ListeningFront,
  type ListeningFrontOptions,
  listeningFront,
} from '../testing/listening-front.js';
import type { TlsMaterial } from './tls-options.js';

let folder: string;
let ours: CertificateAuthority;
let theirs: CertificateAuthority;
let server: IssuedCertificate;
let alice: IssuedCertificate;
let mallory: IssuedCertificate;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  ours = new CertificateAuthority(join(folder, 'ours'), 'ours');
  theirs = new CertificateAuthority(join(folder, 'theirs'), 'theirs');
  server = ours.issue('server');
  alice = ours.issue('alice');
  mallory = theirs.issue('mallory');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const answerPath: RequestListener = (message, response) => {
  response.end(`${message.url} ${message.method}`);
};

function material(changes: Partial<TlsMaterial> = {}): TlsMaterial {
  return { ...server, clientCa: undefined, clientCrl: undefined, ...changes };
}

function secureFront(options: ListeningFrontOptions = {}): Promise<ListeningFront> {
  return listeningFront(answerPath, { tls: material(), ...options });
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** Sends one request on a connection of its own. */
function get(
  { port }: ListeningFront,
  options: ConnectionOptions = {},
  path = '/x',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, ca: ours.ca, ...options });
    call.on('error', reject);
    call.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode, text });
      });
    });
    call.end();
  });
}

/** Opens a secure connection. */
async function secureClient(
  { port }: ListeningFront,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: ours.ca, ...options });
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'secureConnect');
  return socket;
}

describe('a front with TLS', () => {
  test('serves many requests over one secure connection', async () => {
    const front = await secureFront();
    const socket = await secureClient(front);
    let received = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
    });
    socket.write('GET /1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(3));
    await expect.poll(() => received.match(/\/1 GET/g)?.length).toBe(3);
    expect(front.front.context.connections.connectionCount).toBe(1);
    socket.destroy();
    await expect.poll(() => front.front.context.connections.connectionCount).toBe(0);
  });

  test('refuses versions before TLS 1.2', async () => {
    const front = await secureFront();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(get(front, old as ConnectionOptions)).rejects.toThrow();
    expect(front.front.context.events.totals.handshakeFailed).toBe(1);
    expect(await get(front, { maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200 });
  });

  test('answers plain HTTP with a sentence', async () => {
    const front = await secureFront();
    const socket = front.client();
    let received = '';
    socket.on('data', (text) => {
      received += String(text);
    });
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1.1 400 /);
    expect(received).toContain('This port speaks TLS only: use an https or wss URL.');
    expect(front.front.context.events.totals.plainRefused).toBe(1);
  });

  test('closes a connection whose handshake is not complete in time', async () => {
    const front = await secureFront({ settings: { tlsHandshakeTimeoutMs: 100 } });
    const socket = front.client();
    socket.write(Buffer.from([0x16, 3, 1, 2, 0]));
    await once(socket.resume(), 'close');
    expect(front.front.context.events.totals.handshakeLate).toBe(1);
    await expect.poll(() => front.front.context.connections.connectionCount).toBe(0);
  });

  test('closes a secure connection on which no request begins in time', async () => {
    const front = await secureFront({ settings: { firstByteTimeoutMs: 100 } });
    const socket = await secureClient(front);
    await once(socket.resume(), 'close');
    expect(front.front.context.events.totals.connectionSilent).toBe(1);
  });

  test('closes a handshake for a new connection when all places are taken', async () => {
    const front = await secureFront({ settings: { connectionsMax: 1 } });
    const waiting = front.client();
    waiting.write(Buffer.from([0x16]));
    await expect.poll(() => front.front.context.connections.connectionCount).toBe(1);
    const closed = once(waiting, 'close');
    await expect.poll(() => get(front).then(({ status }) => status)).toBe(200);
    await closed;
  });

  test('uses another certificate for new connections', async () => {
    const front = await secureFront();
    const open = await secureClient(front);
    const next = ours.issue('next');
    front.front.useTls(material(next));
    const socket = await secureClient(front);
    expect(socket.getPeerCertificate().subject.CN).toBe('next');
    expect(open.getPeerCertificate().subject.CN).toBe('server');
    expect(open.destroyed).toBe(false);
  });
});

describe('client certificates', () => {
  const required = { tlsClientAuth: 'required' } as const;
  const requested = { tlsClientAuth: 'requested' } as const;
  const front = (settings: Partial<HttpFrontOptions>): Promise<ListeningFront> =>
    secureFront({ settings, tls: material({ clientCa: ours.ca }) });

  test('a required certificate is accepted from our authority alone', async () => {
    const strict = await front(required);
    expect(await get(strict, alice)).toEqual({ status: 200, text: '/x GET' });
    expect(await get(strict, mallory)).toMatchObject({ status: 401 });
    expect(await get(strict)).toMatchObject({ status: 401 });
    expect(strict.front.context.events.totals.certificateRefused).toBe(2);
  });

  test('a requested certificate may be missing, and a wrong one is refused', async () => {
    const lenient = await front(requested);
    expect(await get(lenient)).toMatchObject({ status: 200 });
    expect(await get(lenient, alice)).toMatchObject({ status: 200 });
    const { status, text } = await get(lenient, mallory);
    expect(status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
      detail: 'The client certificate is missing or not accepted.',
    });
  });

  test('a new revocation list ends the connections of revoked certificates alone', async () => {
    const strict = await front(required);
    const bob = ours.issue('bob');
    const carol = ours.issue('carol');
    const [ofBob, ofCarol] = [await secureClient(strict, bob), await secureClient(strict, carol)];
    const { connections, events } = strict.front.context;
    await expect.poll(() => connections.connectionCount).toBe(2);
    const session = ofBob.getSession();
    ours.revoke(bob);
    const crl = ours.revocationList();
    const closed = once(ofBob.resume(), 'close');
    strict.front.useTls(material({ clientCa: ours.ca, clientCrl: crl }));
    await closed;
    expect(ofCarol.destroyed).toBe(false);
    expect(events.totals.certificateEnded).toBe(1);
    expect(await get(strict, carol)).toMatchObject({ status: 200 });
    expect(await get(strict, bob)).toMatchObject({ status: 401 });
    // A session from before the change is not resumed.
    const resumed = session === undefined ? bob : { ...bob, session };
    expect(await get(strict, resumed)).toMatchObject({ status: 401 });
  });

  test('a certificate whose name could be mistaken for another is refused', async () => {
    const strict = await front(required);
    expect(await get(strict, ours.issue('wildcard', '/CN=*'))).toMatchObject({ status: 401 });
  });
});
