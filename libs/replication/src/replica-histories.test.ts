import { describe, it } from 'vitest';
import { ReplicaHistory } from './testing/replica-history.js';

const HISTORIES = 40;
const STEPS = 100;

describe('replicas through faults', () => {
  it('lose nothing acknowledged, never disagree, and become equal again', async () => {
    for (let seed = 1; seed <= HISTORIES; seed += 1) {
      try {
        const history = await ReplicaHistory.begin(seed);
        for (let step = 0; step < STEPS; step += 1) await history.step();
        await history.end();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  }, 120_000);
});
