import { spawnSync } from 'node:child_process';
import { findChromium } from '../browser/chromium.js';
import { canInstallPackages, installPackages } from './debian-package.js';

/**
 * Installs what the tests start and the machine lacks: redis-server, and Chromium for the tests of
 * pages. Only root on Debian can; elsewhere the error of the tests that need it says what to
 * install. Here and not in those tests, since two of them at once would get into each other's way.
 */
export default function packagesInstalled(): void {
  const missing = [
    ...(hasRedis() ? [] : ['redis-server']),
    ...(findChromium() === undefined ? ['chromium'] : []),
  ];
  if (missing.length > 0 && canInstallPackages()) installPackages(missing);
  if (hasRedis()) return;
  throw new Error('The tests need redis-server 6 or later: apt-get install redis-server.');
}

function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}
