import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSettings } from './read-settings.js';

const SECRET = 's'.repeat(43);

function problemsOf(environment: Record<string, string>): readonly string[] {
  const read = readSettings(environment);
  return read.ok ? [] : read.problems;
}

describe('the decision about authentication', () => {
  test('it is off on loopback', () => {
    for (const SLUICE_HOST of ['127.0.0.1', 'localhost', '::1']) {
      expect(readSettings({ SLUICE_HOST })).toMatchObject({ ok: true, settings: { auth: 'off' } });
    }
  });

  test('a public host is not served without it, and the problem names both ways out', () => {
    const [problem, ...others] = problemsOf({ SLUICE_HOST: '0.0.0.0' });
    expect(others).toEqual([]);
    expect(problem).toMatch(/^SLUICE_AUTH is not set; accepted: "on", .* or "off", .*SLUICE_HOST/);
    expect(problemsOf({ SLUICE_HOST: '0.0.0.0', SLUICE_AUTH: 'off' })).toEqual([]);
    expect(problemsOf({ SLUICE_HOST: '0.0.0.0', SLUICE_AUTH: 'on' })).toEqual([]);
  });

  test.each([
    ['SLUICE_SUPER_USERS', 'key:ops'],
    ['SLUICE_BOOTSTRAP_API_KEY', `root.${SECRET}`],
    ['SLUICE_ANONYMOUS', 'on'],
    ['SLUICE_PAGES', 'off'],
    ['SLUICE_HEALTH_PORT', '8081'],
    ['SLUICE_TLS_RELOAD_INTERVAL_MS', '1000'],
  ])('%s has no effect by accident: it needs a decision as well', (variable, value) => {
    const [problem] = problemsOf({ [variable]: value });
    expect(problem).toContain(`${variable} is set`);
    expect(problem).not.toContain(SECRET);
    expect(problemsOf({ [variable]: value, SLUICE_AUTH: 'on' })).toEqual([]);
  });
});

describe('secrets', () => {
  test('a bootstrap key is read from its file, without a line end', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'sluice-test-')), 'key');
    writeFileSync(file, `root.${SECRET}\n`);
    const read = readSettings({ SLUICE_AUTH: 'on', SLUICE_BOOTSTRAP_API_KEY_FILE: file });
    expect(read).toMatchObject({
      ok: true,
      warnings: [],
      settings: { bootstrapKeys: [{ id: 'root', secret: SECRET }] },
    });
  });

  test('a file that is missing, or beside the variable itself, is a problem', () => {
    const environment = { SLUICE_AUTH: 'on', SLUICE_BOOTSTRAP_API_KEY_FILE: '/nowhere/key' };
    expect(problemsOf(environment)[0]).toContain('a file that can be read');
    const both = { ...environment, SLUICE_BOOTSTRAP_API_KEY: `root.${SECRET}` };
    expect(problemsOf(both)[0]).toContain('while SLUICE_BOOTSTRAP_API_KEY is set');
  });

  test.each(['short.secret', `a b.${SECRET}`, `a.${SECRET},b.${SECRET},c.${SECRET}`, SECRET])(
    'the bootstrap key %j is not accepted, and not repeated',
    (value) => {
      const [problem] = problemsOf({ SLUICE_AUTH: 'on', SLUICE_BOOTSTRAP_API_KEY: value });
      expect(problem).toMatch(/^SLUICE_BOOTSTRAP_API_KEY is set; accepted: <id>.<secret>/);
      expect(problem).not.toContain(value);
    },
  );

  test('the distinguished name of a super user may have commas', () => {
    const SLUICE_SUPER_USERS = 'key:ops, cert:CN=a,O=b, user:alice';
    expect(readSettings({ SLUICE_AUTH: 'on', SLUICE_SUPER_USERS })).toMatchObject({
      settings: { superUsers: ['key:ops', 'cert:CN=a,O=b', 'user:alice'] },
    });
  });
});

test('networks of proxies that are none are refused, with the setting and what it accepts', () => {
  for (const SLUICE_TRUSTED_PROXIES of ['10.0.0.0/33', 'proxy.example', '10.0.0.1,']) {
    expect(problemsOf({ SLUICE_TRUSTED_PROXIES })).toEqual([
      expect.stringMatching(/^SLUICE_TRUSTED_PROXIES is .*; accepted: /),
    ]);
  }
  const accepted = { SLUICE_TRUSTED_PROXIES: '10.0.0.0/8, ::1', SLUICE_AUTH: 'on' };
  expect(problemsOf(accepted)).toEqual([]);
});
