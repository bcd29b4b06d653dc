/**
 * More seeds than `simulation.test.ts` runs; a seed that finds something is run again as told
 * there.
 */
import { expect, it } from 'vitest';
import { report } from './report.js';
import { simulate } from './simulation.js';

const FIRST_SEED = 11;
const SEEDS = 40;

it.each(Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index))(
  'seed %i keeps what the simulated cluster promised',
  { timeout: 1_200_000 },
  async (seed) => {
    const result = await simulate(seed);
    if (result.violations.length > 0) expect.fail(report(result));
  },
);
