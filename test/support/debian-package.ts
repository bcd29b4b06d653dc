import { spawnSync } from 'node:child_process';

/** True for root on Debian, who can install packages. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
}

/**
 * Installs Debian packages without their recommended ones. A failure is written to standard error:
 * the tests that need a package report what is missing.
 */
export function installPackages(packages: readonly string[]): void {
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
