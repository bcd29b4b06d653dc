/** Runs more seeds than `security-simulation.test.ts`. */
import { expect, it } from 'vitest';
import { simulateSecurity } from './security-simulation.js';

const FIRST_SEED = 101;
const SEEDS = 200;

it(`${SEEDS} further seeds keep the invariants of keys and revocations`, {
  timeout: 1_200_000,
}, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const { violations } = await simulateSecurity(seed);
    expect(violations, `seed ${seed}`).toEqual([]);
  }
});
