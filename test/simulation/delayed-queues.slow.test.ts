/**
 * Runs the simulation with a queue of which some records are delayed, with and without the order of
 * keys, and with one whose dead letters are put back while the groups' log is compacted. The seeds
 * are apart from those of `simulation.test.ts`, whose histories stay as they are.
 */
import { describe, expect, it } from 'vitest';
import { report } from './report.js';
import { simulate } from './simulation.js';

/** SLUICE_SIMULATION_SEED runs one seed, SLUICE_SIMULATION_SEEDS that many. */
const SEED = process.env['SLUICE_SIMULATION_SEED'];
const SEEDS = Number(process.env['SLUICE_SIMULATION_SEEDS'] ?? 5);

const TEST = `--project slow test/simulation/delayed-queues.slow.test.ts`;
const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);

describe.each(['delayed', 'ordered', 'redriven'] as const)('a queue with %s records', (queue) => {
  it.each(SEED === undefined ? seeds : [Number(SEED)])(
    'seed %i keeps the invariants',
    { timeout: 1_200_000 },
    async (seed) => {
      const result = await simulate(seed, 3, queue);
      if (result.violations.length > 0) expect.fail(report(result, TEST));
    },
  );
});
