import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/run/longest-first.js';
import { ProgressReporter } from './test/run/progress-reporter.js';
import { useTestEnvironment } from './test/run/test-environment.js';

useTestEnvironment();

const resolve = { conditions: ['source'] };

/** Where a report in JSON is written, with the duration of each test; none unless it is set. */
const reportFile = process.env['SLUICE_TEST_REPORT'];

/** A condition that is polled has this long to come true: the default of 1 s is too short on a busy machine. */
const patient = { expect: { poll: { timeout: 60_000 } } };

/** Processor cores; two at least, since Vitest would use one process on two cores by default. */
const cores = Math.max(2, availableParallelism());

/** The quick tier waits much for disks, processes and sessions: it runs one file more than there are cores. */
const inQuickTier = { maxWorkers: cores + 1 };

/** Tests that start processes, open ports or run real clients. */
const withProcesses = {
  ...patient,
  globalSetup: ['test/support/packages-installed.ts', 'test/support/build.ts'],
  // They end a test that hangs; a busy machine must not reach them.
  testTimeout: 180_000,
  hookTimeout: 180_000,
};

/**
 * The projects `unit` and `integration` are the quick tier, which `npm test` runs; `slow` is the slow
 * tier: the files named `*.slow.test.ts`. CONTRIBUTING.md tells which test belongs where.
 */
export default defineConfig({
  test: {
    reporters:
      reportFile === undefined ? [new ProgressReporter()] : [new ProgressReporter(), 'json'],
    ...(reportFile === undefined ? {} : { outputFile: { json: reportFile } }),
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve,
        ssr: { resolve },
        test: {
          name: 'unit',
          include: ['libs/**/*.test.ts', 'apps/**/*.test.ts'],
          exclude: ['**/*.slow.test.ts'],
          // The files of a worker share its modules: loading them again took half of the time.
          isolate: false,
          ...inQuickTier,
          ...patient,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr: { resolve },
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['**/*.slow.test.ts', 'test/interop/**', 'test/tidy/**'],
          // As above: it saves half a second of processor time per file.
          isolate: false,
          ...inQuickTier,
          ...withProcesses,
        },
      },
      { test: { name: 'tidy', include: ['test/tidy/*.test.ts'], testTimeout: 120_000 } },
      {
        resolve,
        ssr: { resolve },
        test: {
          name: 'slow',
          include: ['{test,libs,apps}/**/*.slow.test.ts'],
          // Its clusters and faults need the processor for themselves.
          maxWorkers: cores,
          sequence: { groupOrder: 1 },
          ...withProcesses,
        },
      },
    ],
  },
});
