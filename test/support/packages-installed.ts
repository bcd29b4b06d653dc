import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';
import { findChromium } from '../browser/chromium.js';
import { canInstallPackages, installPackages } from './debian-package.js';

/** Shells in which tests of the slow tier try the completion of the command line. */
const SHELLS = ['zsh', 'fish'];

/**
 * Installs missing programs that the tests start: redis-server, Chromium for the tests of pages,
 * and shells for the slow tier. Only root on Debian can install them; elsewhere the error of a test
 * names the missing package, and tests of a missing shell are skipped. It runs once before all
 * tests, because two installations at once would conflict.
 */
export default function packagesInstalled({ name }: TestProject): void {
  const shells = name === 'slow' ? SHELLS : [];
  const missing = [
    ...(findChromium() === undefined ? ['chromium'] : []),
    ...['redis-server', ...shells].filter((program) => !hasProgram(program)),
  ];
  if (missing.length > 0 && canInstallPackages()) installPackages(missing);
  if (hasProgram('redis-server')) return;
  throw new Error('The tests need redis-server 6 or later: apt-get install redis-server.');
}

/** True for a program on the PATH that tells its version. */
export function hasProgram(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}
