/**
 * Runs the long tests: random histories of the log, mutations that they must detect, input fuzzing,
 * kills and power cuts under load, faults of a cluster of real and simulated processes. They take
 * some 45 minutes; shorter slices of each are part of both tiers (CONTRIBUTING.md).
 *
 * usage: npm run test:faults
 */
import { spawnSync } from 'node:child_process';

const VITEST = ['node_modules/vitest/vitest.mjs', 'run'];
const SCRIPT = ['--import', 'jiti/register'];

const runs = [
  {
    args: [...VITEST, '--project', 'unit', 'libs/log/src/log-histories.test.ts'],
    env: { SLUICE_HISTORIES: '5000' },
  },
  {
    args: [
      ...VITEST,
      '--project',
      'unit',
      'libs/log/src/cleaning/shortage-cleanup.test.ts',
      'libs/delivery/src/delivery-histories.test.ts',
      'libs/groups/src/queue/share-histories.test.ts',
    ],
    env: { SLUICE_HISTORIES: '1500' },
  },
  { args: [...SCRIPT, 'test/mutations/log-mutations.ts'], env: {} },
  { args: [...SCRIPT, 'test/mutations/cluster-mutations.ts'], env: {} },
  {
    args: [...VITEST, '--project', 'integration', 'test/fuzz'],
    env: { SLUICE_FUZZ_CASES: '40000' },
  },
  {
    args: [...VITEST, '--project', 'integration', 'test/stress/random-readers.test.ts'],
    env: { SLUICE_STRESS_RECORDS: '6000' },
  },
  {
    args: [...VITEST, '--project', 'integration', '--project', 'slow', 'test/faults'],
    env: { SLUICE_KILLS: '40', SLUICE_POWER_CUTS: '20' },
  },
  {
    args: [...VITEST, '--project', 'integration', '--project', 'slow', 'test/cluster'],
    env: { SLUICE_CLUSTER_ROUNDS: '12' },
  },
  {
    args: [...VITEST, '--project', 'integration', 'test/simulation'],
    env: { SLUICE_SIMULATION_MINUTES: '10' },
  },
];

let hasFailed = false;
for (const { args, env } of runs) {
  const result = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  hasFailed ||= result.status !== 0;
}
process.exitCode = hasFailed ? 1 : 0;
