import { spawnSync } from 'node:child_process';
import { findChromium } from '../browser/chromium.js';
import { canInstallPackages, installPackages } from './debian-package.js';

/**
 * Installs missing programs that the tests start: redis-server, and Chromium for the tests of
 * pages. Only root on Debian can install them; elsewhere the error of a test names the missing
 * package. It runs once before all tests, because two installations at once would conflict.
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
