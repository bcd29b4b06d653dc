import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPeerTls } from './peer-tls-files.js';
import { PemFileError } from './pem-files.js';
import { readPublicTls } from './public-tls-files.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('without the files there is no TLS', async () => {
  const files = {
    clusterTlsCaFile: undefined,
    clusterTlsCertFile: undefined,
    clusterTlsKeyFile: undefined,
  };
  expect(await readPeerTls(files)).toBeUndefined();
});

test('unreadable files are all reported, with their variables', async () => {
  const notPem = join(folder, 'not-pem');
  writeFileSync(notPem, 'hello');
  const files = {
    clusterTlsCaFile: join(folder, 'missing'),
    clusterTlsCertFile: notPem,
    clusterTlsKeyFile: folder,
  };
  const error = await readPeerTls(files).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(PemFileError);
  expect((error as PemFileError).problems.toSorted()).toEqual([
    expect.stringMatching(/^SLUICE_CLUSTER_TLS_CA_FILE is ".*missing"; accepted: .*ENOENT/),
    expect.stringMatching(/^SLUICE_CLUSTER_TLS_CERT_FILE is .*; accepted: a PEM file$/),
    expect.stringMatching(/^SLUICE_CLUSTER_TLS_KEY_FILE is .*EISDIR/),
  ]);
});

test('files of PEM that OpenSSL cannot use are named, for brokers and for clients', async () => {
  const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const broken = join(folder, 'broken.pem');
  writeFileSync(broken, block);
  const peers = {
    clusterTlsCaFile: broken,
    clusterTlsCertFile: broken,
    clusterTlsKeyFile: broken,
  };
  await expect(readPeerTls(peers)).rejects.toMatchObject({
    problems: [expect.stringMatching(/^SLUICE_CLUSTER_TLS_CA_FILE .*accepted: a usable PEM file/)],
  });
  const keyAlone = join(folder, 'key.pem');
  writeFileSync(keyAlone, block.replaceAll('CERTIFICATE', 'PRIVATE KEY'));
  await expect(readPeerTls({ ...peers, clusterTlsCaFile: keyAlone })).rejects.toMatchObject({
    problems: [expect.stringMatching(/^SLUICE_CLUSTER_TLS_CA_FILE .*it has no certificate/)],
  });
  const clients = {
    tlsCertFile: broken,
    tlsKeyFile: broken,
    tlsClientCaFile: undefined,
    tlsClientCrlFile: undefined,
  };
  await expect(readPublicTls(clients)).rejects.toMatchObject({
    problems: [expect.stringMatching(/^SLUICE_TLS_CERT_FILE .*accepted: a usable PEM file/)],
  });
});
