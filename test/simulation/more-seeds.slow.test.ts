/** Runs more seeds than `simulation.test.ts`; the failure message shows how to repeat a seed. */
import { expect, it } from 'vitest';
import { report } from './report.js';
import { simulate } from './simulation.js';

const FIRST_SEED = 7;
const SEEDS = 40;

const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index);

it.each(seeds)(
  'seed %i keeps the invariants in a simulated cluster',
  { timeout: 1_200_000 },
  async (seed) => {
    const result = await simulate(seed);
    if (result.violations.length > 0) expect.fail(report(result));
  },
);

it.each(seeds)(
  'seed %i keeps the invariants of a simulated broker without peers',
  { timeout: 1_200_000 },
  async (seed) => {
    const result = await simulate(seed, 1);
    if (result.violations.length > 0) expect.fail(report(result));
  },
);
