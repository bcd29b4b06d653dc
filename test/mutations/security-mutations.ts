/**
 * The defences against attacks (docs/operating/threats.md), each taken out in turn: the tests that
 * are said to hold the attack must fail.
 *
 * Usage: node --import jiti/register test/mutations/security-mutations.ts [part of a name]
 */

import { failuresWithBuilt } from './mutated-gateway.js';
import { failuresWith } from './mutations.js';
import { DEFENCES, type Defence } from './security-suite.js';

process.env['SLUICE_SIMULATION_SEEDS'] ??= '60';
const filter = process.argv[2] ?? '';
const chosen = DEFENCES.filter(({ name }) => name.includes(filter));
let unseen = 0;
for (const defence of chosen) {
  const startMs = performance.now();
  const failures = await failuresOf(defence);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const missing = (defence.seenBy ?? []).filter(
    (words) => !failures.some((name) => name.includes(words)),
  );
  const isSeen = failures.length > 0 && missing.length === 0;
  if (!isSeen) unseen += 1;
  process.stdout.write(`${isSeen ? 'seen  ' : 'UNSEEN'}  ${seconds} s  ${defence.name}\n`);
  for (const words of missing) process.stdout.write(`          NOT by "${words}"\n`);
}
process.stdout.write(`${chosen.length - unseen} of ${chosen.length} defences seen\n`);
process.exitCode = unseen === 0 ? 0 : 1;

function failuresOf(defence: Defence): Promise<string[]> {
  if (defence.isBuilt === true) return failuresWithBuilt(defence.tests, defence);
  return failuresWith({ folder: 'libs', tests: defence.tests, bail: 0 }, defence);
}
