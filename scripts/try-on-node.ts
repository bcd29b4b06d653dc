/**
 * Starts the build on another major version of Node and tests it: README's quickstart, the
 * conformance tests, and a stop by SIGTERM. The npm package `node` provides the binary; it is
 * installed into a temporary directory.
 *
 * usage: node --import jiti/register scripts/try-on-node.ts 24
 */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const [major] = process.argv.slice(2);
if (!/^\d+$/.test(major ?? '')) {
  process.stderr.write(
    'usage: node --import jiti/register scripts/try-on-node.ts <major version of Node>\n',
  );
  process.exit(64);
}

run(process.execPath, ['scripts/build-if-needed.mjs']);
const directory = mkdtempSync(join(tmpdir(), `sluice-node-${major}-`));
try {
  await tryGateway(installedNode(), join(directory, 'data'));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** The path of the binary, after it was installed and its version checked. */
function installedNode(): string {
  const prefix = join(directory, 'node');
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['install', '--prefix', prefix, ...quiet, `node@${major}`]);
  const node = join(prefix, 'node_modules/node/bin/node');
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  if (!version.startsWith(`v${major}.`)) throw new Error(`node@${major} is ${version}`);
  process.stdout.write(`the gateway runs on Node ${version}\n`);
  return node;
}

async function tryGateway(node: string, dataDir: string): Promise<void> {
  const gateway = spawn(node, ['dist/apps/gateway/main.js'], {
    cwd: root,
    env: {
      ...process.env,
      SLUICE_PORT: '0',
      SLUICE_DATA_DIR: dataDir,
      SLUICE_LOG_FORMAT: 'json',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(gateway, 'close');
  try {
    const url = await servingUrl(gateway);
    run(process.execPath, [
      '--import',
      'jiti/register',
      'scripts/try-quickstart.ts',
      'README.md',
      url,
    ]);
    run(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--project', 'integration', 'test/conformance'],
      { SLUICE_CONFORMANCE_URL: url },
    );
    gateway.kill('SIGTERM');
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    if (code !== 0) throw new Error(`the gateway ended with ${code ?? signal} after SIGTERM`);
  } finally {
    gateway.kill('SIGKILL');
  }
}

/** The gateway's URL, once its log reports that it serves. */
function servingUrl(gateway: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const fail = (what: string): void =>
      reject(new Error(`${what}:\n${lines.slice(-20).join('\n')}`));
    const timer = setTimeout(() => fail('the gateway does not serve'), START_TIMEOUT_MS);
    gateway.once('close', (code: number | null) =>
      fail(`the gateway ended with ${code} before it served`),
    );
    createInterface(gateway.stderr).on('line', (line) => {
      lines.push(line);
      if (!line.startsWith('{')) return;
      const { msg, host, port } = JSON.parse(line) as Record<'msg' | 'host' | 'port', string>;
      if (msg !== 'started') return;
      clearTimeout(timer);
      resolve(`http://${host}:${port}`);
    });
  });
}

/** Runs a command of the checkout and shows its output; throws when it fails. */
function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
  const env = { ...process.env, ...environment };
  execFileSync(command, args, { cwd: root, env, stdio: 'inherit' });
}
