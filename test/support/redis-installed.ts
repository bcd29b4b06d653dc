import { spawnSync } from 'node:child_process';
import { canInstallPackages, installPackages } from './debian-package.js';

/** Makes sure that there is a redis-server, which several tests start: root on Debian gets it installed. */
export default function redisInstalled(): void {
  if (isInstalled()) return;
  if (canInstallPackages()) installPackages('redis-server');
  if (isInstalled()) return;
  throw new Error('The tests need redis-server 6 or later: apt-get install redis-server.');
}

function isInstalled(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}
