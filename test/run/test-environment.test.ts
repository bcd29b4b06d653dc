import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testEnvironment } from './test-environment.js';

test('what changes what programs print or do is not inherited', () => {
  const inherited = {
    PATH: '/bin',
    HOME: '/home/ada',
    CI: 'true',
    NO_COLOR: '1',
    TERM: 'dumb',
    TZ: 'Pacific/Kiritimati',
    LC_ALL: 'de_DE.UTF-8',
    XDG_CONFIG_HOME: '/home/ada/config',
    SLUICE_URL: 'http://example.com',
    SLUICE_CLUSTER_SECRET: 'secret',
    SLUICE_HISTORIES: '9',
    NO_PROXY: 'example.com',
  };
  expect(testEnvironment(inherited)).toEqual({
    PATH: '/bin',
    HOME: '/home/ada',
    SLUICE_HISTORIES: '9',
    SLUICE_TEST_INSTALLS: 'true',
    no_proxy: 'example.com,127.0.0.1,localhost,::1',
    NO_PROXY: 'example.com,127.0.0.1,localhost,::1',
  });
});

test('this process has it, so every process that a test starts has it', () => {
  expect(testEnvironment(process.env)).toEqual(process.env);
});

test('every variable that the tests read is inherited', () => {
  const files = ['libs', 'apps', 'test'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && (folder === 'test' || /test/.test(path)))
      .map((path) => join(folder, path)),
  );
  const reads = files.flatMap((path) =>
    Array.from(
      readFileSync(path, 'utf8').matchAll(/process\.env(?:\.|\[')(SLUICE_\w+)/g),
      ([, name = '']) => name,
    ),
  );
  expect(reads.length).toBeGreaterThan(10);
  const given = Object.fromEntries(reads.map((name) => [name, 'x']));
  expect(testEnvironment(given)).toMatchObject(given);
});
