import { expect, it } from 'vitest';
import { simulateSecurity } from './security-simulation.js';

/** Another run: `SLUICE_SIMULATION_SEED=7`, or `SLUICE_SIMULATION_SEEDS=500`. */
const SEED = process.env['SLUICE_SIMULATION_SEED'];
const SEEDS = Number(process.env['SLUICE_SIMULATION_SEEDS'] ?? 6);
/** The simulation only computes; a busy machine may take long. */
const TIMEOUT = { timeout: 600_000 };
const LINES_MAX = 300;
/** Redis loses a commit before a majority has it, and is rebuilt while its author waits. */
const REBUILT_BEFORE_JOURNALED = 205;

const seeds =
  SEED === undefined
    ? [...Array.from({ length: SEEDS }, (_, index) => index + 1), REBUILT_BEFORE_JOURNALED]
    : [Number(SEED)];

it.each(seeds)(
  'seed %i: no revoked key works again, and no other key is lost',
  TIMEOUT,
  async (seed) => {
    const { violations, trace, counts } = await simulateSecurity(seed);
    const lines = trace.split('\n').slice(-LINES_MAX).join('\n');
    const alone = `SLUICE_SIMULATION_SEED=${seed} npx vitest run test/simulation/security`;
    expect(violations, `${alone}\n${JSON.stringify(counts)}\n${lines}`).toEqual([]);
    expect(counts.added).toBeGreaterThan(2);
    expect(counts.revoked).toBeGreaterThan(0);
  },
);
