import { describe, expect, it } from 'vitest';
import { report } from './report.js';
import { simulate } from './simulation.js';

/**
 * In every run of the tests; a long run takes fresh seeds, and prints the one that finds something.
 */
const FIXED_SEEDS = 10;
const SEED_MAX = 2 ** 31;
/** Only computes: where a machine has no time for it, it takes as long as it takes. */
const TIMEOUT = { timeout: 1_200_000 };

/**
 * SLUICE_SIMULATION_SEED runs one seed alone, SLUICE_SIMULATION_SEEDS so many from 1 on;
 * SLUICE_SIMULATION_MINUTES goes on with fresh seeds for so long.
 */
const SEED = process.env['SLUICE_SIMULATION_SEED'];
const SEEDS = Number(process.env['SLUICE_SIMULATION_SEEDS'] ?? FIXED_SEEDS);
const MINUTES = Number(process.env['SLUICE_SIMULATION_MINUTES'] ?? 0);

async function expectNoViolation(seed: number): Promise<void> {
  const result = await simulate(seed);
  if (result.violations.length > 0) expect.fail(report(result));
}

function freshSeed(): number {
  return Math.floor(Math.random() * SEED_MAX);
}

describe('a simulated cluster keeps what it promised, whatever goes wrong', () => {
  if (SEED !== undefined) {
    it(`seed ${SEED}`, TIMEOUT, () => expectNoViolation(Number(SEED)));
    return;
  }
  const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
  it.each(seeds)('seed %i', TIMEOUT, expectNoViolation);

  it.runIf(MINUTES > 0)(
    `for ${MINUTES} minutes of fresh seeds`,
    { timeout: MINUTES * 60_000 + 60_000 },
    async () => {
      const startMs = performance.now();
      const endMs = startMs + MINUTES * 60_000;
      let runs = 0;
      while (performance.now() < endMs) {
        await expectNoViolation(freshSeed());
        runs += 1;
      }
      const hours = (performance.now() - startMs) / 3_600_000;
      console.log(`${runs} runs, ${Math.round(runs / hours)} an hour`);
    },
  );
});
