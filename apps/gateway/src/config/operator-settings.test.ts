import { expect, test } from 'vitest';
import { readSettings } from './read-settings.js';

function problemsOf(environment: Record<string, string>): readonly string[] {
  const read = readSettings(environment);
  return read.ok ? [] : read.problems;
}

test('without a port for operators the public listener serves everything', () => {
  expect(readSettings({})).toMatchObject({
    settings: { pages: 'on', metrics: 'on', administration: 'on', health: 'on' },
  });
});

test('a port for operators takes everything from the public listener but health', () => {
  expect(readSettings({ SLUICE_ADMIN_PORT: '9090' })).toMatchObject({
    ok: true,
    settings: { pages: 'admin', metrics: 'admin', administration: 'admin', health: 'on' },
  });
});

test('each part has a setting, also without authentication and without such a port', () => {
  const read = readSettings({ SLUICE_METRICS: 'off', SLUICE_HEALTH: 'off' });
  expect(read).toMatchObject({ ok: true, settings: { metrics: 'off', health: 'off' } });
  const kept = readSettings({ SLUICE_ADMIN_PORT: '9090', SLUICE_METRICS: 'on' });
  expect(kept).toMatchObject({ ok: true, settings: { metrics: 'on', administration: 'admin' } });
});

test.each([
  ['SLUICE_ADMIN_HOST', '127.0.0.1'],
  ['SLUICE_PAGES', 'admin'],
  ['SLUICE_METRICS', 'admin'],
  ['SLUICE_HEALTH', 'admin'],
  ['SLUICE_ADMINISTRATION', 'admin'],
])('%s=%s has no effect by accident: it needs a port', (variable, value) => {
  const problems = problemsOf({ SLUICE_AUTH: 'off', [variable]: value });
  expect(problems).toEqual([expect.stringMatching(/^SLUICE_ADMIN_PORT is not set; .* because /)]);
  expect(problems[0]).toContain(variable);
});

test('a public host for operators needs a decision about authentication as well', () => {
  const environment = { SLUICE_ADMIN_PORT: '9090', SLUICE_ADMIN_HOST: '0.0.0.0' };
  expect(problemsOf(environment)).toEqual([
    expect.stringMatching(/^SLUICE_AUTH is not set; .*SLUICE_ADMIN_HOST is "0\.0\.0\.0"/),
  ]);
  expect(problemsOf({ ...environment, SLUICE_AUTH: 'on' })).toEqual([]);
});
