import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PeerUnreachableError } from '#replication';
import { RecordingLogger } from '#runtime/testing';
import type { PeerTls } from './peer-tls.js';
import { CALLEE_ID, Happening, message, openListener, openPeers } from './testing/peer-pair.js';

const PATIENT = { timeoutMs: 20_000 };
const echo = { produce: () => Promise.resolve(message('served')) };

let folder: string;
let ours: PeerTls;
let theirs: PeerTls;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  ours = authority('ours');
  theirs = authority('theirs');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Creates a certificate authority, and a certificate signed by it for brokers at 127.0.0.1. */
function authority(name: string): PeerTls {
  const file = (suffix: string): string => join(folder, `${name}-${suffix}`);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const ca = ['-keyout', file('ca-key.pem'), '-out', file('ca.pem'), '-subj', `/CN=${name}`];
  openssl('req', '-x509', ...key, ...ca, '-days', '2');
  const request = ['-keyout', file('key.pem'), '-out', file('request.pem'), '-subj', '/CN=broker'];
  openssl('req', '-new', ...key, ...request);
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1\n');
  const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca-key.pem'), '-CAcreateserial'];
  const certificate = ['-in', file('request.pem'), '-out', file('cert.pem'), '-days', '2'];
  openssl('x509', '-req', ...certificate, ...signing, '-extfile', file('names'));
  const pem = (suffix: string): string => readFileSync(file(suffix), 'utf8');
  return { ca: pem('ca.pem'), cert: pem('cert.pem'), key: pem('key.pem') };
}

describe('TLS between brokers', () => {
  test('brokers with certificates of one authority call each other', async () => {
    const listener = await openListener(echo, { tls: ours });
    const peers = openPeers(`https://127.0.0.1:${listener.port}`, { tls: ours });
    const large = message(null, [Buffer.alloc(300_000, 1)]);
    expect((await peers.call(CALLEE_ID, 'produce', large, PATIENT)).body).toBe('served');
  });

  test('a caller with a certificate of another authority is refused', async () => {
    const log = new RecordingLogger();
    const listener = await openListener(echo, { tls: ours }, log);
    const tls = { ...theirs, ca: ours.ca };
    const peers = openPeers(`https://127.0.0.1:${listener.port}`, { tls });
    const call = peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    await expect(call).rejects.toThrow(PeerUnreachableError);
    expect(log.lines.map(({ message: line }) => line)).toEqual(['a TLS connection was refused']);
  });

  test('a caller sends nothing to a listener with a certificate of another authority', async () => {
    const listener = await openListener(echo, { tls: { ...theirs, ca: ours.ca } });
    const peers = openPeers(`https://127.0.0.1:${listener.port}`, { tls: ours });
    const call = peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    await expect(call).rejects.toMatchObject({ name: 'PeerUnreachableError', wasSent: false });
  });

  test('a caller without TLS is refused', async () => {
    const listener = await openListener(echo, { tls: ours });
    const peers = openPeers(`http://127.0.0.1:${listener.port}`);
    const call = peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    await expect(call).rejects.toThrow(PeerUnreachableError);
  });
});

describe('changed certificates', () => {
  test('are used for the next calls of both sides, and no call is lost', async () => {
    const log = new RecordingLogger();
    const listener = await openListener(echo, { tls: ours }, log);
    const peers = openPeers(`https://127.0.0.1:${listener.port}`, { tls: ours });
    const call = () => peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    expect((await call()).body).toBe('served');
    listener.useTls(theirs);
    // The connection with the earlier certificate was idle, and has ended.
    await expect(call()).rejects.toThrow(PeerUnreachableError);
    peers.useTls(theirs);
    const answers = await Promise.all([call(), call(), call()]);
    expect(answers.map(({ body }) => body)).toEqual(['served', 'served', 'served']);
    peers.useTls(ours);
    await expect(call()).rejects.toThrow(PeerUnreachableError);
  });

  test('leave calls in flight on the connections that they have', async () => {
    const arrived = new Happening();
    const answer = new Happening();
    const produce = async () => {
      arrived.happen();
      await answer.happened;
      return message('served');
    };
    const listener = await openListener({ produce }, { tls: ours });
    const peers = openPeers(`https://127.0.0.1:${listener.port}`, { tls: ours });
    const call = peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    await arrived.happened;
    listener.useTls(theirs);
    peers.useTls(theirs);
    answer.happen();
    expect((await call).body).toBe('served');
  });
});
