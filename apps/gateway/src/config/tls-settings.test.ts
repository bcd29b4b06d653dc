import { expect, test } from 'vitest';
import { readSettings } from './read-settings.js';

function problemsOf(environment: Record<string, string>): readonly string[] {
  const read = readSettings({ SLUICE_AUTH: 'off', ...environment });
  return read.ok ? [] : read.problems;
}

const PAIR = { SLUICE_TLS_CERT_FILE: '/c', SLUICE_TLS_KEY_FILE: '/k' };
const CLIENTS = { SLUICE_TLS_CLIENT_AUTH: 'required', SLUICE_TLS_CLIENT_CA_FILE: '/a' };

test('a certificate and its key enable TLS, with or without certificates of clients', () => {
  expect(problemsOf(PAIR)).toEqual([]);
  expect(problemsOf({ ...PAIR, ...CLIENTS })).toEqual([]);
  expect(problemsOf({ ...PAIR, ...CLIENTS, SLUICE_TLS_CLIENT_CRL_FILE: '/r' })).toEqual([]);
});

test.each([
  [{ SLUICE_TLS_CERT_FILE: '/c' }, 'SLUICE_TLS_KEY_FILE'],
  [{ SLUICE_TLS_KEY_FILE: '/k' }, 'SLUICE_TLS_CERT_FILE'],
  [CLIENTS, 'SLUICE_TLS_CERT_FILE'],
  [{ ...PAIR, SLUICE_TLS_CLIENT_AUTH: 'requested' }, 'SLUICE_TLS_CLIENT_CA_FILE'],
  [{ ...PAIR, SLUICE_TLS_CLIENT_CA_FILE: '/a' }, 'SLUICE_TLS_CLIENT_AUTH'],
  [{ ...PAIR, SLUICE_TLS_CLIENT_CRL_FILE: '/r' }, 'SLUICE_TLS_CLIENT_AUTH'],
])('%j lacks a setting that it needs', (environment, variable) => {
  expect(problemsOf(environment)).toEqual([
    expect.stringMatching(new RegExp(`^${variable} is .*, because SLUICE_TLS_`)),
  ]);
});
