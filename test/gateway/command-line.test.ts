import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

const ENTRY = 'dist/apps/gateway/main.js';
const directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'));

afterAll(() => rmSync(directory, { recursive: true }));

function run(...argv: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, argv, { encoding: 'utf8' });
}

function envFile(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test('--help lists options, settings and exit codes on standard output', () => {
  const { status, stdout, stderr } = run(ENTRY, '--help');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('--env-file FILE');
  expect(stdout).toContain('SLUICE_PORT=8080');
  expect(stdout).toContain('   64   An argument of the command line is not known.');
});

test('--version prints the version of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(run(ENTRY, '--version').stdout).toBe(`${version}\n`);
  expect(run('scripts/start.cjs', '-v').stdout).toBe(`${version}\n`);
});

test.each([
  [[ENTRY, '--port=1'], 'the option "--port" is not known; --help lists what is accepted\n'],
  [['scripts/start.cjs', 'x'], 'the argument "x" is not known; --help lists what is accepted\n'],
])('%j is refused with exit code 64', (argv, sentence) => {
  const { status, stdout, stderr } = run(...argv);
  expect({ status, stdout, stderr }).toEqual({ status: 64, stdout: '', stderr: sentence });
});

test('npm run cluster answers --help and refuses an unknown argument', () => {
  const help = run('--import', 'jiti/register', 'scripts/cluster.ts', '--help');
  expect({ status: help.status, stderr: help.stderr }).toEqual({ status: 0, stderr: '' });
  expect(help.stdout).toContain('--brokers N');
  const refused = run('--import', 'jiti/register', 'scripts/cluster.ts', '--broker=3');
  expect({ status: refused.status, stdout: refused.stdout }).toEqual({ status: 64, stdout: '' });
  expect(refused.stderr).toContain("'--broker'");
});

test('a bad line of an --env-file ends the process with code 78 and names it', () => {
  const path = envFile('bad.env', 'SLUICE_PORT=0\nSLUICE_HOST: localhost\n');
  const { status, stderr } = run(ENTRY, '--env-file', path);
  expect({ status, stderr }).toEqual({
    status: 78,
    stderr: `${path}: line 2 is not VARIABLE=value\n`,
  });
});

test('a missing --env-file is named', () => {
  const path = join(directory, 'none.env');
  const { status, stderr } = run(ENTRY, `--env-file=${path}`);
  // Node 20 reads this option itself, at any position, and exits with 9.
  expect([9, 78]).toContain(status);
  expect(stderr).toContain(path);
});

test('settings come from an --env-file, and those of the environment win', async () => {
  const path = envFile(
    'good.env',
    'SLUICE_HOST=localhost\nSLUICE_PORT=1\nSLUICE_IO_THREADS=5\nSLUICE_SYNCS_IN_FLIGHT_MAX=2\n',
  );
  // The port of the environment, a free one, takes precedence over the file's.
  const gateway = await GatewayProcess.create();
  try {
    await gateway.start({}, ['--env-file', path]);
    expect(gateway.url).toMatch(/^http:\/\/localhost:/);
    // The pool size comes from the file as well: with the default of 32 there would be more
    // threads.
    expect(readdirSync(`/proc/${gateway.pid}/task`).length).toBeLessThan(32);
  } finally {
    await gateway.dispose();
  }
});

// Coverage is measured in a build without a cache.
test.skipIf(process.env['NODE_V8_COVERAGE'] !== undefined)(
  'the build comes with a code cache that this Node.js accepts',
  () => {
    const script = `import('./dist/esm/apps/gateway/launcher/compiled-bundle.js').then(
    ({ CompiledBundle }) =>
      console.log(CompiledBundle.read('dist/apps/gateway/gateway.cjs').isFromCache));`;
    expect(run('-e', script).stdout).toBe('true\n');
  },
);

test('the build has the source line of every module of the repository', () => {
  const lines = readFileSync('dist/apps/gateway/gateway.cjs.lines', 'utf8');
  expect(lines).toContain('"libs/log/src/segment/segment.ts"');
  expect(lines).toContain('"apps/gateway/src/engine/gateway.ts"');
});
