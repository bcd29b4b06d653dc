/**
 * Runs the tests of the client library against the gateway of another version, which it builds in
 * a temporary clone first, and then the tests of that version against the gateway of this one. The
 * client works with a gateway one minor older or newer.
 *
 * usage: npm run test:versions -- COMMIT
 *        npm run test:versions -- --gateway PATH   (the main.js of a gateway that is built already)
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const TESTS = ['test/client/producing.test.ts', 'test/client/reading.test.ts'];

const { values, positionals } = parseArgs({
  options: { gateway: { type: 'string' } },
  allowPositionals: true,
});
const [commit] = positionals;
if ((commit === undefined) === (values.gateway === undefined)) {
  console.error('Name a commit, or a gateway with --gateway.');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-version-'));
try {
  if (values.gateway !== undefined) {
    process.exitCode = testClient('.', resolve(values.gateway));
  } else {
    const gateway = builtAt(commit ?? '');
    const clientOfThis = testClient('.', gateway);
    const clientOfOther = testClient(folder, resolve('dist/apps/gateway/main.js'));
    process.exitCode = clientOfThis || clientOfOther;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs the tests of a checkout's client against a gateway. Returns the status of the run. */
function testClient(checkout: string, gateway: string): number {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'integration', ...TESTS];
  return run(process.execPath, vitest, checkout, { SLUICE_TEST_GATEWAY: gateway });
}

/** Builds the gateway of a commit and returns the path of its main.js. */
function builtAt(revision: string): string {
  const steps: readonly (readonly [string, ...string[]])[] = [
    ['git', 'clone', '--quiet', '--no-checkout', resolve('.'), folder],
    ['git', '-C', folder, 'checkout', '--quiet', revision],
    ['npm', 'ci', '--no-audit', '--no-fund', '--prefix', folder],
    ['npm', 'run', '--silent', 'build', '--prefix', folder],
  ];
  for (const [command, ...args] of steps) {
    const status = run(command, args, command === 'npm' ? folder : '.');
    if (status !== 0) process.exit(status);
  }
  return join(folder, 'dist/apps/gateway/main.js');
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): number {
  const options = { cwd, stdio: 'inherit', env: { ...process.env, ...env } } as const;
  return spawnSync(command, args, options).status ?? 1;
}
