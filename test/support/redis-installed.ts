import { spawnSync } from 'node:child_process';

/** Sees to it that there is a redis-server, which several tests start: installs it where that is easy. */
export default function redisInstalled(): void {
  if (isInstalled()) return;
  const mayInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
  if (mayInstall) {
    const install = ['install', '--yes', '--no-install-recommends', 'redis-server'];
    spawnSync('apt-get', ['update'], { stdio: 'inherit' });
    spawnSync('apt-get', install, { stdio: 'inherit' });
    if (isInstalled()) return;
  }
  throw new Error('The tests need redis-server 6 or later: apt-get install redis-server.');
}

function isInstalled(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}
