import { describe, expect, it } from 'vitest';
import { report } from './report.js';
import { simulate } from './simulation.js';

/** Number of seeds in every test run; a long run uses fresh seeds and prints a failing one. */
const FIXED_SEEDS = 6;
const SEED_MAX = 2 ** 31;
/** The simulation only computes; a busy machine may take long. */
const TIMEOUT = { timeout: 1_200_000 };

/**
 * SLUICE_SIMULATION_SEED runs one seed, SLUICE_SIMULATION_SEEDS runs that many from 1 on;
 * SLUICE_SIMULATION_MINUTES continues with fresh seeds for that time.
 */
const SEED = process.env['SLUICE_SIMULATION_SEED'];
const SEEDS = Number(process.env['SLUICE_SIMULATION_SEEDS'] ?? FIXED_SEEDS);
const MINUTES = Number(process.env['SLUICE_SIMULATION_MINUTES'] ?? 0);

async function expectNoViolation(seed: number, brokers?: number): Promise<void> {
  const result = await simulate(seed, brokers).catch((error: unknown) => {
    throw new Error(`seed ${seed} ended with an error`, { cause: error });
  });
  if (result.violations.length > 0) expect.fail(report(result));
}

function firstSeeds(): number[] {
  return Array.from({ length: SEEDS }, (_, index) => index + 1);
}

function freshSeed(): number {
  return Math.floor(Math.random() * SEED_MAX);
}

describe('a simulated cluster keeps its invariants under faults', () => {
  if (SEED !== undefined) {
    it(`seed ${SEED}`, TIMEOUT, () => expectNoViolation(Number(SEED)));
    return;
  }
  it.each(firstSeeds())('seed %i', TIMEOUT, (seed) => expectNoViolation(seed));

  it.runIf(MINUTES > 0)(
    `for ${MINUTES} minutes of fresh seeds`,
    // The last seed may begin at the end of that time.
    { timeout: MINUTES * 60_000 + TIMEOUT.timeout },
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

describe('a simulated broker without peers keeps the invariants under faults', () => {
  // Fewer seeds: a broker without peers meets fewer faults.
  const few = firstSeeds().slice(0, Math.ceil(SEEDS / 2));
  it.each(SEED === undefined ? few : [Number(SEED)])('seed %i of one broker', TIMEOUT, (seed) =>
    expectNoViolation(seed, 1),
  );
});
