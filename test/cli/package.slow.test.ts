import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

const run = promisify(execFile);

let folder: string;
let packed: string;
let command: string;
/** The contexts of the user who runs the tests are not read. */
let env: NodeJS.ProcessEnv;

/** Installs the packed repository as a stranger does: `npm install -g sluice`. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-package-'));
  await run('npm', ['pack', '--pack-destination', folder]);
  const [tarball = ''] = await readdir(folder);
  packed = join(folder, tarball);
  const prefix = join(folder, 'prefix');
  const options = ['--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['install', '-g', '--prefix', prefix, ...options, packed]);
  command = join(prefix, 'bin/sluice');
  const own = { XDG_CONFIG_HOME: join(folder, 'config'), XDG_STATE_HOME: join(folder, 'state') };
  env = { ...process.env, ...own };
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the package installs what its bundle loads, and nothing that the bundle has', async () => {
  const modules = join(folder, 'prefix/lib/node_modules/sluice/node_modules');
  const installed = await readdir(modules);
  expect(installed).toEqual(expect.arrayContaining(['fs-native-extensions', 'swagger-ui-dist']));
  for (const bundled of ['@nestjs', 'class-validator', 'commander', 'fastify', 'ioredis', 'ws']) {
    expect(installed).not.toContain(bundled);
  }
  expect(installed.length).toBeLessThan(25);
});

test('the package has the licence of each package that is in its bundles', async () => {
  const path = join(folder, 'prefix/lib/node_modules/sluice/dist/apps/THIRD-PARTY-LICENSES.txt');
  const text = await readFile(path, 'utf8');
  const { devDependencies } = JSON.parse(await readFile('package.json', 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const imports = "^(import|export|\\}) .*from '[^']+'";
  const product = ['apps/*/*.ts', 'libs/*/*.ts', ':!*.test.ts', ':!libs/*/testing/*'];
  const { stdout } = await run('git', ['grep', '-hoE', imports, '--', ...product]);
  const imported = stdout.split('\n').filter((line) => !line.startsWith('import type'));
  const bundled = Object.entries(devDependencies).filter(([name]) =>
    imported.some((line) => line.endsWith(`'${name}'`) || line.includes(`'${name}/`)),
  );
  expect(bundled.length).toBeGreaterThan(10);
  for (const [name, version] of bundled) expect(text).toContain(`\n\n${name} ${version}\n`);
});

test('npx runs the command from the tarball', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const options = ['--yes', '--prefer-offline', '--package', packed];
  const { stdout } = await run('npx', [...options, 'sluice', '--version'], { cwd: folder });
  expect(stdout).toBe(`${version}\n`);
});

test('the installed command prints the version of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const { stdout } = await run(command, ['--version'], { cwd: folder, env });
  expect(stdout).toBe(`${version}\n`);
});

test('the installed command serves a gateway, writes to it and reads from it', async () => {
  const gateway = spawn(command, ['serve'], {
    cwd: folder,
    env: {
      ...env,
      SLUICE_PORT: '0',
      SLUICE_DATA_DIR: join(folder, 'data'),
      SLUICE_LOG_FORMAT: 'json',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void gateway.kill('SIGKILL'));
  let log = '';
  gateway.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
  await expect.poll(() => log).toContain('"msg":"started"');
  const url = /"url":"([^"]+)"/.exec(log)?.[1] ?? '';
  const sluice = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(command, ['--url', url, ...args], { cwd: folder, env });
    return stdout;
  };
  await sluice('topics', 'create', 'orders', '--partitions', '1');
  const produce = run(command, ['--url', url, 'produce', 'orders'], { cwd: folder, env });
  produce.child.stdin?.end('tea\n');
  await produce;
  expect(await sluice('consume', 'orders', '--until-end')).toBe('tea\n');
  // The documents and pages are files of the package.
  for (const path of ['/openapi.json', '/asyncapi.json', '/docs', '/try']) {
    expect((await fetch(url + path)).status, path).toBe(200);
  }
  gateway.kill('SIGTERM');
  await once(gateway, 'exit');
  expect(gateway.exitCode).toBe(0);
});
