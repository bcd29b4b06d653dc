import { spawnSync } from 'node:child_process';
import { findChromium } from '../browser/chromium.js';

/**
 * Installs what the tests start and the machine lacks: redis-server, and Chromium for the tests of pages.
 * Only root on Debian can; elsewhere the error of the tests that need it says what to install. Here and not
 * in those tests, since two of them at once would get into each other's way.
 */
export default function packagesInstalled(): void {
  const missing = [
    ...(hasRedis() ? [] : ['redis-server']),
    ...(findChromium() === undefined ? ['chromium'] : []),
  ];
  if (missing.length > 0 && canInstall()) install(missing);
  if (hasRedis()) return;
  throw new Error('The tests need redis-server 6 or later: apt-get install redis-server.');
}

function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
}

function install(packages: readonly string[]): void {
  process.stderr.write(`installing ${packages.join(' and ')} for the tests\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];
  for (const args of [['update'], ['install', ...options, ...packages]]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status === 0) continue;
    const reason = stderr.trim().split('\n').at(-1) ?? '';
    process.stderr.write(`apt-get ${args[0]} failed: ${reason}\n`);
  }
}
