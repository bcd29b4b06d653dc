import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPeerTls } from './peer-tls-files.js';
import { PemFileError } from './pem-files.js';

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
